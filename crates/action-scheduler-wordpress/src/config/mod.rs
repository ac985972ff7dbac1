//! What a site's `wp-config.php` says: read without running it where that is safe, else by asking PHP.

mod ask;
mod lexer;
mod read;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::ask::AskError;
pub use self::lexer::Beyond;
use self::read::Constants;
use crate::php::Php;

/// The constants that matter here.
const RELEVANT: &[&str] = &[
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_HOST",
    "MYSQL_CLIENT_FLAGS",
    "MULTISITE",
    "SUBDOMAIN_INSTALL",
    "DOMAIN_CURRENT_SITE",
    "PATH_CURRENT_SITE",
    "SITE_ID_CURRENT_SITE",
    "BLOG_ID_CURRENT_SITE",
    "DISABLE_WP_CRON",
    "ALTERNATE_WP_CRON",
    "WP_CONTENT_DIR",
    "WP_PLUGIN_DIR",
    "WPMU_PLUGIN_DIR",
];

/// The value of a constant.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Constant {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// A config, as far as it matters here.
#[derive(Clone, Default, PartialEq)]
pub struct WpConfig {
    constants: Constants,
    /// `$table_prefix`, which WordPress insists on.
    pub table_prefix: Option<String>,
}

/// How a config was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Without running it.
    Safely,
    /// By PHP, because of this.
    ByPhp(Beyond),
}

impl WpConfig {
    /// Reads a file. Where it cannot be understood without PHP, PHP is asked.
    pub async fn load(file: &Path, php: &Php) -> Result<(Self, Reading), ConfigError> {
        let bytes = tokio::fs::read(file)
            .await
            .map_err(|error| ConfigError::Unreadable { file: file.display().to_string(), error })?;
        match Self::parse(&bytes) {
            Ok(config) => Ok((config, Reading::Safely)),
            Err(beyond) => {
                let config = ask::ask(file, php).await.map_err(|error| ConfigError::Php {
                    file: file.display().to_string(),
                    beyond,
                    error,
                })?;
                Ok((config, Reading::ByPhp(beyond)))
            }
        }
    }

    /// Reads a source without running it; the error says where only PHP knows what it means.
    pub fn parse(source: &[u8]) -> Result<Self, Beyond> {
        read::read(source)
    }

    /// A constant as a text; a number is written out.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.constants.get(name)? {
            Constant::Text(text) => Some(text.clone()),
            Constant::Number(number) => Some(number.to_string()),
            Constant::Flag(_) | Constant::Null => None,
        }
    }

    /// Whether a constant is true, as PHP sees it.
    pub fn is_true(&self, name: &str) -> bool {
        match self.constants.get(name) {
            Some(Constant::Flag(flag)) => *flag,
            Some(Constant::Number(number)) => *number != 0,
            Some(Constant::Text(text)) => !matches!(text.as_str(), "" | "0"),
            Some(Constant::Null) | None => false,
        }
    }

    /// A constant as a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.constants.get(name)? {
            Constant::Number(number) => Some(*number),
            Constant::Text(text) => text.parse().ok(),
            Constant::Flag(_) | Constant::Null => None,
        }
    }
}

/// Without values: one of them is a password.
impl std::fmt::Debug for WpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WpConfig")
            .field("constants", &self.constants.keys())
            .field("table_prefix", &self.table_prefix)
            .finish()
    }
}

/// Why a config could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// It needs PHP, and PHP could not tell.
    #[error("{file}: cannot be read without PHP ({beyond}), and PHP could not tell: {error}")]
    Php {
        /// The file.
        file: String,
        /// Why PHP was asked.
        beyond: Beyond,
        /// What PHP said.
        error: AskError,
    },
}
