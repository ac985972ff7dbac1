//! Remote workers: programs in any language that ask for actions over HTTP and report how they came out.

mod shapes;

use std::time::Duration;

use action_scheduler::RunnerId;
use action_scheduler::remote::{
    Ask, NewWorker, Note, RemoteError, RemoteWorkers, Report, Ticket, WorkResult,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::shapes::{
    Beaten, LONGEST_TEXT, LostWork, Noted, Outcome, Registered, Reported, SentAsk, SentHeartbeat,
    SentNote, SentNotes, SentRelease, SentResults, SentTicket, SentWorker, Work, WorkItem,
};
use crate::access::Worker;
use crate::http::{Body, Named, OptionalBody, Problem};
use crate::site::Site;

pub(super) fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new()
        .routes(routes!(register_worker))
        .routes(routes!(unregister_worker))
        .routes(routes!(claim_work))
        .routes(routes!(beat))
        .routes(routes!(log_work))
        .routes(routes!(report_results))
        .routes(routes!(release_work))
}

/// Which worker.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the path for OpenAPI; `Named` reads it")]
struct WorkerPath {
    /// The id that the worker was given when it registered.
    #[param(minimum = 1)]
    id: i64,
}

impl From<RemoteError> for Problem {
    fn from(error: RemoteError) -> Self {
        let detail = error.to_string();
        match error {
            RemoteError::UnknownWorker(_) => {
                let title = "The worker is not known";
                Self::other(StatusCode::NOT_FOUND, "unknown-worker", title, detail)
            }
            RemoteError::NotRemote(_) => Self::invalid("hooks", detail),
            RemoteError::Error(error) => error.into(),
            // The kinds of errors may become more.
            error => {
                tracing::error!(%error, "a request of a remote worker failed");
                Self::conflict(detail)
            }
        }
    }
}

/// Register a worker
///
/// It is then a runner like any other: it is listed, has a lease, and what it holds is recovered when it dies.
#[utoipa::path(
    post,
    path = "/workers",
    tag = "workers",
    request_body = SentWorker,
    responses((status = 201, description = "It is known.", body = Registered))
)]
async fn register_worker(
    State(site): State<Site>,
    Worker(caller): Worker,
    Body(sent): Body<SentWorker>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let mut worker =
        NewWorker::new(&sent.name).map_err(|invalid| Problem::from(invalid).at("name"))?;
    let lease = u64::from(sent.lease.unwrap_or(30));
    worker = worker
        .lease(Duration::from_secs(lease))
        .map_err(|invalid| Problem::from(invalid).at("lease"))?;
    let slots = sent.slots.unwrap_or(1);
    if !(1..=100_000).contains(&slots) {
        return Err(Problem::invalid("slots", "expected 1 to 100000"));
    }
    let id = site.workers().register(worker.slots(slots)).await?;
    tracing::info!(worker = %id, by = %caller.context(), "a remote worker has registered");
    Ok((StatusCode::CREATED, Json(Registered { id: id.get(), lease })))
}

/// Sign a worker off
///
/// What it still has in-progress is taken for lost, as when it dies: it should report or release that first.
#[utoipa::path(
    delete,
    path = "/workers/{id}",
    tag = "workers",
    params(WorkerPath),
    responses((status = 204, description = "It is known no more."))
)]
async fn unregister_worker(
    State(site): State<Site>,
    _: Worker,
    Named(id): Named<RunnerId>,
) -> Result<StatusCode, Problem> {
    site.workers().unregister(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for work
///
/// What is due is claimed, started and handed out: it is in-progress before this answers. With `wait` the answer waits
/// until something is due. Of workers that wait for the same, the one that asked first is served first.
#[utoipa::path(
    post,
    path = "/workers/{id}/claim",
    tag = "workers",
    params(WorkerPath),
    request_body = SentAsk,
    responses((status = 200, description = "What there is to do.", body = Work))
)]
async fn claim_work(
    State(site): State<Site>,
    _: Worker,
    Named(id): Named<RunnerId>,
    Body(sent): Body<SentAsk>,
) -> Result<Json<Work>, Problem> {
    let limit = sent.limit.unwrap_or(1);
    let wait = Duration::from_secs(sent.wait.unwrap_or_default().into());
    if sent.hooks.is_empty() || sent.hooks.len() > RemoteWorkers::MOST {
        return Err(Problem::invalid("hooks", "expected 1 to 1000 hooks"));
    }
    if limit == 0 || limit as usize > RemoteWorkers::MOST {
        return Err(Problem::invalid("limit", "expected 1 to 1000"));
    }
    if wait > RemoteWorkers::LONGEST_WAIT {
        return Err(Problem::invalid("wait", "expected 0 to 60 seconds"));
    }
    // No request may take much longer than the server lets it; the worker asks again.
    let wait = wait.min(site.config().limits.time);
    let mut ask = Ask::new(sent.hooks).limit(limit).wait(wait).exclude_groups(sent.exclude_groups);
    if let Some(group) = sent.group {
        ask = ask.group(group);
    }
    let work = site.workers().claim(id, ask).await?;
    Ok(Json(Work { work: work.into_iter().map(WorkItem::from).collect() }))
}

