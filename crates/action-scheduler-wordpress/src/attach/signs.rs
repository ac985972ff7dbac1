//! Signs of life for the sites whose bridge waits for them.

use std::path::Path;
use std::time::Duration;

use action_scheduler::Shutdown;
use action_scheduler::store::StoreUrl;
use action_scheduler::store::mysql::MySqlUrl;
use serde::Serialize;
use tokio::sync::watch;

use crate::site::Site;
use crate::tables::Notices;

/// How often one is given; the bridge takes a daemon for gone after four times as long.
const BEAT: Duration = Duration::from_secs(15);

/// What a site is told of the daemon that runs its queue.
#[derive(Debug, Serialize)]
struct Notice<'a> {
    name: &'a str,
    socket: &'a Path,
    site: &'a str,
}

/// Tells the sites that have the bridge, again and again, that their queue is run from here; and at the end, that it is
/// no longer.
pub async fn give_signs(
    mut sites: watch::Receiver<Vec<Site>>,
    socket: std::path::PathBuf,
    shutdown: Shutdown,
) {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = format!("{host}:{}", rustix::process::getpid().as_raw_pid());
    let mut servers: Vec<(MySqlUrl, Notices)> = Vec::new();
    let mut told: Vec<(MySqlUrl, String)> = Vec::new();
    loop {
        let now: Vec<Site> =
            sites.borrow_and_update().iter().filter(|site| site.has_bridge()).cloned().collect();
        for site in now {
            let StoreUrl::MySql(url) = &site.store else { continue };
            let place = servers.iter().position(|(server, _)| server.is_beside(url));
            let place = place.unwrap_or_else(|| {
                servers.push((url.clone(), Notices::new(url)));
                servers.len() - 1
            });
            let key = site.key();
            let notice = Notice { name: &name, socket: &socket, site: &key };
            let Some((_, notices)) = servers.get_mut(place) else { continue };
            match notices.give(url, &notice).await {
                Ok(()) if told.iter().any(|(known, _)| known == url) => {}
                Ok(()) => told.push((url.clone(), key)),
                Err(error) => {
                    tracing::warn!(site = site.name, %error, "no sign of life could be given")
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            Ok(()) = sites.changed() => {}
            () = shutdown.stopping() => break,
        }
    }
    for (url, key) in told {
        if let Some((_, notices)) = servers.iter_mut().find(|(server, _)| server.is_beside(&url))
            && let Err(error) = notices.withdraw(&url, &key).await
        {
            tracing::warn!(%error, "a site could not be told that its queue is its own again; it finds out in a minute");
        }
    }
}
