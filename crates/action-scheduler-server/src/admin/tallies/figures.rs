//! What a hook did lately: attempts, failures, how long they took, how late they started.

use action_scheduler::Hook;
use action_scheduler::store::{FigureCounts, Histogram};
use action_scheduler::text::thousands;
use maud::{Markup, html};

use crate::admin::components::dates::length;
use crate::admin::components::table::{Column, Row, table};
use crate::admin::components::text;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::site::lately;

/// The figures of a hook, as a table: a line for each time that is looked back over.
pub(super) async fn figures(visit: &Visit, hook: &Hook) -> Result<Markup, Trouble> {
    let lately = lately::of_hook(visit.site.scheduler(), hook).await?;
    let rows = [row("Last hour", &lately.hour), row("Last day", &lately.day)];
    let columns = [
        Column::new("Time"),
        Column::number("Attempts"),
        Column::number("Failed"),
        Column::number("Run time p50"),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("Delay p50"),
        Column::number("p95"),
        Column::number("p99"),
    ];
    Ok(table("What it did lately", &columns, &rows))
}

fn row(name: &str, counts: &FigureCounts) -> Row {
    let bad = counts.failed + counts.timed_out + counts.crashed;
    let all = bad + counts.complete;
    let mut row = Row::new(name)
        .cell(html! { (name) })
        .cell(html! { (thousands(all)) })
        .cell(html! { (thousands(bad)) @if bad > 0 { " " span .muted { "(" (bad * 100 / all.max(1)) " %)" } } });
    for histogram in [&counts.ran, &counts.delay] {
        for part in [0.5, 0.95, 0.99] {
            row = row.cell(quantile(histogram, part));
        }
    }
    row
}

fn quantile(histogram: &Histogram, part: f64) -> Markup {
    match histogram.quantile(part) {
        Some(duration) => html! { (length(duration)) },
        None => text::none(),
    }
}
