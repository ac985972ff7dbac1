//! The parameters that say which actions are meant: the same wherever actions are asked for or changed.

use action_scheduler::query::{ArgsMatch, Claimed, Comparator};
use action_scheduler::{ActionId, Args, ChainId, ClaimId, Group, Hook, Query, Scheduler, Status};
use jiff::Timestamp;
use utoipa::IntoParams;

use crate::http::{FromParameters, Given, Problem};

/// Which actions are meant: every parameter that is given must hold.
#[derive(Debug, Clone, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only these ids; may be given more than once.
    #[param(value_type = Option<Vec<i64>>)]
    id: Vec<ActionId>,
    /// Only this hook.
    #[param(value_type = Option<String>)]
    hook: Option<Hook>,
    /// Only this group; empty is the default group.
    #[param(value_type = Option<String>)]
    group: Option<Group>,
    /// Only these statuses; may be given more than once.
    #[param(value_type = Option<Vec<crate::api::shapes::StatusName>>)]
    status: Vec<Status>,
    /// Only pending actions that are due.
    #[param(value_type = Option<bool>)]
    past_due: bool,
    /// Only args like these: JSON, or any text with `args_match=text`.
    args: Option<String>,
    /// How args are compared: `exact` (unless set), `text` (their JSON contains the text) or `json` (they have its keys
    /// or elements).
    args_match: Option<String>,
    /// Only actions due at such a date: a comparator (`<=` unless given) and a date, such as `>=yesterday`. Twice makes
    /// a range.
    #[param(value_type = Option<Vec<String>>)]
    scheduled: Vec<String>,
    /// Only actions that last changed at such a date, as `scheduled`.
    #[param(value_type = Option<Vec<String>>)]
    modified: Vec<String>,
    /// Only claimed actions (`yes`), unclaimed ones (`no`), or those of a claim (its id).
    claimed: Option<String>,
    /// Only instances of this chain.
    #[param(value_type = Option<i64>, minimum = 1)]
    chain: Option<ChainId>,
    /// Only actions whose hook or args contain this text, or whose id or claim id it is.
    search: Option<String>,
}

impl FromParameters for Filter {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self {
            id: given.listed("id")?,
            hook: given.one("hook")?,
            group: given.one("group")?,
            status: given.listed("status")?,
            past_due: given.flag("past_due")?,
            args: given.text("args")?,
            args_match: given.text("args_match")?,
            scheduled: given.texts("scheduled"),
            modified: given.texts("modified"),
            claimed: given.text("claimed")?,
            chain: given.one("chain")?,
            search: given.text("search")?,
        })
    }
}

impl Filter {
    /// Whether it lets every action through.
    pub(crate) fn is_empty(&self) -> bool {
        self.id.is_empty()
            && self.hook.is_none()
            && self.group.is_none()
            && self.status.is_empty()
            && !self.past_due
            && self.args.is_none()
            && self.scheduled.is_empty()
            && self.modified.is_empty()
            && self.claimed.is_none()
            && self.chain.is_none()
            && self.search.is_none()
    }

    /// The query for these actions; dates are read as of now.
    pub(crate) fn query(&self, scheduler: &Scheduler) -> Result<Query, Problem> {
        let mut query = Query::new();
        if !self.id.is_empty() {
            query = query.ids(self.id.iter().copied());
        }
        query.hook = self.hook.clone();
        query.group = self.group.clone();
        query.chain = self.chain;
        query.search = self.search.clone();
        for status in &self.status {
            query = query.status(*status);
        }
        query.args = self.args()?;
        query.claimed = self.claimed.as_deref().map(claimed).transpose()?;
        for text in &self.scheduled {
            let (comparator, date) = compared("scheduled", text, scheduler)?;
            query = query.scheduled(comparator, date);
        }
        for text in &self.modified {
            let (comparator, date) = compared("modified", text, scheduler)?;
            query = query.modified(comparator, date);
        }
        if self.past_due {
            if !self.status.is_empty() && self.status != [Status::Pending] {
                let detail = "only pending actions are past-due; leave status away";
                return Err(Problem::invalid("past_due", detail));
            }
            query = query.past_due(scheduler.now());
        }
        Ok(query)
    }

    fn args(&self) -> Result<Option<ArgsMatch>, Problem> {
        let json = |text: &str| {
            text.parse::<Args>().map_err(|error| Problem::invalid("args", error.to_string()))
        };
        Ok(match (self.args.as_deref(), self.args_match.as_deref()) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(Problem::invalid("args_match", "there are no args to be compared"));
            }
            (Some(text), None | Some("exact")) => Some(ArgsMatch::Exact(json(text)?)),
            (Some(text), Some("json")) => Some(ArgsMatch::ContainsJson(json(text)?)),
            (Some(text), Some("text")) => Some(ArgsMatch::ContainsText(text.to_owned())),
            (_, Some(other)) => {
                let detail = format!("args_match {other:?}: expected exact, text or json");
                return Err(Problem::invalid("args_match", detail));
            }
        })
    }
}

fn claimed(text: &str) -> Result<Claimed, Problem> {
    match text {
        "yes" => Ok(Claimed::Any),
        "no" => Ok(Claimed::None),
        _ => text.parse::<ClaimId>().map(Claimed::By).map_err(|_| {
            let detail = format!("claimed {text:?}: expected yes, no or the id of a claim");
            Problem::invalid("claimed", detail)
        }),
    }
}

/// A date with a comparator before it, which may be missing.
fn compared(
    name: &'static str,
    text: &str,
    scheduler: &Scheduler,
) -> Result<(Comparator, Timestamp), Problem> {
    let text = text.trim();
    let end = text.find(|c| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(text.len());
    let (sign, date) = text.split_at(end);
    let comparator = match sign {
        "" => Comparator::LessOrEqual,
        sign => sign.parse().map_err(|error| invalid(name, &error))?,
    };
    let date = scheduler.date(date.trim()).map_err(|error| invalid(name, &error))?;
    Ok((comparator, date))
}

fn invalid(name: &'static str, error: &impl std::fmt::Display) -> Problem {
    Problem::invalid(name, error.to_string())
}
