//! What all pages have around them.

use action_scheduler::text::safe;
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::components::form::post;
use super::components::icon::{Icon, icon};
use super::preferences::Theme;
use super::visit::Visit;
use crate::access::{Identity, Role};
use crate::site::Site;

/// A part of the admin, as the navigation names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `/`
    Overview,
    /// `/actions`
    Actions,
    /// `/schedules`
    Schedules,
    /// `/hooks`
    Hooks,
    /// `/groups`
    Groups,
    /// `/runners`
    Runners,
    /// `/settings`
    Settings,
    /// `/actions/new`
    NewAction,
    /// `/access`
    Access,
    /// `/preferences`
    Preferences,
    /// Nowhere in the navigation.
    Elsewhere,
}

impl Place {
    const MAIN: [Place; 6] = [
        Place::Overview,
        Place::Actions,
        Place::Schedules,
        Place::Hooks,
        Place::Groups,
        Place::Runners,
    ];
    const MORE: [Place; 3] = [Place::Settings, Place::Access, Place::Preferences];

    /// Its name, path and icon.
    fn entry(self) -> (&'static str, &'static str, Icon) {
        match self {
            Place::Overview => ("Overview", "/", Icon::Gauge),
            Place::Actions => ("Actions", "/actions", Icon::List),
            Place::Schedules => ("Schedules", "/schedules", Icon::Repeat),
            Place::Hooks => ("Hooks", "/hooks", Icon::Hook),
            Place::Groups => ("Groups", "/groups", Icon::Layers),
            Place::Runners => ("Runners", "/runners", Icon::Pulse),
            Place::Settings => ("Settings", "/settings", Icon::Sliders),
            Place::NewAction => ("New action", "/actions/new", Icon::Plus),
            Place::Access => ("Access", "/access", Icon::Key),
            Place::Preferences => ("Preferences", "/preferences", Icon::Eye),
            Place::Elsewhere => ("", "/", Icon::Dot),
        }
    }
}

/// A page, without what all pages have around them.
pub(crate) struct Page {
    place: Place,
    title: String,
    trail: Vec<(String, String)>,
    intro: Markup,
    tools: Markup,
    body: Markup,
    is_live: bool,
    looks_again: bool,
}

impl Page {
    /// A page with this heading.
    pub(crate) fn new(place: Place, title: impl Into<String>) -> Self {
        Self {
            place,
            title: title.into(),
            trail: Vec::new(),
            intro: html! {},
            tools: html! {},
            body: html! {},
            is_live: false,
            looks_again: false,
        }
    }

    /// The same, below another page: its URL and name stand above the heading.
    pub(crate) fn below(mut self, href: impl Into<String>, name: impl Into<String>) -> Self {
        self.trail.push((href.into(), name.into()));
        self
    }

    /// The same, with a line or two below the heading.
    pub(crate) fn intro(mut self, intro: Markup) -> Self {
        self.intro = intro;
        self
    }

    /// The same, with buttons beside the heading.
    pub(crate) fn tools(mut self, tools: Markup) -> Self {
        self.tools = tools;
        self
    }

    /// The same, with this content.
    pub(crate) fn body(mut self, body: Markup) -> Self {
        self.body = body;
        self
    }

    /// The same; where scripts run, elements with `data-live` follow what happens.
    pub(crate) fn live(mut self) -> Self {
        self.is_live = true;
        self
    }

    /// The same; where no scripts run, it is asked for again and again.
    pub(crate) fn looking_again(mut self) -> Self {
        self.looks_again = true;
        self
    }
}

/// A whole page with the navigation.
pub(super) fn whole(visit: &Visit, page: Page) -> Markup {
    let site = &visit.site;
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[visit.preferences.theme.attribute()] {
            (head(site, &page.title, page.looks_again))
            body data-zone=[visit.dates.zone.iana_name()]
                data-base=(site.config().base_path)
                data-now=(visit.dates.now.as_millisecond()) data-live-page[page.is_live] {
                a .skip href="#content" { "Skip to the content" }
                header .side {
                    div .brand {
                        a href=(visit.href("/")) { (logo()) span { "Action Scheduler" } }
                        button .menu-button popovertarget="menu" type="button" {
                            (icon(Icon::Menu)) span { "Menu" }
                        }
                    }
                    div #menu .menu popover { (navigation(visit, page.place)) (foot(visit)) }
                }
                main #content tabindex="-1" {
                    @if let Some(flash) = visit.flash() { (flash.show()) }
                    div .page-head {
                        div .page-title {
                            @if !page.trail.is_empty() {
                                nav .trail aria-label="Breadcrumb" {
                                    @for (href, name) in &page.trail {
                                        a href=(href) { (name) } span aria-hidden="true" { "/" }
                                    }
                                }
                            }
                            h1 { (safe(&page.title)) }
                            @if page.is_live {
                                span #live .live hidden title="This page follows what happens" {
                                    span .dot aria-hidden="true" {} "live"
                                }
                            }
                        }
                        div .page-tools { (page.tools) }
                        div .page-intro { (page.intro) }
                    }
                    (page.body)
                }
                (keys())
            }
        }
    }
}

