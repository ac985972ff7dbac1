//! One hook: what it is bound to, what holds for it, what comes next.

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::{ChainQuery, ChainState};
use action_scheduler::{Hook, Query as ActionQuery, Status};
use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::figures::figures;
use super::list::handlers;
use super::policy::settings;
use crate::admin::components::dates;
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::status;
use crate::admin::components::table::{Column, Row, facts, table};
use crate::admin::components::text;
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::schedules::in_words;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;

/// Which hook.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    hook: String,
}

/// How many of its chains are shown.
const CHAINS: u32 = 10;

pub(super) async fn show(visit: Visit, Query(named): Query<Named>) -> Result<Response, Trouble> {
    let hook = Hook::new(&named.hook)?;
    let scheduler = visit.site.scheduler();
    let first = |status, order| {
        let query = ActionQuery::new().hook(hook.clone()).status(status).limit(1);
        scheduler.query(query.order(OrderBy::Date, order))
    };
    let next = first(Status::Pending, Order::Ascending).await?.pop();
    let failed = first(Status::Failed, Order::Descending).await?.pop();
    let chains = scheduler
        .chains(ChainQuery {
            hook: Some(hook.clone()),
            states: vec![ChainState::Active, ChainState::Paused],
            limit: Some(CHAINS),
            ..ChainQuery::default()
        })
        .await?;
    let action = |action: &action_scheduler::Action| {
        html! {
            a href=(visit.href(format!("/actions/{}", action.id))) { "action " (action.id) } " "
            (status::mark_of(action, visit.dates.now)) " "
            (dates::relative(&visit.dates, action.scheduled_at))
        }
    };
    let rows = [
        ("Handler", handlers(&visit, &hook)),
        ("Next", next.as_ref().map_or_else(text::none, action)),
        ("Latest failure", failed.as_ref().map_or_else(text::none, action)),
    ];
    let lately = figures(&visit, &hook).await?;
    let body = html! {
        section data-live="figures" { (lately) }
        div .columns {
            section .card .padded data-live="hook" { h2 .hidden { "About this hook" } (facts(&rows)) }
            section .card .padded {
                div .section-head { h2 { "Policy" } }
                (policy(&visit, &hook))
            }
        }
        @if !chains.is_empty() {
            section {
                div .section-head {
                    h2 { "What recurs" }
                    a href=(visit.href(Link::to("/schedules").with("hook", &hook))) { "All its chains" }
                }
                (table("Chains of this hook", &[Column::new("Chain"), Column::new("Runs"), Column::new("State")],
                        &chains.iter().map(|chain| Row::new(chain.id)
                            .cell(html! { a href=(visit.href(format!("/schedules/{}", chain.id))) { (chain.id) } })
                            .cell(html! { (in_words(&chain.recurring)) })
                            .cell(status::chain_mark(chain.state))).collect::<Vec<_>>()))
            }
        }
    };
    let tools = html! {
        a .button href=(visit.href(Link::to("/actions").with("hook", &hook))) { (icon(Icon::List)) "Its actions" }
        @if visit.may_operate() {
            a .button href=(visit.href(Link::to("/actions/new").with("hook", &hook))) { (icon(Icon::Plus)) "New action" }
        }
    };
    let title = action_scheduler::text::safe(hook.as_str()).into_owned();
    let page = Page::new(Place::Hooks, title)
        .below(visit.href("/hooks"), "Hooks")
        .tools(tools)
        .body(body)
        .live();
    Ok(visit.show(page))
}

fn policy(visit: &Visit, hook: &Hook) -> Markup {
    let columns = [Column::new("Setting"), Column::new("Value"), Column::new("Set by")];
    let rows: Vec<Row> = settings(visit.site.scheduler().policies(), hook)
        .into_iter()
        .map(|setting| {
            Row::new(setting.key)
                .cell(html! { code { (setting.key) } })
                .cell(html! { (setting.value) })
                .cell(match setting.pattern {
                    Some(pattern) => html! { code { "[hooks." (text::plain(&pattern)) "]" } },
                    None => html! { span .muted { "all hooks" } },
                })
        })
        .collect();
    table("Policy", &columns, &rows)
}
