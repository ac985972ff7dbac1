//! Actions as a file: CSV, JSON or a JSON object per line, however many there are.
//!
//! Pages are read one after the other while the file is written, so that its size costs no memory, and one that is broken off
//! costs nothing more. It is no snapshot: what changes while it is written may be there as it was, as it is, or not at all.

mod file;

use std::collections::VecDeque;

use action_scheduler::query::OrderBy;
use action_scheduler::{Action, Query, Scheduler};
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};

pub(crate) use self::file::Format;
use self::file::Writer;
use crate::site::Site;

/// How many actions are read at once.
const PAGE: u32 = 1000;

/// The actions a query asks for, as a file to be kept. Its page and what it looks within do not count.
pub(crate) fn file(site: Site, query: Query, format: Format) -> Response {
    let now = site.scheduler().now();
    let named_after = now.strftime("%Y-%m-%dT%H%M%SZ");
    let name = format!("attachment; filename=\"actions-{named_after}.{}\"", format.extension());
    let headers = [
        (CONTENT_TYPE, format.media_type().to_owned()),
        (CONTENT_DISPOSITION, name),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    let pages = Pages::new(site, whole(query), Writer::new(format, now));
    let body = stream::unfold(pages, async |mut pages| Some((pages.next().await?, pages)));
    // What compresses it asks once more after the end.
    (headers, Body::from_stream(body.fuse())).into_response()
}

/// The same question for all pages, in an order that an index serves: that of the list if it is by date, else by id.
fn whole(query: Query) -> Query {
    let by = match query.order_by {
        OrderBy::Date => OrderBy::Date,
        _ => OrderBy::Id,
    };
    let order = query.order;
    Query { after: None, offset: 0, within: None, ..query }.order(by, order).limit(PAGE)
}

/// The parts of a file, one after the other.
struct Pages {
    site: Site,
    /// The next page; none after the last.
    query: Option<Query>,
    writer: Writer,
    ready: VecDeque<Bytes>,
}

impl Pages {
    fn new(site: Site, query: Query, writer: Writer) -> Self {
        let ready = VecDeque::from([writer.head()]);
        Self { site, query: Some(query), writer, ready }
    }

    /// The next part. An error breaks the file off, so that whoever reads it sees that it is not whole.
    async fn next(&mut self) -> Option<Result<Bytes, action_scheduler::Error>> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                if !part.is_empty() {
                    return Some(Ok(part));
                }
                continue;
            }
            let query = self.query.take()?;
            let scheduler: &Scheduler = self.site.scheduler();
            let actions = match scheduler.query(query.clone()).await {
                Ok(actions) => actions,
                Err(error) => {
                    tracing::error!(%error, "an export was broken off");
                    return Some(Err(error));
                }
            };
            let shown: Vec<Action> = actions.iter().map(|action| self.shown(action)).collect();
            self.ready.push_back(self.writer.page(&shown));
            match actions.last() {
                Some(last) if actions.len() >= PAGE as usize => {
                    let cursor = query.cursor(last);
                    self.query = Some(query.after(cursor));
                }
                _ => self.ready.push_back(self.writer.tail()),
            }
        }
    }

    /// An action as it may be shown.
    fn shown(&self, action: &Action) -> Action {
        let args = self.site.shown_args(&action.hook, &action.args).into_owned();
        Action { args, ..action.clone() }
    }
}
