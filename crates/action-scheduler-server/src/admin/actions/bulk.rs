//! What is done to many actions at once: said first, then done in the background, with its progress shown.

use action_scheduler::scheduler::Deed;
use action_scheduler::text::thousands;
use action_scheduler::time::parse_date;
use action_scheduler::{ActionId, Query, Status};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};

use super::change::date_field;
use super::view::{View, WINDOW};
use crate::access::Operator;
use crate::admin::components::confirm::{Confirm, confirm};
use crate::admin::components::dates::relative;
use crate::admin::components::empty::empty;
use crate::admin::components::form::{hidden, post};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::progress::progress as progress_bar;
use crate::admin::components::text::plain;
use crate::admin::jobs::{Job, JobId, Outcome};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::{Visit, safe_return};
use crate::http::Problem;
use crate::site::Site;

/// What can be chosen to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Rerun,
    RunNow,
    Reschedule,
    Cancel,
    Delete,
}

impl Choice {
    pub(super) const ALL: [Choice; 5] =
        [Choice::Rerun, Choice::RunNow, Choice::Reschedule, Choice::Cancel, Choice::Delete];

    /// As forms name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Choice::Rerun => "rerun",
            Choice::RunNow => "run",
            Choice::Reschedule => "reschedule",
            Choice::Cancel => "cancel",
            Choice::Delete => "delete",
        }
    }

    /// As people read it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Choice::Rerun => "Re-run",
            Choice::RunNow => "Run now",
            Choice::Reschedule => "Reschedule",
            Choice::Cancel => "Cancel",
            Choice::Delete => "Delete",
        }
    }

    /// What is done then, at this date if it takes one.
    fn deed(self, at: Timestamp) -> Deed {
        match self {
            Choice::Rerun => Deed::Rerun,
            Choice::RunNow => Deed::RunNow,
            Choice::Reschedule => Deed::Reschedule(at),
            Choice::Cancel => Deed::Cancel { reason: None },
            Choice::Delete => Deed::Delete,
        }
    }

    /// To which it can be done.
    fn allows(self, status: Status) -> bool {
        self.deed(Timestamp::MAX).allows(status)
    }

    /// What has been done to those that are done.
    fn done(self) -> &'static str {
        match self {
            Choice::RunNow => "due now",
            other => other.deed(Timestamp::MAX).done(),
        }
    }

    /// What it means, as a sentence.
    fn meaning(self) -> &'static str {
        match self {
            Choice::Rerun => {
                "Each gets a new attempt, due now. Their chains, if they had one, are not touched."
            }
            Choice::RunNow => "Each is due now. Recurring ones go on at the dates they had.",
            Choice::Reschedule => "Each gets the date below.",
            Choice::Cancel => {
                "None of them will run. What is running is not interrupted, but what it reports changes nothing any more. \
                 Chains of recurring ones end."
            }
            Choice::Delete => {
                "They are deleted with their logs. This cannot be undone. Chains of pending ones end."
            }
        }
    }

    fn is_grave(self) -> bool {
        matches!(self, Choice::Cancel | Choice::Delete)
    }
}

/// What a form asks for.
struct Asked {
    deed: Choice,
    over: Over,
    date: String,
    back: Link,
    /// The view, as the form carried it.
    view_text: String,
}

enum Over {
    Selected(Vec<ActionId>),
    All(Box<View>),
}

