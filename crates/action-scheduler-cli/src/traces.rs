//! Traces: what the config file and the environment of OpenTelemetry come to.

use std::time::Duration;

use action_scheduler::Scheduler;
use action_scheduler::trace::{KeptTraces, Traces, TracesConfig};
use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;

use crate::app::Origin;
use crate::config::{Config, Endpoint};
use crate::failure::BadInput;
use crate::output::time::short;

/// The variables that OpenTelemetry has for it
/// ([specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/)), as far as they count here.
mod variable {
    pub const DISABLED: &str = "OTEL_SDK_DISABLED";
    pub const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
    pub const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    pub const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    pub const HEADERS: [&str; 2] =
        ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];
    pub const TIMEOUTS: [&str; 2] =
        ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
    pub const SERVICE: &str = "OTEL_SERVICE_NAME";
    pub const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";
}

/// A value, and where it came from.
struct Found<T> {
    value: T,
    origin: Origin,
}

/// What the config file and an environment say.
struct Sources<'a, E> {
    config: &'a Config,
    environment: E,
}

/// Where traces are sent, and how; `None` when they are not.
pub fn resolve(config: &Config) -> Result<Option<TracesConfig>> {
    Sources { config, environment: environment() }.resolve()
}

/// The settings of traces as keys of the config file, each with where it came from.
pub fn rows(config: &Config) -> Vec<(&'static str, String, Origin)> {
    Sources { config, environment: environment() }.rows()
}

/// Begins to send traces, if they are wanted.
pub async fn begin(
    scheduler: &Scheduler,
    config: Option<&TracesConfig>,
) -> Result<Option<KeptTraces>> {
    let Some(config) = config else { return Ok(None) };
    let traces = Traces::begin(scheduler, config).await.context("setting up traces")?;
    Ok(Some(traces))
}

/// Sends what is left, when nothing more will happen.
pub async fn end(traces: Option<KeptTraces>) {
    if let Some(traces) = traces {
        traces.end().await;
    }
}