/// A page without navigation: for people who are not signed in.
pub(crate) fn bare(site: &Site, title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(site, title, false))
            body .bare {
                main #content {
                    div .brand { a href=(site.path("/")) { (logo()) span { "Action Scheduler" } } }
                    div .card .padded { h1 { (title) } (content) }
                }
            }
        }
    }
}

fn head(site: &Site, title: &str, looks_again: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="same-origin";
            meta name="robots" content="noindex";
            @if looks_again { noscript { meta http-equiv="refresh" content="1"; } }
            title { (safe(title)) " · Action Scheduler" }
            link rel="icon" type="image/svg+xml" href=(site.path(&ICON.path()));
            link rel="stylesheet" href=(site.path(&STYLE.path()));
            script src=(site.path(&SCRIPT.path())) defer {}
        }
    }
}

fn navigation(visit: &Visit, current: Place) -> Markup {
    let entry = |place: Place| {
        let (name, path, picture) = place.entry();
        let is_current = (place == current).then_some("page");
        html! { li { a href=(visit.href(path)) aria-current=[is_current] { (icon(picture)) (name) } } }
    };
    html! {
        nav aria-label="Main" {
            @if visit.may_operate() {
                @let (name, path, picture) = Place::NewAction.entry();
                a .button .primary .wide href=(visit.href(path))
                    aria-current=[(current == Place::NewAction).then_some("page")]
                    { (icon(picture)) (name) }
            }
            ul { @for place in Place::MAIN { (entry(place)) } }
            ul { @for place in Place::MORE { (entry(place)) } }
        }
    }
}

/// Below the navigation: how pages look, and who is signed in.
fn foot(visit: &Visit) -> Markup {
    let caller = &visit.caller;
    let name = match &caller.identity {
        Identity::User(name) | Identity::Token(name) => name.as_str(),
        Identity::Terminal => "terminal",
    };
    let role = match caller.role {
        Some(Role::Admin) => "admin",
        Some(Role::Operator) => "operator",
        Some(Role::Viewer) | None => "viewer",
    };
    let theme = visit.preferences.theme;
    html! {
        div .foot {
            (post(visit, "/preferences/theme", html! {
                fieldset .segments {
                    legend .hidden { "Appearance" }
                    @for choice in Theme::ALL {
                        button type="submit" name="theme" value=(choice.as_str())
                            aria-pressed=(if choice == theme { "true" } else { "false" })
                            title=(choice.title()) {
                            (icon(choice.icon())) span .hidden { (choice.title()) }
                        }
                    }
                }
                input type="hidden" name="return" value=(visit.here());
            }))
            p .zone { a href=(visit.href("/preferences")) title="Dates are shown in this time zone" {
                (icon(Icon::Globe)) (visit.dates.zone.iana_name().unwrap_or("UTC"))
            } }
            div .who {
                span { strong { (name) } " " span .muted { (role) } }
                (post(visit, "/sign-out", html! {
                    button .link type="submit" { "Sign out" }
                }))
            }
        }
    }
}

/// The keyboard shortcuts, shown by `?` where scripts run.
fn keys() -> Markup {
    let keys = [
        ("?", "These shortcuts"),
        ("/", "Search"),
        ("j  k", "Next, previous row"),
        ("Enter", "Open the row"),
        ("x", "Select the row"),
        ("g o", "Overview"),
        ("g a", "Actions"),
        ("g s", "Schedules"),
        ("g h", "Hooks"),
        ("g r", "Runners"),
        ("n", "New action"),
        ("[  ]", "Previous, next page"),
    ];
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keyboard" }
            dl .keys {
                @for (key, what) in keys {
                    div { dt { @for part in key.split_whitespace() { kbd { (part) } } } dd { (what) } }
                }
            }
            form method="dialog" { button .button type="submit" { "Close" } }
        }
    }
}

/// The mark: a clock face whose hand is a check.
fn logo() -> Markup {
    html! {
        svg .logo viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            circle cx="12" cy="12" r="10" {}
            path d="M7 12.5 L11 16 L17 7.5" {}
        }
    }
}
