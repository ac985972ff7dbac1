//! `GET /events`: what changes, as it happens.

mod elsewhere;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::Hook;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::elsewhere::Elsewhere;
use crate::access::Viewer;
use crate::http::{FromParameters, Given, Parameters, Problem};
use crate::site::Site;
use crate::site::news::{Happening, News};

/// How often it is told that something changed, at most.
const OFTEN: Duration = Duration::from_secs(1);
/// After how long a silent stream shows that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new().routes(routes!(listen))
}

/// What is told.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Whether what happens to each action is told too.
    #[param(value_type = Option<bool>)]
    actions: bool,
    /// Only actions of this hook are told.
    #[param(value_type = Option<String>)]
    hook: Option<Hook>,
}

impl FromParameters for Wanted {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        let (actions, hook) = (given.flag("actions")?, given.one("hook")?);
        Ok(Self { actions: actions || hook.is_some(), hook })
    }
}

/// Listen to changes
///
/// Server-sent events. `changed` comes at most once a second, when anything happened: in this process at once, in another one
/// when it stored something, or as soon as the counts of the store, which are taken every second or, of a large one, less
/// often, show it. With `actions`, an event for each action in this process: `stored`, `started`, `complete`, `failed`,
/// `retrying`, `timed-out`, `crashed`, `canceled`, `deleted`, whose data is `{"action": …, "hook": …}`; of single actions in
/// other processes nothing is told. `missed` says that not all was told, because the listener was too slow or away (it sent
/// a `Last-Event-ID`): look again.
#[utoipa::path(
    get,
    path = "/events",
    tag = "status",
    params(
        Wanted,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen.")
    ),
    responses((status = 200, description = "Events, until either side stops.", body = String, content_type = "text/event-stream"))
)]
async fn listen(
    State(site): State<Site>,
    _: Viewer,
    Parameters(wanted): Parameters<Wanted>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Some(room) = site.room_to_listen() else {
        let detail = "as many listen as may; try again later";
        let title = "Too many listeners";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Problem::other(status, "too-many-listeners", title, detail));
    };
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    let listener = Listener::new(site, wanted, last, room);
    let events = futures_util::stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

struct Listener {
    site: Site,
    news: Arc<News>,
    hook: Option<Hook>,
    happenings: Option<broadcast::Receiver<Happening>>,
    elsewhere: Elsewhere,
    pulse: Interval,
    /// How much had happened when that was told last.
    told: u64,
    at_once: VecDeque<Event>,
    _room: OwnedSemaphorePermit,
}

enum Heard {
    Happening(Happening),
    Missed(u64),
    Pulse,
    End,
}

impl Listener {
    fn new(site: Site, wanted: Wanted, last: Option<String>, room: OwnedSemaphorePermit) -> Self {
        let news = site.news().clone();
        let happenings = wanted.actions.then(|| news.listen());
        let told = news.happened();
        let mut pulse = interval(OFTEN);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut listener = Self {
            news,
            hook: wanted.hook,
            happenings,
            elsewhere: Elsewhere::new(&site, told),
            pulse,
            told,
            at_once: VecDeque::new(),
            site,
            _room: room,
        };
        let now = listener.id(told);
        let first = match last {
            Some(last) if last != now => listener.event("missed", told, json!({})),
            _ => listener.event("hello", told, json!({})),
        };
        listener.at_once.push_back(first);
        listener
    }

    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.at_once.pop_front() {
            return Some(event);
        }
        loop {
            match self.hear().await {
                Heard::End => return None,
                Heard::Missed(count) => {
                    return Some(self.event(
                        "missed",
                        self.news.happened(),
                        json!({"events": count}),
                    ));
                }
                Heard::Happening(it) => {
                    let is_wanted = self.hook.is_none() || self.hook == it.hook;
                    if is_wanted {
                        let data = json!({"action": it.action, "hook": it.hook});
                        return Some(self.event(it.what, it.number, data));
                    }
                }
                Heard::Pulse => {
                    let happened = self.news.happened();
                    let elsewhere = self.elsewhere.has_changed(happened);
                    if happened == self.told && !elsewhere {
                        continue;
                    }
                    let events = happened.saturating_sub(self.told);
                    self.told = happened;
                    return Some(self.event("changed", happened, json!({"events": events})));
                }
            }
        }
    }

    async fn hear(&mut self) -> Heard {
        let site = self.site.clone();
        let happening = async {
            match &mut self.happenings {
                Some(happenings) => happenings.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = site.stopping() => Heard::End,
            heard = happening => match heard {
                Ok(happening) => Heard::Happening(happening),
                Err(broadcast::error::RecvError::Lagged(count)) => Heard::Missed(count),
                Err(broadcast::error::RecvError::Closed) => Heard::End,
            },
            _ = self.pulse.tick() => Heard::Pulse,
        }
    }

    fn id(&self, number: u64) -> String {
        format!("{:016x}-{number}", self.news.run())
    }

    fn event(&self, name: &str, number: u64, data: serde_json::Value) -> Event {
        Event::default().event(name).id(self.id(number)).data(data.to_string())
    }
}