impl Asked {
    fn read(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let value = |key: &str| {
            pairs
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.as_str())
                .unwrap_or_default()
        };
        let deed = Choice::ALL.into_iter().find(|deed| deed.as_str() == value("deed")).ok_or_else(
            || Problem::invalid("deed", "expected rerun, run, reschedule, cancel or delete"),
        )?;
        let view_text = value("view").to_owned();
        let over = match value("over") {
            "all" => {
                let query = format!("http://localhost/?{view_text}");
                let uri: axum::http::Uri = query.parse().map_err(|_| {
                    Problem::invalid("view", "expected the query of a list of actions")
                })?;
                let axum::extract::Query(pairs) =
                    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
                        .map_err(|error| Problem::invalid("view", error.to_string()))?;
                Over::All(Box::new(View::read(&pairs)?.at_start()))
            }
            "selected" => {
                let ids = pairs.iter().filter(|(key, _)| key == "id").map(|(_, value)| {
                    value.parse().map_err(|_| {
                        Problem::invalid("id", format!("{value:?}: expected the id of an action"))
                    })
                });
                Over::Selected(ids.collect::<Result<_, _>>()?)
            }
            _ => return Err(Problem::invalid("over", "expected selected or all")),
        };
        Ok(Self {
            deed,
            over,
            date: value("date").to_owned(),
            back: safe_return(value("return")).unwrap_or_else(|| "/actions".into()),
            view_text,
        })
    }

    /// The actions that are meant, whatever their status allows. All that match are meant, also beyond what a list looks at.
    fn query(&self, visit: &Visit) -> Result<Query, Problem> {
        match &self.over {
            Over::Selected(ids) => Ok(Query::new().ids(ids.iter().copied())),
            Over::All(view) => Ok(Query { within: None, ..view.query(&visit.dates)? }),
        }
    }

    fn fields(&self, visit: &Visit, problem: Option<String>) -> Markup {
        html! {
            (hidden("deed", self.deed.as_str()))
            (hidden("return", self.back.as_str()))
            @match &self.over {
                Over::All(_) => { (hidden("over", "all")) (hidden("view", &self.view_text)) }
                Over::Selected(ids) => {
                    (hidden("over", "selected"))
                    @for id in ids { (hidden("id", &id.to_string())) }
                }
            }
            @if self.deed == Choice::Reschedule { (date_field(visit, &self.date, problem)) }
        }
    }

    fn date(&self, visit: &Visit) -> Result<Timestamp, String> {
        parse_date(&self.date, visit.dates.now, &visit.dates.zone)
            .map_err(|error| error.to_string())
    }
}

/// How many of the meant actions have each status, counted no further than a window.
struct Counted(Vec<(Status, u64)>);

impl Counted {
    async fn of(visit: &Visit, query: &Query) -> Result<Self, Trouble> {
        let mut counts = Vec::new();
        for status in Status::ALL {
            if !query.statuses.is_empty() && !query.statuses.contains(&status) {
                continue;
            }
            let one = Query { statuses: vec![status], ..query.clone() };
            let count = visit.site.scheduler().count(one.within(WINDOW)).await?;
            if count > 0 {
                counts.push((status, count));
            }
        }
        Ok(Self(counts))
    }

    fn sum(&self, which: impl Fn(Status) -> bool) -> u64 {
        self.0.iter().filter(|(status, _)| which(*status)).map(|(_, count)| count).sum()
    }

    fn is_exact(&self) -> bool {
        self.0.iter().all(|(_, count)| *count < u64::from(WINDOW))
    }

