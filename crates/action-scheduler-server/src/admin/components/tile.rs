//! Tiles: one figure each, which leads to what it counts.

use action_scheduler::text::thousands;
use maud::{Markup, html};

use super::icon::{Icon, icon};

/// How a figure is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Tone {
    /// As it should be.
    Calm,
    /// Something is at work.
    Busy,
    /// Something needs a look.
    Warn,
    /// Something went wrong.
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Calm => "calm",
            Tone::Busy => "busy",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
        }
    }
}

/// A figure that leads to what it counts.
pub(in crate::admin) struct Tile {
    /// What is counted.
    pub(in crate::admin) label: &'static str,
    /// How many.
    pub(in crate::admin) count: u64,
    /// What else there is to say.
    pub(in crate::admin) detail: Markup,
    /// Where the counted things are.
    pub(in crate::admin) href: String,
    /// How it is meant.
    pub(in crate::admin) tone: Tone,
    /// Its picture.
    pub(in crate::admin) icon: Icon,
}

/// Tiles in a row.
pub(in crate::admin) fn tiles(tiles: &[Tile]) -> Markup {
    html! {
        ul .tiles {
            @for tile in tiles {
                li .tile .(tile.tone.class()) {
                    a href=(tile.href) {
                        span .label { (icon(tile.icon)) (tile.label) }
                        " " span .count { (thousands(tile.count)) }
                    }
                    p .detail { (tile.detail) }
                }
            }
        }
    }
}
