//! `[server]`: the web admin and the HTTP API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use action_scheduler::policy::HookPattern;
use action_scheduler_server::access::check_base_path;
use action_scheduler_server::config::{Masks, Network, PublicUrl};

use super::read::{Item, Section};
use super::runner::{checked, positive};
use crate::input::{self, Limit, Listen};

/// The most actions or entries on a page that can be set.
const MOST_ON_A_PAGE: u32 = 100_000;

/// The most connections, or listeners, that can be set.
const MOST_AT_ONCE: u32 = 1_000_000;

/// What `[server]` says; `None` is not said.
#[derive(Debug, Clone, Default)]
pub struct ServerSection {
    /// Where it listens.
    pub listen: Option<Listen>,
    /// The path that everything is below.
    pub base_path: Option<String>,
    /// What browsers call it by.
    pub public_url: Option<PublicUrl>,
    /// The file of the certificate.
    pub tls_certificate: Option<PathBuf>,
    /// The file of its key.
    pub tls_key: Option<PathBuf>,
    /// Whose word about clients counts.
    pub trusted_proxies: Option<Vec<Network>>,
    /// Unused for this long, a session ends.
    pub session_idle: Option<Duration>,
    /// After this long it ends in any case.
    pub session_lifetime: Option<Duration>,
    /// The largest body of a request, in bytes.
    pub max_body: Option<u64>,
    /// The most actions or entries on a page.
    pub max_page: Option<u32>,
    /// How long a request may take.
    pub request_timeout: Option<Duration>,
    /// How long the headers of a request may take.
    pub header_timeout: Option<Duration>,
    /// How many connections may be open at once.
    pub max_connections: Option<u32>,
    /// How many may listen to events at once.
    pub max_listeners: Option<u32>,
    /// How many requests a second one client may send.
    pub max_rate: Option<Limit>,
    /// Fields of args that are never shown.
    pub masks: Masks,
    /// The hooks they are for.
    pub masked_hooks: Vec<HookPattern>,
}

impl ServerSection {
    /// Reads the section. `folder` is what relative paths are relative to.
    pub fn read(mut section: Section<'_, '_>, folder: &Path) -> Self {
        let file = |text: &str| match text {
            "" => Err("expected the name of a file"),
            text => Ok(folder.join(text)),
        };
        let mut server = Self {
            listen: section.text("listen", input::listen),
            base_path: section
                .text("base_path", |path| check_base_path(path).map(|()| path.to_owned())),
            public_url: section.text("public_url", str::parse),
            tls_certificate: section.text("tls_certificate", file),
            tls_key: section.text("tls_key", file),
            trusted_proxies: section.item("trusted_proxies").and_then(|item| networks(&item)),
            session_idle: positive(&mut section, "session_idle"),
            session_lifetime: positive(&mut section, "session_lifetime"),
            max_body: checked(&mut section, "max_body", input::bytes),
            max_page: section.item("max_page").and_then(|item| item.number(1..=MOST_ON_A_PAGE)),
            request_timeout: positive(&mut section, "request_timeout"),
            header_timeout: positive(&mut section, "header_timeout"),
            max_connections: number(&mut section, "max_connections"),
            max_listeners: number(&mut section, "max_listeners"),
            max_rate: checked(&mut section, "max_rate", input::request_rate),
            ..Self::default()
        };
        if let Some(mut mask) = section.section("mask") {
            for (name, item) in mask.items() {
                server.mask(&name, &item);
            }
        }
        for (one, other) in [("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")] {
            if section.has(one) && !section.has(other) {
                section
                    .refuse(format_args!("`{one}` is there, and `{other}` is not; TLS takes both"));
            }
        }
        if let (Some(url), Some(path)) = (&server.public_url, &server.base_path)
            && url.base_path() != path
        {
            section.refuse(format_args!(
                "the path of `public_url` ({:?}) is not `base_path` ({path:?}); leave `base_path` away to take it from there",
                url.base_path()
            ));
        }
        section.close();
        server
    }

    fn mask(&mut self, pattern: &str, item: &Item<'_, '_>) {
        let pattern = item.checked(pattern.parse::<HookPattern>());
        let Some((pattern, fields)) = pattern.zip(item.texts()) else { return };
        if item.checked(self.masks.add(pattern.clone(), &fields)).is_some() {
            self.masked_hooks.push(pattern);
        }
    }
}

fn number(section: &mut Section<'_, '_>, key: &'static str) -> Option<u32> {
    section.item(key).and_then(|item| item.number(1..=MOST_AT_ONCE))
}

fn networks(item: &Item<'_, '_>) -> Option<Vec<Network>> {
    let texts = item.texts()?;
    texts.iter().map(|text| item.checked(text.parse())).collect()
}
