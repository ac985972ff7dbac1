//! `[traces]`: where the spans of actions are sent.

use std::path::Path;
use std::time::Duration;

use super::handler::{self, Secret};
use super::read::Section;

/// What `[traces]` says; `None` is not said.
#[derive(Clone, Default)]
pub struct TracesSection {
    /// The address of the collector, without the path of traces.
    pub endpoint: Option<Endpoint>,
    /// How many of the traces are sent.
    pub share: Option<f64>,
    /// What this program is called in them.
    pub service: Option<String>,
    /// How long a request may take.
    pub timeout: Option<Duration>,
    /// Headers that are sent with each request.
    headers: Vec<(String, String)>,
    /// Those whose value is a secret.
    secret_headers: Vec<(String, Secret)>,
    /// The line of the config file it begins at.
    pub line: usize,
}

/// Where traces are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Nowhere, whatever the environment says.
    Off,
    /// To the collector at this address.
    At(String),
}

impl TracesSection {
    /// Reads the section. `folder` is what relative paths are relative to.
    pub fn read(mut section: Section<'_, '_>, folder: &Path) -> Self {
        let line = section.line();
        let endpoint = section.text("endpoint", |text| match text {
            "off" => Ok(Endpoint::Off),
            text if text.starts_with("http://") || text.starts_with("https://") => {
                Ok(Endpoint::At(text.to_owned()))
            }
            _ => Err("expected the address of a collector, such as \"http://localhost:4318\", or \"off\""),
        });
        let share =
            section.item("share").and_then(|item| item.share("a share from 0 to 1, such as 0.1"));
        let service = section.text("service", |text| match text {
            "" => Err("expected a name"),
            text => Ok(text.to_owned()),
        });
        let timeout = super::runner::positive(&mut section, "timeout");
        let headers = handler::pairs(&mut section, "headers");
        let from_env = handler::pairs(&mut section, "headers_env").into_iter();
        let from_env = from_env.map(|(name, variable)| (name, Secret::Env(variable)));
        let from_file = handler::pairs(&mut section, "headers_file").into_iter();
        let from_file = from_file.map(|(name, file)| (name, Secret::File(folder.join(file))));
        let secret_headers = from_env.chain(from_file).collect();
        section.close();
        Self { endpoint, share, service, timeout, headers, secret_headers, line }
    }

    /// The headers; else what is wrong with a secret.
    pub(super) fn bind_headers(&self) -> Result<Vec<(String, String)>, String> {
        let secret = self.secret_headers.iter().map(|(name, secret)| {
            let value = secret.text().map_err(|problem| format!("header {name:?}: {problem}"))?;
            Ok((name.clone(), value))
        });
        self.headers.iter().cloned().map(Ok).chain(secret).collect()
    }
}

/// The values of headers may be secrets: they are left out.
impl std::fmt::Debug for TracesSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracesSection")
            .field("endpoint", &self.endpoint)
            .field("share", &self.share)
            .field("service", &self.service)
            .field("timeout", &self.timeout)
            .field("secret_headers", &self.secret_headers)
            .finish_non_exhaustive()
    }
}
