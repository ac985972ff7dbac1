//! What the API gives: the things of the library as JSON, described for OpenAPI.

mod action;
mod chain;
mod claim;
mod lately;
mod log;
mod policy;
mod runner;
mod schedule;

pub(crate) use self::action::{ActionShape, StatusName};
pub(crate) use self::chain::{ChainShape, ChainStateName};
pub(crate) use self::claim::ClaimShape;
pub(crate) use self::lately::FiguresShape;
pub(crate) use self::log::LogEntryShape;
pub(crate) use self::policy::PolicyShape;
pub(crate) use self::runner::RunnerShape;
pub(crate) use self::schedule::{ScheduleKind, ScheduleShape};

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// The schema of args: an array or an object.
pub(crate) fn args_schema() -> Object {
    let kinds = [Type::Array, Type::Object];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(kinds))
        .description(Some("What handlers are called with: any JSON array or object."))
        .build()
}
