//! Viewers of the overview: what a browser asks for while the page is open and follows what happens.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::wire::Wire;
use super::{Options, Place, ready};

const PAGE: &str = "/";
const EVENTS: &str = "/api/v1/events";
/// How long the page waits between two looks, at least.
const LEAST: Duration = Duration::from_secs(2);

/// How many times they looked at the page.
pub(super) async fn watch(server: Place<'_>, options: &Options) -> Result<u64> {
    let viewers = (0..options.connections).map(|_| Viewer::open(server));
    let viewers = try_join_all(viewers).await?;
    let (closed, closing) = watch::channel(());
    let watching = try_join_all(viewers.into_iter().map(|it| it.watch(closing.clone())));
    let close = async {
        let told = ready().await;
        drop(closed);
        told
    };
    let (looks, ()) = tokio::try_join!(watching, close)?;
    Ok(looks.iter().sum())
}

struct Viewer {
    page: Wire,
    events: Wire,
}

impl Viewer {
    async fn open(server: Place<'_>) -> Result<Self> {
        let mut page = Wire::connect(server.address, server.token).await?;
        page.get(PAGE).await?;
        let mut events = Wire::connect(server.address, server.token).await?;
        events.listen(EVENTS).await?;
        Ok(Self { page, events })
    }

    /// Looks again after each event, but not more often than the page does. How many times until it is closed.
    async fn watch(mut self, mut closing: watch::Receiver<()>) -> Result<u64> {
        let (mut looks, mut last) = (1, Instant::now());
        loop {
            tokio::select! {
                // An error is the end of the other side.
                _ = closing.changed() => return Ok(looks),
                happened = self.events.event() => happened?,
            }
            tokio::select! {
                _ = closing.changed() => return Ok(looks),
                () = sleep_until(last + LEAST) => {}
            }
            last = Instant::now();
            self.page.get(PAGE).await?;
            looks += 1;
        }
    }
}
