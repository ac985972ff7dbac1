//! How someone wants to see pages: appearance, time zone, rows and columns. Kept in cookies of their browser.

use axum::Router;
use axum::extract::Form;
use axum::http::{HeaderMap, header::SET_COOKIE};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use maud::html;
use serde::Deserialize;

use super::components::form::{self, Field};
use super::components::icon::Icon;
use super::flash::{Deed, Flash};
use super::layout::{Page, Place};
use super::trouble::Trouble;
use super::visit::{Visit, safe_return};
use crate::http::{Keep, Problem, cookie, plain_cookie};
use crate::site::Site;

/// How many rows a list shows, at choice.
pub(super) const ROWS: [u32; 5] = [20, 50, 100, 200, 500];

/// How someone wants to see pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// Light, dark, or as the system has it.
    pub(super) theme: Theme,
    /// The name of the zone they chose, or that their browser said it is in.
    zone: Option<String>,
    /// How many rows a list shows.
    pub(super) rows: Option<u32>,
    /// Which columns the list of actions shows, separated by commas.
    pub(super) columns: Option<String>,
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    pub(super) const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    /// The word for it in forms and cookies.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// For people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Theme::System => "As the system",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        }
    }

    /// Its picture.
    pub(super) fn icon(self) -> Icon {
        match self {
            Theme::System => Icon::Screen,
            Theme::Light => Icon::Sun,
            Theme::Dark => Icon::Moon,
        }
    }

    /// What the style looks at; nothing where the system decides.
    pub(super) fn attribute(self) -> Option<&'static str> {
        (self != Theme::System).then(|| self.as_str())
    }
}

impl Preferences {
    /// The preferences in the cookies of a request; what cannot be understood counts as not set.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let theme = cookie(headers, "theme").unwrap_or_default();
        let rows = cookie(headers, "rows").and_then(|rows| rows.parse().ok());
        Self {
            theme: Theme::ALL.into_iter().find(|known| known.as_str() == theme).unwrap_or_default(),
            zone: cookie(headers, "zone").map(str::to_owned),
            rows: rows.filter(|rows| ROWS.contains(rows)),
            columns: cookie(headers, "columns").map(str::to_owned),
        }
    }

    /// The zone that dates are shown in, if one is known.
    pub(super) fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(self.zone.as_deref()?.trim_start_matches("auto:")).ok()
    }

    /// The zone that was chosen by hand.
    fn chosen_zone(&self) -> &str {
        self.zone.as_deref().filter(|zone| !zone.starts_with("auto:")).unwrap_or_default()
    }
}

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/preferences", get(show).post(keep))
        .route("/preferences/theme", post(keep_theme))
}

async fn show(visit: Visit) -> Response {
    let zone = visit.preferences.chosen_zone();
    let shown = visit.dates.absolute(visit.dates.now);
    let rows = visit.preferences.rows.unwrap_or(ROWS[1]);
    let body = html! {
        (form::post(&visit, "/preferences", html! {
            div .card .padded .fields {
                (Field::new("zone", "Time zone")
                    .hint(html! { "A name such as " code { "Europe/Berlin" } ". Empty is the zone of your browser, or that of \
                           the server where no scripts run. It is " (shown) " there now." })
                    .input(html! {
                        input #zone name="zone" value=(zone) list="zones" autocomplete="off"
                            spellcheck="false" aria-describedby="zone-hint";
                        datalist #zones {
                            @for name in jiff::tz::db().available() { option value=(name.as_str()) {} }
                        }
                    }))
                (Field::new("rows", "Rows per page")
                    .input(html! {
                        select #rows name="rows" {
                            @for choice in ROWS {
                                option value=(choice) selected[choice == rows] { (choice) }
                            }
                        }
                    }))
                div .buttons { button .button .primary type="submit" { "Keep" } }
            }
        }))
    };
    let intro =
        html! { "How pages look to you. They are kept in this browser, not on the server." };
    visit.show(Page::new(Place::Preferences, "Preferences").intro(intro).body(body))
}

#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    zone: String,
    rows: Option<u32>,
}

async fn keep(visit: Visit, Form(kept): Form<Kept>) -> Result<Response, Trouble> {
    let zone = kept.zone.trim();
    if !zone.is_empty() && TimeZone::get(zone).is_err() {
        let detail =
            format!("no time zone is called {zone:?}; expected a name such as Europe/Berlin");
        return Err(Problem::invalid("zone", detail).into());
    }
    let rows = kept.rows.filter(|rows| ROWS.contains(rows));
    let mut response = visit.back_with("/preferences", Flash::plain(Deed::Preferred));
    let headers = response.headers_mut();
    let keep = if zone.is_empty() { Keep::No } else { Keep::Year };
    headers.append(SET_COOKIE, plain_cookie(&visit.site, "zone", zone, keep));
    if let Some(rows) = rows {
        let rows = rows.to_string();
        headers.append(SET_COOKIE, plain_cookie(&visit.site, "rows", &rows, Keep::Year));
    }
    Ok(response)
}

#[derive(Deserialize)]
struct KeptTheme {
    theme: Theme,
    #[serde(default)]
    r#return: String,
}

async fn keep_theme(visit: Visit, Form(kept): Form<KeptTheme>) -> Response {
    let back = safe_return(&kept.r#return).unwrap_or_else(|| "/".into());
    let mut response = visit.back_to(back);
    let cookie = plain_cookie(&visit.site, "theme", kept.theme.as_str(), Keep::Year);
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}
