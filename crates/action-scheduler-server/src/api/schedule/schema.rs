//! How a schedule that is sent is described in OpenAPI.

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AdditionalProperties, Object, ObjectBuilder, OneOfBuilder, Schema, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::SentSchedule;

const DATE: &str = "A date: `2026-12-24T18:00:00Z`, `2026-12-24 18:00`, `tomorrow 09:30`, `+2 hours`, unix seconds.";
const ZONE: &str =
    "The IANA name of a time zone, such as `Europe/Berlin`; that of the server unless set.";
const MISSED: &str = "What happens to dates that passed while nothing ran: `skip` (unless set), `catch_up` (the latest 10 at most) or `catch_up:N`.";

impl PartialSchema for SentSchedule {
    fn schema() -> RefOr<Schema> {
        let once = kind("Once, at a date.")
            .property("at", text(DATE))
            .property("time_zone", text(ZONE))
            .required("at");
        let first = "The date of the first instance; after the interval unless set. ";
        let every = kind("Again and again, after a length of time.")
            .property("every", text("The time between two instances, at least a second: `90s`, `15 minutes`, `1h30m`."))
            .property("first", text(&format!("{first}{DATE}")))
            .property("fixed_rate", flag("Whether it counts from the scheduled date; else it counts from the end of the run."))
            .property("missed", text(&format!("{MISSED} With it, the rate is fixed.")))
            .property("time_zone", text(ZONE))
            .required("every");
        let seconds = kind("Again and again, after a number of seconds.")
            .property("every_seconds", number("The time between two instances."))
            .property("first", text(&format!("{first}{DATE}")))
            .property("fixed_rate", flag("Whether it counts from the scheduled date; else it counts from the end of the run."))
            .property("missed", text(&format!("{MISSED} With it, the rate is fixed.")))
            .property("time_zone", text(ZONE))
            .required("every_seconds");
        let cron = kind("Again and again, at the dates of a cron expression.")
            .property("cron", text("The expression, such as `0 3 * * *`, `@daily` or `@every 90s`; it may begin with `CRON_TZ=…`."))
            .property("time_zone", text(ZONE))
            .property("dialect", text("The rules it is read by: `standard` (unless set) or `action-scheduler`."))
            .property("first", text(&format!("No date before this one. {DATE}")))
            .property("missed", text(MISSED))
            .required("cron");
        let soon = kind("As soon as a runner has room.");
        let kinds = OneOfBuilder::new()
            .item(soon.build())
            .item(once.build())
            .item(every.build())
            .item(seconds.build())
            .item(cron.build())
            .description(Some("When an action runs; as soon as a runner has room unless set."))
            .build();
        Schema::OneOf(kinds).into()
    }
}

impl ToSchema for SentSchedule {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("NewSchedule")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let name = super::ScheduleKind::name().into_owned();
        schemas.push((name, super::ScheduleKind::schema()));
    }
}

fn kind(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .description(Some(description))
        .property("kind", Ref::from_schema_name(super::ScheduleKind::name()))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn text(description: &str) -> Object {
    of(Type::String, description)
}

fn number(description: &str) -> Object {
    of(Type::Number, description)
}

fn flag(description: &str) -> Object {
    of(Type::Boolean, description)
}

fn of(kind: Type, description: &str) -> Object {
    ObjectBuilder::new().schema_type(kind).description(Some(description)).build()
}
