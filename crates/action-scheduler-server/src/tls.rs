//! TLS: certificates from files, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// How often it is looked whether the files have changed.
const PAUSE: Duration = Duration::from_secs(2);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or does not hold what it should.
    #[error("TLS: {file:?}: {problem}")]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("TLS: the certificate of {certificate:?} and the key of {key:?}: {problem}")]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong with them.
        problem: rustls::Error,
    },
}

/// A certificate and its key, as they were in their files.
pub(crate) struct Tls {
    files: TlsFiles,
    config: RustlsConfig,
    stamps: Option<Stamps>,
}

/// What tells whether files were changed: when, and how long they are.
type Stamps = [(SystemTime, u64); 2];

impl Tls {
    /// Reads the files.
    pub(crate) async fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let stamps = stamps(&files).await;
        let config = RustlsConfig::from_config(Arc::new(load(&files)?));
        Ok(Self { files, config, stamps })
    }

    /// What connections are made with; it changes with the files while [`Tls::keep`] runs.
    pub(crate) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the files again whenever they change. What cannot be used is told, and the certificate before it stays.
    pub(crate) async fn keep(mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = stamps(&self.files).await;
            if now == self.stamps {
                continue;
            }
            self.stamps = now;
            match load(&self.files) {
                Ok(config) => {
                    self.config.reload_from_config(Arc::new(config));
                    tracing::info!(file = %self.files.certificate.display(), "the certificate was read again");
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate has changed and cannot be used; the one before stays");
                }
            }
        }
    }
}

/// Reads a certificate and its key.
pub(crate) fn load(files: &TlsFiles) -> Result<rustls::ServerConfig, TlsError> {
    let TlsFiles { certificate, key } = files;
    let chain: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|problem| file_error(certificate, &problem, "a certificate"))?;
    if chain.is_empty() {
        return Err(file_error(certificate, &pem::Error::NoItemsFound, "a certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|problem| file_error(key, &problem, "a private key"))?;
    let pair =
        |problem| TlsError::Pair { certificate: certificate.clone(), key: key.clone(), problem };
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn file_error(file: &Path, problem: &pem::Error, what: &str) -> TlsError {
    let problem = match problem {
        pem::Error::Io(error) => format!("it cannot be read: {error}"),
        pem::Error::NoItemsFound => format!("expected {what} in PEM form, and found none"),
        other => format!("expected {what} in PEM form: {other}"),
    };
    TlsError::File { file: file.to_path_buf(), problem }
}

async fn stamps(files: &TlsFiles) -> Option<Stamps> {
    let stamp = async |file: &Path| {
        let metadata = tokio::fs::metadata(file).await.ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    Some([stamp(&files.certificate).await?, stamp(&files.key).await?])
}