/// Give a sign of life
///
/// Says which of the attempts that the worker runs are no longer its own: canceled, given up, or taken back.
#[utoipa::path(
    post,
    path = "/workers/{id}/heartbeat",
    tag = "workers",
    params(WorkerPath),
    request_body(content = Option<SentHeartbeat>),
    responses((status = 200, description = "It is heard.", body = Beaten))
)]
async fn beat(
    State(site): State<Site>,
    _: Worker,
    Named(id): Named<RunnerId>,
    OptionalBody(sent): OptionalBody<SentHeartbeat>,
) -> Result<Json<Beaten>, Problem> {
    within_limit("running", sent.running.len())?;
    let running = sent.running.into_iter().map(Ticket::from).collect();
    let lost = site.workers().heartbeat(id, running).await?;
    let lost = lost.into_iter().map(|(ticket, lost)| LostWork::new(ticket, lost));
    Ok(Json(Beaten { lost: lost.collect() }))
}

/// Add lines to the log of actions
///
/// Of actions that the worker runs, as it runs them.
#[utoipa::path(
    post,
    path = "/workers/{id}/log",
    tag = "workers",
    params(WorkerPath),
    request_body = SentNotes,
    responses((status = 200, description = "They are in the log, but for what is lost.", body = Noted))
)]
async fn log_work(
    State(site): State<Site>,
    _: Worker,
    Named(id): Named<RunnerId>,
    Body(sent): Body<SentNotes>,
) -> Result<Json<Noted>, Problem> {
    within_limit("entries", sent.entries.len())?;
    let mut notes = Vec::with_capacity(sent.entries.len());
    for (place, SentNote { action, claim, attempt, text, at }) in
        sent.entries.into_iter().enumerate()
    {
        if text.chars().count() > LONGEST_TEXT {
            let field = format!("entries[{place}].text");
            return Err(Problem::invalid(field, "longer than 10000 characters"));
        }
        let ticket = SentTicket { action, claim, attempt }.into();
        notes.push(Note { ticket, text, at });
    }
    let tickets: Vec<Ticket> = notes.iter().map(|note| note.ticket).collect();
    let answers = site.workers().log(id, notes).await?;
    let lost = tickets.into_iter().zip(answers).filter_map(|(ticket, answer)| {
        let lost = answer.err()?;
        Some(LostWork::new(ticket, lost))
    });
    Ok(Json(Noted { lost: lost.collect() }))
}

/// Report results
///
/// Each counts only while the attempt is the worker's own. The same report made again is answered alike, so that one whose
/// answer was lost can be repeated.
#[utoipa::path(
    post,
    path = "/workers/{id}/results",
    tag = "workers",
    params(WorkerPath),
    request_body = SentResults,
    responses((status = 200, description = "What followed from each.", body = Reported))
)]
async fn report_results(
    State(site): State<Site>,
    _: Worker,
    Named(id): Named<RunnerId>,
    Body(sent): Body<SentResults>,
) -> Result<Json<Reported>, Problem> {
    within_limit("results", sent.results.len())?;
    let mut reports = Vec::with_capacity(sent.results.len());
    for (place, result) in sent.results.into_iter().enumerate() {
        reports.push(result.read().map_err(|(field, problem)| {
            Problem::invalid(format!("results[{place}].{field}"), problem)
        })?);
    }
    report(&site, id, reports).await
}

/// Give work back
///
/// For what was handed out and never begun: it goes back to the queue, and the attempt is not counted.
#[utoipa::path(
    post,
    path = "/workers/{id}/release",
    tag = "workers",
    params(WorkerPath),
    request_body = SentRelease,
    responses((status = 200, description = "What followed from each.", body = Reported))
)]
async fn release_work(
    State(site): State<Site>,
    _: Worker,
    Named(id): Named<RunnerId>,
    Body(sent): Body<SentRelease>,
) -> Result<Json<Reported>, Problem> {
    within_limit("work", sent.work.len())?;
    let reports = sent
        .work
        .into_iter()
        .map(|ticket| Report { ticket: ticket.into(), result: WorkResult::NotBegun });
    report(&site, id, reports.collect()).await
}

async fn report(
    site: &Site,
    worker: RunnerId,
    reports: Vec<Report>,
) -> Result<Json<Reported>, Problem> {
    let tickets: Vec<Ticket> = reports.iter().map(|report| report.ticket).collect();
    let answers = site.workers().report(worker, reports).await?;
    let results = tickets.into_iter().zip(answers);
    Ok(Json(Reported {
        results: results.map(|(ticket, answer)| Outcome::new(ticket, answer)).collect(),
    }))
}

fn within_limit(field: &'static str, count: usize) -> Result<(), Problem> {
    match count <= RemoteWorkers::MOST {
        true => Ok(()),
        false => Err(Problem::invalid(field, "expected at most 1000")),
    }
}