    fn in_words(&self, which: impl Fn(Status) -> bool) -> String {
        let parts = self.0.iter().filter(|(status, _)| which(*status)).map(|(status, count)| {
            let more = if *count >= u64::from(WINDOW) { "more than " } else { "" };
            format!("{more}{} {status}", thousands(*count))
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Says what will happen, and asks.
pub(super) async fn ask(
    visit: Visit,
    Operator(_): Operator,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let asked = Asked::read(&pairs)?;
    question(&visit, &asked, None).await
}

async fn question(
    visit: &Visit,
    asked: &Asked,
    problem: Option<String>,
) -> Result<Response, Trouble> {
    let deed = asked.deed;
    let title = format!("{} many actions?", deed.title());
    let page = |body| {
        Page::new(Place::Actions, title.as_str())
            .below(visit.href("/actions"), "Actions")
            .body(body)
    };
    let query = asked.query(visit)?;
    if query.ids.as_ref().is_some_and(Vec::is_empty) {
        let body = nothing(
            visit,
            asked,
            "No action is selected",
            "Select some in the list, or choose all that match.",
        );
        return Ok(visit.show(page(body)));
    }
    let counted = Counted::of(visit, &query).await?;
    let count = counted.sum(|status| deed.allows(status));
    if count == 0 {
        let there = counted.in_words(|_| true);
        let text = match there.is_empty() {
            true => "Nothing matches any more.".to_owned(),
            false => format!("What is meant cannot be {}: {there}.", deed.done()),
        };
        return Ok(visit.show(page(nothing(visit, asked, "There is nothing to do", &text))));
    }
    let left = counted.in_words(|status| !deed.allows(status));
    let at_least = if counted.is_exact() { "" } else { "at least " };
    let many =
        format!("{at_least}{} {}", thousands(count), if count == 1 { "action" } else { "actions" });
    let what = html! {
        p { strong { (deed.title()) " " (many) } ": " (counted.in_words(|status| deed.allows(status))) "." }
        p { (deed.meaning()) }
        @if !left.is_empty() { p .muted { "Left as they are: " (left) "." } }
        @if let Over::All(view) = &asked.over {
            @if view.needs_window() {
                p .muted { "All that match are meant, also those beyond what the list has looked at." }
            }
        }
    };
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let body = confirm(
        visit,
        Confirm {
            what,
            button: format!("{} {many}", deed.title()),
            is_grave: deed.is_grave(),
            to: "/actions/bulk/start".into(),
            fields: asked.fields(visit, problem),
            back: asked.back.clone(),
        },
    );
    Ok(visit.show_as(status, page(body)))
}

fn nothing(visit: &Visit, asked: &Asked, title: &str, text: &str) -> Markup {
    let content = html! {
        p { (text) }
        p { a .button href=(visit.href(asked.back.clone())) { "Back to the list" } }
    };
    empty(Icon::List, title, content)
}

/// Starts it, and leads to its progress.
pub(super) async fn start(
    visit: Visit,
    Operator(caller): Operator,
    State(site): State<Site>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let asked = Asked::read(&pairs)?;
    let query = asked.query(&visit)?;
    if query.ids.as_ref().is_some_and(Vec::is_empty) {
        return question(&visit, &asked, None).await;
    }
    let scheduler = site.acting_as(&caller);
    let all = Counted::of(&visit, &query).await?;
    let expected = all.is_exact().then(|| all.sum(|status| asked.deed.allows(status)));
    let at = match asked.deed {
        Choice::Reschedule => match asked.date(&visit) {
            Ok(at) => at,
            Err(problem) => return question(&visit, &asked, Some(problem)).await,
        },
        _ => visit.dates.now,
    };
    let bulk = scheduler.do_to_all(query, asked.deed.deed(at));
    let title = format!("{} many actions", asked.deed.title());
    let job = Job::new(title, asked.deed.done(), expected, asked.back.as_str(), visit.dates.now);
    let id = site.jobs().start(job, bulk)?;
    Ok(visit.back_to(format!("/jobs/{id}")))
}

fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| Problem::not_found("there is no such job"))
}

/// Shows how far a job has come.
pub(super) async fn progress(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let id = job_id(&id)?;
    let job = visit.site.jobs().look(id).ok_or_else(|| {
        Problem::not_found(
            "there is no such job; jobs are remembered until the server is started anew",
        )
    })?;
    let (done, passed_over) = (job.progress.done, job.progress.passed_over);
    let outcome = job.outcome.clone();
    let is_running = outcome.is_none();
    let body = html! {
        div data-live="job" data-refresh[is_running] {
            section .card .padded .stack {
                @match outcome {
                    None => {
                        @if let Some(expected) = job.expected {
                            (progress_bar("Progress", done + passed_over, expected, &format!("actions {}", job.done)))
                        } @else {
                            div .progress {
                                progress aria-label="Progress" {}
                                p { (thousands(done)) " actions " (job.done) " so far" }
                            }
                        }
                        (post(&visit, format!("/jobs/{id}/stop"), html! {
                            div .buttons {
                                button .button .danger type="submit" { (icon(Icon::Stop)) "Stop" }
                                span .muted { "What is done stays done. You can leave this page." }
                            }
                        }))
                    }
                    Some(outcome) => {
                        p .lead { @match &outcome {
                            Outcome::Done => { (icon(Icon::Check)) " " (thousands(done)) @if done == 1 { " action is " } @else { " actions are " } (job.done) "." }
                            Outcome::Stopped => { "Stopped: " (thousands(done)) " actions are " (job.done) ", the rest is as it was." }
                            Outcome::Failed(reason) => { (icon(Icon::Warning)) " It broke off: " (plain(reason)) ". " (thousands(done)) " actions are " (job.done) "; what is left can be started again." }
                        } }
                        p { a .button .primary href=(visit.href(Link::to(job.back.clone()))) { "Back to the list" } }
                    }
                }
                p .muted { "Begun " (relative(&visit.dates, job.begun)) "." }
                @if passed_over > 0 {
                    p .muted { (thousands(passed_over)) " had changed by themselves before their turn came, and were left as they are." }
                }
            }
        }
    };
    let mut page =
        Page::new(Place::Actions, job.title).below(visit.href("/actions"), "Actions").body(body);
    if is_running {
        page = page.looking_again();
    }
    Ok(visit.show(page))
}

/// Stops a job after the batch it is at.
pub(super) async fn stop(
    visit: Visit,
    Operator(_): Operator,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let id = job_id(&id)?;
    visit.site.jobs().stop(id);
    Ok(visit.back_to(format!("/jobs/{id}")))
}
