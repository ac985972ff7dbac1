//! Icons: inline SVG, drawn for a 24 by 24 grid with strokes. They only accompany words, and screen readers skip them.

use maud::{Markup, html};

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)*) => {
        /// An icon.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::admin) enum Icon {
            $($(#[$doc])* $name,)*
        }

        impl Icon {
            fn path(self) -> &'static str {
                match self { $(Icon::$name => $path,)* }
            }
        }
    };
}

icons! {
    Alert = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7.5v5.5M12 16.4v.1";
    ArrowDown = "M12 5v14M6 13l6 6 6-6";
    ArrowUp = "M12 19V5M6 11l6-6 6 6";
    Calendar = "M4 6.5h16v13H4zM4 10.5h16M8.5 4v4M15.5 4v4";
    Check = "M5 12.5l4.5 4.5L19 7.5";
    ChevronLeft = "M14.5 6l-6 6 6 6";
    ChevronRight = "M9.5 6l6 6-6 6";
    Clock = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7.5V12l3 2.5";
    Columns = "M4 5h16v14H4zM9.5 5v14M14.5 5v14";
    Copy = "M9 9h10v11H9zM15 9V4H5v11h4";
    Cross = "M6.5 6.5l11 11M17.5 6.5l-11 11";
    Dot = "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5";
    Download = "M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14";
    Eye = "M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12M12 9.3a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4";
    Filter = "M4 6h16M7 12h10M10 18h4";
    Gauge = "M4 18a9 9 0 1 1 16 0M12 14.5l4-5";
    Globe = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3 12h18M12 3c5 5.5 5 12.500 0 18M12 3c-5 5.500-5 12.500 0 18";
    Hook = "M8 4v9.500a4 4 0 0 0 8 0V11M12.800 13.500L16 10.300l3.200 3.200M5.500 4h5";
    Key = "M8.500 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8M11.500 12L20 3.500M16 7.500l2.500 2.500";
    Layers = "M12 4l8.500 4.500L12 13 3.500 8.500zM3.500 12.500L12 17l8.500-4.500M3.500 16.500L12 21l8.500-4.500";
    List = "M9 6.500h11M9 12h11M9 17.500h11M4.500 6.500h.1M4.500 12h.1M4.500 17.500h.1";
    Menu = "M4 6.500h16M4 12h16M4 17.500h16";
    Moon = "M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10";
    Note = "M5 4h14v11l-5 5H5zM14 20v-5h5";
    Pause = "M8 5.500v13M16 5.500v13";
    Play = "M7.500 5l11 7-11 7z";
    Plus = "M12 5v14M5 12h14";
    Pulse = "M3 12h4l3-7 4.500 14 3-7H21";
    Repeat = "M4 11V9.500a3 3 0 0 1 3-3h12M16 3.500l3 3-3 3M20 13v1.500a3 3 0 0 1-3 3H5M8 20.500l-3-3 3-3";
    Rerun = "M19.500 12a7.500 7.500 0 1 1-2.400-5.500M19.500 3.500v4h-4";
    Screen = "M3.500 5h17v11h-17zM9 20h6M12 16v4";
    Search = "M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13M15.500 15.500L20.500 20.500";
    Slash = "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17M6.200 6.200l11.600 11.600";
    Sliders = "M5 4v7M5 15v5M12 4v3M12 11v9M19 4v9M19 17v3M3 13h4M10 9h4M17 15h4";
    Stop = "M6.500 6.500h11v11h-11z";
    Sun = "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400";
    Trash = "M4.500 7h15M9.500 7V4.500h5V7M6.500 7l1 13h9l1-13M10.500 11v5.500M13.500 11v5.500";
    Warning = "M12 4L2.800 19.500h18.400zM12 10v4.500M12 17v.1";
    Work = "M12 3.500a8.500 8.500 0 1 1-8.500 8.500";
}

/// The icon as an element.
pub(in crate::admin) fn icon(icon: Icon) -> Markup {
    html! {
        svg .icon viewBox="0 0 24 24" width="16" height="16" aria-hidden="true" focusable="false" {
            path d=(icon.path()) {}
        }
    }
}