/// The environment of this process; what is empty is as good as not there.
fn environment() -> impl Fn(&str) -> Option<String> {
    |name| std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl<E: Fn(&str) -> Option<String>> Sources<'_, E> {
    fn resolve(&self) -> Result<Option<TracesConfig>> {
        let Some(Found { value: mut traces, .. }) = self.collector() else { return Ok(None) };
        traces.headers = self.config.bind_trace_headers()?;
        for name in variable::HEADERS {
            traces.headers.extend(self.pairs(name)?);
        }
        for (key, value) in self.pairs(variable::RESOURCE)? {
            traces.resource.insert(key, value);
        }
        if let Some(service) = self.service() {
            traces.resource.insert("service.name".to_owned(), service.value);
        }
        if let Some(timeout) = self.timeout()? {
            traces.timeout = timeout.value;
        }
        traces.share = self.config.traces.share.unwrap_or(traces.share);
        traces.check()?;
        Ok(Some(traces))
    }

    fn rows(&self) -> Vec<(&'static str, String, Origin)> {
        let Some(collector) = self.collector() else {
            let origin = self.off().unwrap_or_else(|| self.origin_of("endpoint"));
            return vec![("endpoint", "off".to_owned(), origin)];
        };
        let defaults = collector.value;
        // The query may hold a secret.
        let url = defaults.url.split(['?', '#']).next().unwrap_or_default().to_owned();
        let service = self.service().unwrap_or_else(|| Found {
            value: defaults.resource.get("service.name").cloned().unwrap_or_default(),
            origin: Origin::Default,
        });
        // What cannot be read has been told of by then.
        let timeout = self.timeout().ok().flatten();
        let timeout = timeout.unwrap_or(Found { value: defaults.timeout, origin: Origin::Default });
        let share = self.config.traces.share.unwrap_or(defaults.share);
        vec![
            ("endpoint", url, collector.origin),
            ("share", share.to_string(), self.origin_of("share")),
            ("service", service.value, service.origin),
            ("timeout", short(timeout.value), timeout.origin),
        ]
    }

    /// Where traces are sent, with the defaults for all else.
    fn collector(&self) -> Option<Found<TracesConfig>> {
        if self.off().is_some() {
            return None;
        }
        if let Some(url) = self.variable(variable::TRACES_ENDPOINT) {
            let defaults = TracesConfig::new(&url.value);
            // This one is taken as it is.
            let value = TracesConfig { url: url.value, ..defaults };
            return Some(Found { value, origin: url.origin });
        }
        let found = self.variable(variable::ENDPOINT).or_else(|| {
            match self.config.traces.endpoint.clone()? {
                Endpoint::At(value) => Some(Found { value, origin: self.origin_of("endpoint") }),
                Endpoint::Off => None,
            }
        })?;
        Some(Found { value: TracesConfig::new(&found.value), origin: found.origin })
    }

    /// Who said that there are to be no traces, if someone did.
    fn off(&self) -> Option<Origin> {
        let says = |name, text| {
            let variable = self.variable(name)?;
            variable.value.eq_ignore_ascii_case(text).then_some(variable.origin)
        };
        let in_file = || {
            let is_off = self.config.traces.endpoint == Some(Endpoint::Off);
            is_off.then(|| self.origin_of("endpoint"))
        };
        says(variable::DISABLED, "true")
            .or_else(|| says(variable::EXPORTER, "none"))
            .or_else(in_file)
    }

    fn service(&self) -> Option<Found<String>> {
        let in_file = || {
            let value = self.config.traces.service.clone()?;
            Some(Found { value, origin: self.origin_of("service") })
        };
        self.variable(variable::SERVICE).or_else(in_file)
    }

    fn timeout(&self) -> Result<Option<Found<Duration>>> {
        for name in variable::TIMEOUTS {
            let Some(Found { value, origin }) = self.variable(name) else { continue };
            let milliseconds = value.parse().ok().filter(|milliseconds| *milliseconds > 0);
            let Some(milliseconds) = milliseconds else {
                let message = format!("{name} {value:?}: expected a number of milliseconds");
                return Err(BadInput(message).into());
            };
            return Ok(Some(Found { value: Duration::from_millis(milliseconds), origin }));
        }
        let in_file = self.config.traces.timeout;
        Ok(in_file.map(|value| Found { value, origin: self.origin_of("timeout") }))
    }

    /// A variable that is a list of `key=value`, separated by commas.
    fn pairs(&self, name: &str) -> Result<Vec<(String, String)>> {
        let Some(list) = self.variable(name) else { return Ok(Vec::new()) };
        let pairs = list.value.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            // The value may be a secret: the message must not quote it.
            let refuse = || BadInput(format!("{name}: expected key=value, separated by commas"));
            let (key, value) = pair.split_once('=').ok_or_else(refuse)?;
            let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| refuse())?;
            Ok((key.trim().to_owned(), value.into_owned()))
        });
        pairs.collect()
    }

    fn variable(&self, name: &str) -> Option<Found<String>> {
        let value = (self.environment)(name)?;
        Some(Found { value, origin: Origin::Environment(name.to_owned()) })
    }

    fn origin_of(&self, key: &str) -> Origin {
        match (self.config.line(&format!("traces.{key}")), &self.config.file) {
            (Some(line), Some(file)) => Origin::File(file.clone(), line),
            _ => Origin::Default,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What a config file and an environment come to.
    fn resolved(file: &str, environment: &[(&str, &str)]) -> Result<Option<TracesConfig>> {
        let mut config = Config::parse(file, Path::new("/etc/shop")).unwrap();
        config.file = Some("shop.toml".into());
        Sources { config: &config, environment: variables(environment) }.resolve()
    }

    fn row(file: &str, environment: &[(&str, &str)], key: &str) -> (String, String) {
        let mut config = Config::parse(file, Path::new("/etc/shop")).unwrap();
        config.file = Some("shop.toml".into());
        let rows = Sources { config: &config, environment: variables(environment) }.rows();
        let (_, value, origin) = rows.into_iter().find(|(name, ..)| *name == key).unwrap();
        (value, origin.to_string())
    }

    fn variables(list: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| list.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    const FILE: &str = "[traces]\nendpoint = \"http://collector:4318\"\nshare = 0.25\n\
                        service = \"shop\"\ntimeout = \"3s\"\nheaders = { x-tenant = \"7\" }";

    #[test]
    fn without_a_word_there_are_no_traces() {
        assert!(resolved("", &[]).unwrap().is_none());
        assert_eq!(row("", &[], "endpoint"), ("off".into(), "default".into()));
    }

    #[test]
    fn the_file_says_where_traces_are_sent_and_how() {
        let traces = resolved(FILE, &[]).unwrap().unwrap();
        assert_eq!(traces.url, "http://collector:4318/v1/traces");
        assert_eq!((traces.share, traces.timeout), (0.25, Duration::from_secs(3)));
        assert_eq!(traces.resource["service.name"], "shop");
        assert_eq!(traces.headers, [("x-tenant".to_owned(), "7".to_owned())]);
        let endpoint = ("http://collector:4318/v1/traces".into(), "shop.toml:2".into());
        assert_eq!(row(FILE, &[], "endpoint"), endpoint);
        assert_eq!(row(FILE, &[], "share"), ("0.25".into(), "shop.toml:3".into()));
    }

    #[test]
    fn the_environment_of_opentelemetry_counts_more() {
        let environment = [
            (variable::ENDPOINT, "https://other:4318/otlp"),
            (variable::SERVICE, "other"),
            (variable::RESOURCE, "deployment.environment.name=test%20bed, host.name=a"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret"),
        ];
        let traces = resolved(FILE, &environment).unwrap().unwrap();
        assert_eq!(traces.url, "https://other:4318/otlp/v1/traces");
        assert_eq!(traces.timeout, Duration::from_millis(1500));
        assert_eq!(traces.resource["service.name"], "other");
        assert_eq!(traces.resource["deployment.environment.name"], "test bed");
        assert_eq!(traces.resource["host.name"], "a");
        let headers: Vec<_> = traces.headers.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(headers, ["7", "Bearer secret"]);
        let (_, origin) = row(FILE, &environment, "endpoint");
        assert_eq!(origin, variable::ENDPOINT);
    }

    #[test]
    fn an_endpoint_for_traces_alone_is_taken_as_it_is() {
        let environment =
            [(variable::ENDPOINT, "http://a"), (variable::TRACES_ENDPOINT, "http://b/spans")];
        let traces = resolved("", &environment).unwrap().unwrap();
        assert_eq!(traces.url, "http://b/spans");
    }

    #[test]
    fn traces_can_be_switched_off_from_both_sides() {
        for variable in [(variable::DISABLED, "true"), (variable::EXPORTER, "none")] {
            assert!(resolved(FILE, &[variable]).unwrap().is_none());
            assert_eq!(row(FILE, &[variable], "endpoint"), ("off".into(), variable.0.into()));
        }
        let off = "[traces]\nendpoint = \"off\"";
        assert!(resolved(off, &[(variable::ENDPOINT, "http://a")]).unwrap().is_none());
        assert_eq!(row(off, &[], "endpoint"), ("off".into(), "shop.toml:2".into()));
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_quoting_secrets() {
        let endpoint = (variable::ENDPOINT, "http://a");
        for (variable, says) in [
            (("OTEL_EXPORTER_OTLP_HEADERS", "secret"), "expected key=value"),
            (("OTEL_EXPORTER_OTLP_HEADERS", "a=%ffsecret"), "expected key=value"),
            (("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), "a number of milliseconds"),
        ] {
            let refused = resolved("", &[endpoint, variable]).unwrap_err().to_string();
            assert!(refused.contains(says) && refused.contains(variable.0), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
        let file =
            "[traces]\nendpoint = \"http://a\"\nheaders_env = { authorization = \"NO_SUCH\" }";
        let refused = resolved(file, &[]).unwrap_err().to_string();
        assert!(refused.contains("line 1"), "{refused}");
        assert!(refused.contains("header \"authorization\""), "{refused}");
    }
}
