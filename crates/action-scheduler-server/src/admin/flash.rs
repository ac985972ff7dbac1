//! What the next page says about what was just done. It travels in a cookie, as a code and a number and never as text, so
//! that nobody can make a page say something of their own.

use axum::http::{HeaderMap, HeaderValue};
use maud::{Markup, html};

use super::components::icon::{Icon, icon};
use crate::http::{Keep, cookie, plain_cookie};
use crate::site::Site;

/// The cookie's name.
const COOKIE: &str = "flash";

macro_rules! deeds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Deed {
            $($(#[$doc])* $name,)*
        }

        impl Deed {
            fn code(self) -> &'static str {
                match self { $(Deed::$name => $code,)* }
            }

            fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Deed::$name),)* _ => None }
            }

            /// In words; `#` stands for the number.
            fn text(self) -> &'static str {
                match self { $(Deed::$name => $text,)* }
            }
        }
    };
}

deeds! {
    /// Preferences were kept.
    Preferred = "preferred", "Your preferences are kept in this browser.";
    /// An action was canceled.
    Canceled = "canceled", "Action # was canceled.";
    /// An action was deleted.
    Deleted = "deleted", "Action # was deleted, with its log.";
    /// An action got a new attempt.
    Rerun = "rerun", "Action # gets a new attempt: it is due now.";
    /// A pending action is due now.
    RunNow = "run-now", "Action # is due now; a runner takes it as soon as it has room.";
    /// A pending action got another date.
    Rescheduled = "rescheduled", "Action # has a new date.";
    /// A note was added to the log.
    Noted = "noted", "Your note is in the log of action #.";
    /// A user was added.
    UserAdded = "user-added", "The user was added.";
    /// A user was removed.
    UserRemoved = "user-removed", "The user was removed, and their sessions have ended.";
    /// A user has another role.
    RoleChanged = "role-changed", "The role was changed.";
    /// A user has another password.
    PasswordChanged = "password-changed", "The password was changed, and the sessions before it have ended.";
    /// A token was revoked.
    TokenRevoked = "token-revoked", "The token was revoked.";
    /// A session was ended.
    SessionEnded = "session-ended", "The session has ended.";
}

/// What was done, and to which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flash {
    deed: Deed,
    number: i64,
}

impl Flash {
    /// Something that was done to one thing.
    pub(super) fn of(deed: Deed, number: i64) -> Self {
        Self { deed, number }
    }

    /// Something that was done and concerns no single thing.
    pub(super) fn plain(deed: Deed) -> Self {
        Self::of(deed, 0)
    }

    /// What the last answer left for this page.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let (code, number) = cookie(headers, COOKIE)?.split_once('.')?;
        Some(Self::of(Deed::from_code(code)?, number.parse().ok()?))
    }

    /// Leaves it for the next page.
    pub(super) fn leave(self, site: &Site) -> HeaderValue {
        let value = format!("{}.{}", self.deed.code(), self.number);
        plain_cookie(site, COOKIE, &value, Keep::Minute)
    }

    /// Says that it was read.
    pub(super) fn forget(site: &Site) -> HeaderValue {
        plain_cookie(site, COOKIE, "", Keep::No)
    }

    /// As the page shows it.
    pub(super) fn show(self) -> Markup {
        let text = self.deed.text().replace('#', &self.number.to_string());
        html! {
            div .notice .good role="status" { (icon(Icon::Check)) p { (text) } }
        }
    }
}
