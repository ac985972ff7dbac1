//! What people do to chains.

use action_scheduler::store::ChainState;
use action_scheduler::{ChainId, Error};
use axum::extract::{Form, Path};
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::one::find;
use crate::access::Operator;
use crate::admin::components::confirm::{Confirm, confirm};
use crate::admin::components::text;
use crate::admin::flash::{Deed, Flash};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::{Visit, safe_return};
use crate::http::Problem;

/// What the forms send.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    reason: String,
    #[serde(rename = "return")]
    back: String,
}

pub(super) async fn pause(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    let reason = match sent.reason.trim() {
        "" => format!("by {}", caller.context()),
        reason => reason.chars().take(200).collect(),
    };
    visit.site.acting_as(&caller).pause(id, &reason).await?;
    Ok(done(&visit, id, &sent, Deed::ChainPaused))
}

pub(super) async fn resume(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    visit.site.acting_as(&caller).resume(id).await?;
    Ok(done(&visit, id, &sent, Deed::ChainResumed))
}

pub(super) async fn run(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    visit.site.acting_as(&caller).run_chain(id).await?;
    Ok(done(&visit, id, &sent, Deed::ChainRunNow))
}

pub(super) async fn ask_to_end(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let line = find(&visit, &id, 5).await?;
    let (id, hook) = (line.chain.id, &line.chain.hook);
    let is_declared = line.chain.key.as_deref().is_some_and(|key| key.starts_with("config:"));
    let what = html! {
        p { "Chain " (id) " of " (text::name(hook.as_str())) " will end for good: what is pending is canceled, what runs comes to \
             its end, and nothing follows." }
        @if is_declared {
            p { "It is declared in the config file. The server makes a new one when it is started again, unless it is taken out \
                 there." }
        }
    };
    let body = confirm(
        &visit,
        Confirm {
            what,
            button: format!("End chain {id}"),
            is_grave: true,
            to: Link::to(format!("/schedules/{id}/end")),
            fields: html! {},
            back: Link::to(format!("/schedules/{id}")),
        },
    );
    let page = Page::new(Place::Schedules, "End this chain?")
        .below(visit.href("/schedules"), "Schedules")
        .below(visit.href(format!("/schedules/{id}")), hook.to_string())
        .body(body);
    Ok(visit.show(page))
}

pub(super) async fn end(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    visit.site.acting_as(&caller).end(id).await?;
    Ok(done(&visit, id, &sent, Deed::ChainEnded))
}

fn read(id: &str) -> Result<ChainId, Trouble> {
    id.parse().map_err(|_| Problem::not_found(format!("there is no chain {id}")).into())
}

/// Back to where it was asked for.
fn done(visit: &Visit, id: ChainId, sent: &Sent, deed: Deed) -> Response {
    let back = safe_return(&sent.back).unwrap_or_else(|| Link::to(format!("/schedules/{id}")));
    visit.back_with(back, Flash::of(deed, id.get()))
}

/// A chain that no longer goes on cannot be given another schedule.
pub(super) fn goes_on(id: ChainId, state: ChainState) -> Result<(), Error> {
    match state {
        ChainState::Active | ChainState::Paused => Ok(()),
        ChainState::Ended => Err(Error::WrongChainState {
            chain: id,
            state,
            verb: "rescheduled",
            allowed: "an active or paused chain",
        }),
    }
}
