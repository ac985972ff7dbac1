//! What the form for a new action says, as it was typed.

use action_scheduler::{Args, Group, Hook, NewAction, Priority, Scheduler, Unique};
use serde::Deserialize;

use crate::admin::visit::Visit;
use crate::admin::when::When;
use crate::http::Problem;

/// What the fields say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    pub(super) hook: String,
    pub(super) args: String,
    pub(super) group: String,
    pub(super) priority: String,
    pub(super) unique: String,
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) when: When,
    /// Set by the button that only shows what would be.
    pub(super) preview: String,
}

impl Draft {
    /// The action that is meant, or what is wrong and with which field.
    pub(super) fn read(&self, visit: &Visit, scheduler: &Scheduler) -> Result<NewAction, Problem> {
        let hook = Hook::new(self.hook.trim()).map_err(at("hook"))?;
        let args: Args = match self.args.trim() {
            "" => Args::none(),
            text => text.parse().map_err(at("args"))?,
        };
        let schedule = self.when.read(visit, scheduler)?;
        let group = Group::new(self.group.trim()).map_err(at("group"))?;
        let priority: Priority = self.priority_text().trim().parse().map_err(at("priority"))?;
        let action = NewAction::new(hook, schedule).args(args).group(group).priority(priority);
        Ok(action.unique(self.unique()?))
    }

    /// The priority as it was typed, or the default.
    pub(super) fn priority_text(&self) -> &str {
        match self.priority.as_str() {
            "" => "10",
            text => text,
        }
    }

    fn unique(&self) -> Result<Unique, Problem> {
        match (self.unique.as_str(), self.key.trim()) {
            ("", _) => Ok(Unique::No),
            ("args", _) => Ok(Unique::Args),
            ("hook", _) => Ok(Unique::Hook),
            ("key", "") => Err(Problem::invalid("key", "expected a key, such as invoice-42")),
            ("key", key) => Ok(Unique::Key(key.to_owned())),
            (other, _) => {
                let expected = "expected args, hook, key or nothing";
                Err(Problem::invalid("unique", format!("unique {other:?}: {expected}")))
            }
        }
    }
}

fn at<E: std::fmt::Display>(field: &'static str) -> impl Fn(E) -> Problem {
    move |error| Problem::invalid(field, error.to_string())
}
