//! Tables: real ones, which become a list of cards where there is no room. A cell's label repeats its heading there.

use maud::{Markup, html};

/// A column.
#[derive(Debug, Clone)]
pub(in crate::admin) struct Column {
    heading: Markup,
    /// What the cells are called where headings do not show.
    label: &'static str,
    class: &'static str,
    sort: Option<&'static str>,
}

impl Column {
    /// A column with this heading.
    pub(in crate::admin) fn new(label: &'static str) -> Self {
        Self { heading: html! { (label) }, label, class: "", sort: None }
    }

    /// A column of numbers.
    pub(in crate::admin) fn number(label: &'static str) -> Self {
        Self { class: "number", ..Self::new(label) }
    }

    /// A column whose heading only screen readers are told: of checkboxes, of buttons.
    pub(in crate::admin) fn silent(label: &'static str, class: &'static str) -> Self {
        Self { heading: html! { span .hidden { (label) } }, label: "", class, sort: None }
    }

    /// The same, with this class for its cells.
    pub(in crate::admin) fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    /// The same, with something else as its heading: a link that sorts.
    pub(in crate::admin) fn heading(mut self, heading: Markup) -> Self {
        self.heading = heading;
        self
    }

    /// The same, sorted by: `ascending` or `descending`.
    pub(in crate::admin) fn sorted(mut self, direction: Option<&'static str>) -> Self {
        self.sort = direction;
        self
    }
}

/// A row: a cell for each column.
#[derive(Debug, Clone, Default)]
pub(in crate::admin) struct Row {
    cells: Vec<Markup>,
    key: String,
}

impl Row {
    /// A row with a key of its own, by which a live page finds it again.
    pub(in crate::admin) fn new(key: impl ToString) -> Self {
        Self { cells: Vec::new(), key: key.to_string() }
    }

    /// The same, with one more cell.
    pub(in crate::admin) fn cell(mut self, cell: Markup) -> Self {
        self.cells.push(cell);
        self
    }
}

/// A table. The caption says what is in it; it is for screen readers, as the page's headings say it to all others.
pub(in crate::admin) fn table(caption: &str, columns: &[Column], rows: &[Row]) -> Markup {
    html! {
        div .table {
            table {
                caption .hidden { (caption) }
                thead { tr {
                    @for column in columns {
                        th scope="col" class=[some(column.class)] aria-sort=[column.sort] { (column.heading) }
                    }
                } }
                tbody {
                    @for row in rows {
                        tr data-key=(row.key) {
                            @for (cell, column) in row.cells.iter().zip(columns) {
                                td class=[some(column.class)] data-label=[some(column.label)] { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Names and values, one under the other.
pub(in crate::admin) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl .facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}
