//! The pages for people. Rendered here, usable without JavaScript; what they need is inside the binary.
//!
//! A handler takes a [`Visit`] (who looks, and how they want to see it), asks the scheduler, and answers with
//! [`Visit::show`] and a [`Page`](layout::Page) made of [`components`]. Changes are forms that are posted; their handlers
//! take an [`Operator`](crate::access::Operator) too, and answer with [`Visit::back_with`]. What goes wrong is a
//! [`Trouble`], shown as a page of its own.

mod access;
mod actions;
mod assets;
mod components;
mod export;
mod flash;
mod jobs;
mod layout;
mod link;
mod new_action;
mod overview;
mod preferences;
mod runners;
mod schedules;
mod settings;
mod tallies;
mod trouble;
mod visit;
mod when;

use axum::Router;
use axum::routing::get;

pub(crate) use self::access::{sign_in_button, sign_in_form};
pub(crate) use self::jobs::Jobs;
pub(crate) use self::layout::bare;
pub(crate) use self::overview::{HookFigures, keep_depth};
pub(crate) use self::trouble::{error_page, missing, show_troubles};
use crate::site::Site;

/// All pages, and the assets they use.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .route("/", get(overview::show))
        .merge(access::routes())
        .merge(export::routes())
        .merge(new_action::routes())
        .merge(runners::routes())
        .merge(schedules::routes())
        .merge(settings::routes())
        .merge(tallies::routes())
        .merge(actions::routes())
        .merge(preferences::routes())
        .merge(assets::routes())
}
