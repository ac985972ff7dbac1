//! Forms.

use maud::{Markup, html};

use crate::admin::link::Link;
use crate::admin::visit::Visit;

/// A form that is posted to a path below the base path.
pub(in crate::admin) fn post(visit: &Visit, to: impl Into<Link>, content: Markup) -> Markup {
    html! {
        form method="post" action=(visit.href(to)) { (csrf(visit)) (content) }
    }
}

/// The hidden field that says that a form was made by this server for this person.
pub(in crate::admin) fn csrf(visit: &Visit) -> Markup {
    html! { input type="hidden" name="csrf" value=(visit.caller.csrf); }
}

/// A hidden field.
pub(in crate::admin) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A labelled field. The input has the id that the field is given; where there is a hint or a problem it is described by
/// `ID-hint` and `ID-problem`.
#[derive(Debug)]
pub(in crate::admin) struct Field<'a> {
    id: &'a str,
    label: &'a str,
    hint: Option<Markup>,
    problem: Option<Markup>,
}

impl<'a> Field<'a> {
    /// A field for the input with this id.
    pub(in crate::admin) fn new(id: &'a str, label: &'a str) -> Self {
        Self { id, label, hint: None, problem: None }
    }

    /// The same, with a line that says what is expected.
    pub(in crate::admin) fn hint(mut self, hint: Markup) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The same, with what is wrong with what was entered.
    pub(in crate::admin) fn problem(mut self, problem: Option<Markup>) -> Self {
        self.problem = problem;
        self
    }

    /// The ids of what describes the input, if anything does: for its `aria-describedby`.
    pub(in crate::admin) fn description(&self) -> Option<String> {
        let parts = [(self.problem.is_some(), "problem"), (self.hint.is_some(), "hint")];
        let ids = parts.iter().filter(|(is_there, _)| *is_there);
        let ids: Vec<String> = ids.map(|(_, part)| format!("{}-{part}", self.id)).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    /// The field around its input.
    pub(in crate::admin) fn input(self, input: Markup) -> Markup {
        html! {
            div .field .wrong[self.problem.is_some()] {
                label for=(self.id) { (self.label) }
                (input)
                @if let Some(problem) = self.problem {
                    p .problem id={ (self.id) "-problem" } { (problem) }
                }
                @if let Some(hint) = self.hint { p .hint id={ (self.id) "-hint" } { (hint) } }
            }
        }
    }
}
