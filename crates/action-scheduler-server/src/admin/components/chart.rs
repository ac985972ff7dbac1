//! Charts: inline SVG, with the same figures as a table behind them, for screen readers and for whoever wants numbers.

use action_scheduler::time::words::Dates;
use jiff::Timestamp;
use maud::{Markup, html};

use super::table::{Column, Row, table};

/// What is drawn over time.
pub(in crate::admin) struct Chart<'a> {
    /// An id for its parts, such as `throughput`.
    pub(in crate::admin) id: &'a str,
    /// What it shows.
    pub(in crate::admin) title: &'a str,
    /// In a few words, how it is to be read.
    pub(in crate::admin) note: Markup,
    /// When each slot begins.
    pub(in crate::admin) slots: &'a [Timestamp],
    /// Whether slots are days apart in sum, so that their labels need a day.
    pub(in crate::admin) label: &'static str,
    /// What is drawn.
    pub(in crate::admin) series: Vec<Series>,
    /// How values are drawn.
    pub(in crate::admin) shape: Shape,
    /// A value in words.
    pub(in crate::admin) words: fn(f64) -> String,
}

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Shape {
    /// Bars, the series on top of each other.
    Bars,
    /// Lines; below the first one the area is filled.
    Lines,
}

/// One line, or one part of the bars.
pub(in crate::admin) struct Series {
    /// What it is.
    pub(in crate::admin) name: &'static str,
    /// The class that gives its colour.
    pub(in crate::admin) class: &'static str,
    /// A value for each slot; none where nothing is known.
    pub(in crate::admin) values: Vec<Option<f64>>,
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// A chart.
pub(in crate::admin) fn chart(dates: &Dates, chart: &Chart<'_>) -> Markup {
    let top = nice_top(highest(chart));
    let at = |slot: Timestamp| slot.to_zoned(dates.zone.clone()).strftime(chart.label).to_string();
    let edge = |slot: Option<&Timestamp>| slot.map(|slot| at(*slot)).unwrap_or_default();
    let title_id = format!("{}-title", chart.id);
    let is_empty = chart.series.iter().all(|series| series.values.iter().all(Option::is_none));
    html! {
        section .card .padded .chart aria-labelledby=(title_id) {
            div .chart-head {
                h2 id=(title_id) { (chart.title) }
                ul .legend {
                    @for series in &chart.series {
                        li .(series.class) {
                            svg viewBox="0 0 12 12" aria-hidden="true" { rect width="12" height="12" rx="3" {} }
                            span { (series.name) }
                        }
                    }
                }
            }
            @if is_empty {
                p .muted .no-figures { "Nothing was recorded in this time." }
            } @else {
                div .plot {
                    div .scale aria-hidden="true" {
                        span { ((chart.words)(top)) } span { ((chart.words)(top / 2.0)) } span { ((chart.words)(0.0)) }
                    }
                    svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                        aria-label={ (chart.title) ", from " (edge(chart.slots.first())) " to " (edge(chart.slots.last())) } {
                        @for line in [0.0, 0.5, 1.0] {
                            line .axis x1="0" x2=(WIDTH) y1=(HEIGHT * line) y2=(HEIGHT * line) {}
                        }
                        @match chart.shape {
                            Shape::Bars => { (bars(chart, top)) }
                            Shape::Lines => { (lines(chart, top)) }
                        }
                        (hits(chart, &at))
                    }
                    div .ticks aria-hidden="true" {
                        span { (edge(chart.slots.first())) }
                        span { (edge(chart.slots.get(chart.slots.len() / 2))) }
                        span { (edge(chart.slots.last())) }
                    }
                }
            }
            div .chart-foot {
                p .muted { (chart.note) }
                @if !is_empty { (figures(chart, &at)) }
            }
        }
    }
}

/// The largest value that is drawn.
fn highest(chart: &Chart<'_>) -> f64 {
    let value = |series: &Series, slot: usize| series.values.get(slot).copied().flatten();
    let of_slot = |slot: usize| {
        let values = chart.series.iter().filter_map(|series| value(series, slot));
        match chart.shape {
            Shape::Bars => values.sum(),
            Shape::Lines => values.fold(0.0, f64::max),
        }
    };
    (0..chart.slots.len()).map(of_slot).fold(0.0, f64::max)
}

/// The next number of the kind 1, 2, 4, 5, 10 at or above the highest value.
fn nice_top(highest: f64) -> f64 {
    if highest <= 0.0 || !highest.is_finite() {
        return 1.0;
    }
    let unit = 10f64.powf(highest.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * unit)
        .find(|top| *top >= highest * 0.999_999)
        .unwrap_or(highest)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn bars(chart: &Chart<'_>, top: f64) -> Markup {
    let width = WIDTH / chart.slots.len().max(1) as f64;
    let mut heights = vec![0.0; chart.slots.len()];
    html! {
        @for series in &chart.series {
            g .(series.class) {
                @for (slot, (value, below)) in series.values.iter().zip(&mut heights).enumerate() {
                    @if let Some(value) = value.filter(|value| *value > 0.0) {
                        // A single event is still to be seen.
                        @let height = (value / top * HEIGHT).max(1.5);
                        rect .bar x=(round(slot as f64 * width + width * 0.08)) width=(round(width * 0.84))
                            y=(round(HEIGHT - *below - height)) height=(round(height)) {}
                        (raise(below, height))
                    }
                }
            }
        }
    }
}

/// The next bar of a slot stands on this one.
fn raise(below: &mut f64, height: f64) -> Markup {
    *below += height;
    html! {}
}

fn lines(chart: &Chart<'_>, top: f64) -> Markup {
    let width = WIDTH / chart.slots.len().max(1) as f64;
    let point = |slot: usize, value: f64| {
        (round((slot as f64 + 0.5) * width), round(HEIGHT - (value / top).min(1.0) * HEIGHT))
    };
    html! {
        @for (place, series) in chart.series.iter().enumerate() {
            g .(series.class) {
                @for run in runs(&series.values) {
                    @let points: Vec<(f64, f64)> = run.iter().map(|(slot, value)| point(*slot, *value)).collect();
                    @let text: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
                    @if let (Some(first), Some(last)) = (points.first(), points.last()) {
                        @if place == 0 {
                            path .area d={ "M" (first.0) "," (HEIGHT) "L" (text.join("L")) "L" (last.0) "," (HEIGHT) "Z" } {}
                        }
                        // A point by itself is a short line.
                        path .line d={ "M" (text.join("L")) @if points.len() == 1 { "h1" } } {}
                    }
                }
            }
        }
    }
}

/// The stretches of slots whose value is known.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut goes_on = false;
    for (slot, value) in values.iter().enumerate() {
        match (value, goes_on, runs.last_mut()) {
            (Some(value), true, Some(run)) => run.push((slot, *value)),
            (Some(value), _, _) => runs.push(vec![(slot, *value)]),
            (None, ..) => {}
        }
        goes_on = value.is_some();
    }
    runs
}

/// What the pointer is told over each slot.
fn hits(chart: &Chart<'_>, at: &impl Fn(Timestamp) -> String) -> Markup {
    let width = WIDTH / chart.slots.len().max(1) as f64;
    html! {
        g .hits aria-hidden="true" {
            @for (place, slot) in chart.slots.iter().enumerate() {
                rect x=(round(place as f64 * width)) y="0" width=(round(width)) height=(HEIGHT) {
                    title { (at(*slot)) (told(chart, place)) }
                }
            }
        }
    }
}

fn told(chart: &Chart<'_>, place: usize) -> String {
    let told = chart.series.iter().filter_map(|series| {
        let value = series.values.get(place).copied().flatten()?;
        Some(format!("\n{} {}", (chart.words)(value), series.name))
    });
    told.collect()
}

/// The same as a table, the latest first.
fn figures(chart: &Chart<'_>, at: &impl Fn(Timestamp) -> String) -> Markup {
    let mut columns = vec![Column::new("Time")];
    columns.extend(chart.series.iter().map(|series| Column::number(series.name)));
    let rows: Vec<Row> = chart
        .slots
        .iter()
        .enumerate()
        .rev()
        .filter(|(place, _)| {
            chart.series.iter().any(|series| {
                series.values.get(*place).copied().flatten().is_some_and(|value| value > 0.0)
            })
        })
        .map(|(place, slot)| {
            let key = format!("{}-{}", chart.id, slot.as_second());
            chart.series.iter().fold(Row::new(key).cell(html! { (at(*slot)) }), |row, series| {
                let value = series.values.get(place).copied().flatten();
                row.cell(html! { @match value { Some(value) => { ((chart.words)(value)) } None => { "–" } } })
            })
        })
        .collect();
    html! {
        details data-key={ (chart.id) "-figures" } {
            summary { "Figures" }
            div .figures tabindex="0" role="region" aria-label={ (chart.title) ", figures" } {
                (table(chart.title, &columns, &rows))
            }
        }
    }
}

/// A bar for a part of a whole: how large it is beside others.
pub(in crate::admin) fn part(class: &str, part: f64) -> Markup {
    let width = round(part.clamp(0.0, 1.0) * 100.0).max(1.0);
    html! {
        svg .part .(class) viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect width=(width) height="6" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn scales_end_at_a_round_number() {
        for (highest, top) in
            [(0.0, 1.0), (1.0, 1.0), (3.0, 4.0), (41.0, 50.0), (99.0, 100.0), (0.03, 0.04)]
        {
            assert!((nice_top(highest) - top).abs() < 1e-9, "{highest}: {}", nice_top(highest));
        }
    }

    #[test]
    fn lines_break_where_nothing_is_known() {
        let found = runs(&[None, Some(1.0), Some(2.0), None, Some(3.0)]);
        assert_eq!(found, [vec![(1, 1.0), (2, 2.0)], vec![(4, 3.0)]]);
    }

    #[test]
    fn the_table_says_what_the_picture_does() {
        let slots =
            ["2026-01-15T12:00:00Z".parse().unwrap(), "2026-01-15T12:01:00Z".parse().unwrap()];
        let dates = Dates { zone: TimeZone::UTC, now: slots[1] };
        let drawn = chart(
            &dates,
            &Chart {
                id: "t",
                title: "Throughput",
                note: html! {},
                slots: &slots,
                label: "%H:%M",
                series: vec![Series {
                    name: "complete",
                    class: "a",
                    values: vec![Some(7.0), None],
                }],
                shape: Shape::Bars,
                words: |value| format!("{value}"),
            },
        );
        let text = drawn.into_string();
        assert!(text.contains("<title>12:00\n7 complete</title>"), "{text}");
        assert!(text.contains(r#"data-label="complete">7<"#), "{text}");
    }
}
