//! Actions: schedule, list, look at, change.

mod bulk;
mod create;
mod export;
mod filter;
mod list;
mod new;
mod once;
mod one;
mod traced;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::new::SentAction;
use crate::site::Site;

pub(super) fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new()
        .routes(routes!(create::create_action, list::list_actions))
        .routes(routes!(create::create_actions))
        .routes(routes!(export::export_actions))
        .routes(routes!(bulk::cancel_actions))
        .routes(routes!(bulk::delete_actions))
        .routes(routes!(bulk::rerun_actions))
        .routes(routes!(bulk::run_actions))
        .routes(routes!(bulk::reschedule_actions))
        .routes(routes!(one::get_action, one::delete_action))
        .routes(routes!(one::list_logs))
        .routes(routes!(one::add_note))
        .routes(routes!(one::cancel_action))
        .routes(routes!(one::rerun_action))
        .routes(routes!(one::run_action))
        .routes(routes!(one::reschedule_action))
}
