//! What all requests to others have in common: whom they trust, and their errors in words.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};

use reqwest::Url;
use rustls::{ClientConfig, RootCertStore};

/// TLS for a URL; else what is wrong, in words.
pub(crate) fn tls_for(url: &Url) -> Result<ClientConfig, String> {
    match url.scheme() {
        "https" => tls()
            .map_err(|error| format!("TLS cannot be set up: {error} (package ca-certificates)")),
        // No redirect leads from http to https: nothing is ever trusted.
        _ => tls_that_trusts(RootCertStore::empty()).map_err(|error| error.to_string()),
    }
}

/// The innermost cause of an error: of "error sending request: client error: tcp connect error: connection refused" what
/// a reader wants to know.
pub(crate) fn deepest(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else {
        // It says nothing of a cause; at least it must not say the URL with its query.
        return if error.is_timeout() { "time is up".to_owned() } else { "it failed".to_owned() };
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// TLS that trusts what the machine trusts. The certificates are read once; if that fails, it is tried again.
fn tls() -> Result<ClientConfig, rustls::Error> {
    static SHARED: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = SHARED.get() {
        return Ok(config.clone());
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&ring))?;
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .dangerous() // The name that rustls has for verifiers other than its own.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(SHARED.get_or_init(|| config).clone())
}

fn tls_that_trusts(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
