//! Sites: an installation of WordPress in a folder, and the sites that it serves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use action_scheduler::store::StoreUrl;

use crate::config::{ConfigError, Reading, WpConfig};
use crate::database::{self, DatabaseError};
use crate::php::{Php, User, UserError};
use crate::tables::{SiteTables, TablesError};

/// An installation of WordPress: a folder with `wp-load.php`, and its config.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Where WordPress is.
    pub folder: PathBuf,
    /// Its `wp-config.php`.
    pub config_file: PathBuf,
    /// What that says.
    pub config: WpConfig,
    /// How it was read.
    pub reading: Reading,
    /// How PHP is run for it.
    pub php: Php,
}

/// One site: what has a queue of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Where its WordPress is.
    pub folder: PathBuf,
    /// What it is called here: its address without `https://`.
    pub name: String,
    /// Its host, with a port if it has one.
    pub host: String,
    /// Its path, which begins and ends with a slash.
    pub path: String,
    /// Whether it is reached by HTTPS.
    pub https: bool,
    /// Its number in a network; 1 where there is none.
    pub blog: u64,
    /// The prefix of its tables.
    pub prefix: String,
    /// Whether it is one of a network.
    pub in_network: bool,
    /// Where its queue is.
    pub store: StoreUrl,
    /// Whether the tables of the queue are there.
    pub has_queue: bool,
    /// Where its plugins that are always active are.
    pub must_use_plugins: PathBuf,
}

impl Site {
    /// Whether the bridge is in its place there.
    pub fn has_bridge(&self) -> bool {
        self.must_use_plugins.join(BRIDGE_FILE).is_file()
            || self.must_use_plugins.with_file_name("plugins").join(BRIDGE_FOLDER).is_dir()
    }

    /// A short name that tells it from all others that this process knows, and says nothing about it.
    pub fn key(&self) -> String {
        use std::hash::{BuildHasher, RandomState};
        use std::sync::LazyLock;
        static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        format!("{:016x}", SECRET.hash_one(self.store.to_string()))
    }
}

/// The file of the bridge, where it is always active.
pub const BRIDGE_FILE: &str = "action-scheduler-bridge.php";

/// The folder of the bridge, beside that file or among the plugins that may be active.
pub const BRIDGE_FOLDER: &str = "action-scheduler-bridge";

/// Why a site cannot be attached to.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// There is no WordPress there.
    #[error("{0}: there is no WordPress: expected the folder that holds wp-load.php")]
    NoWordPress(String),
    /// It has no config.
    #[error(
        "{0}: there is no wp-config.php in it or in the folder above it: WordPress is not set up yet"
    )]
    NoConfig(String),
    /// Its config cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It leads to no database.
    #[error("{file}: {error}")]
    Database {
        /// The config.
        file: String,
        /// What is wrong.
        error: DatabaseError,
    },
    /// As whom its PHP is to run is not clear.
    #[error(transparent)]
    User(#[from] UserError),
    /// The URL of its store is refused.
    #[error("{file}: {error}")]
    Store {
        /// The config.
        file: String,
        /// Why.
        error: action_scheduler::Error,
    },
    /// Its tables cannot be read.
    #[error("{place}: {error}")]
    Tables {
        /// Where it is.
        place: String,
        /// Why.
        error: TablesError,
    },
}

impl Installation {
    /// Finds an installation and reads its config. `php` says how PHP is run; without a user in it, the site's own is
    /// taken.
    pub async fn open(folder: &Path, php: &Php) -> Result<Self, SiteError> {
        let shown = || folder.display().to_string();
        let folder = folder.canonicalize().map_err(|_| SiteError::NoWordPress(shown()))?;
        if !folder.join("wp-load.php").is_file() {
            return Err(SiteError::NoWordPress(shown()));
        }
        let config_file = config_of(&folder).ok_or_else(|| SiteError::NoConfig(shown()))?;
        let mut php = php.clone();
        if php.user.is_none() {
            php.user = User::of_site(&folder, &config_file)?;
        }
        let (config, reading) = WpConfig::load(&config_file, &php).await?;
        Ok(Self { folder, config_file, config, reading, php })
    }

    /// The URL of the store of the tables with this prefix.
    pub fn store(&self, prefix: &str) -> Result<StoreUrl, SiteError> {
        let file = || self.config_file.display().to_string();
        let url = database::store_url(&self.config, prefix)
            .map_err(|error| SiteError::Database { file: file(), error })?;
        url.parse().map_err(|error| SiteError::Store { file: file(), error })
    }

    /// The prefix of the tables of the first, or only, site.
    pub fn prefix(&self) -> Result<&str, SiteError> {
        database::prefix(&self.config).map_err(|error| SiteError::Database {
            file: self.config_file.display().to_string(),
            error,
        })
    }

    /// Where the plugins that are always active are.
    pub fn must_use_plugins(&self) -> PathBuf {
        let content = self.config.text("WP_CONTENT_DIR").map(PathBuf::from);
        let content = content.unwrap_or_else(|| self.folder.join("wp-content"));
        let named = self.config.text("WPMU_PLUGIN_DIR").map(PathBuf::from);
        named.unwrap_or_else(|| content.join("mu-plugins"))
    }

    /// Whether it serves a network of sites.
    pub fn is_network(&self) -> bool {
        self.config.is_true("MULTISITE")
    }

    /// The sites it serves. Those of a network, but the first, count once they have the tables of the queue.
    pub async fn sites(&self) -> Result<Vec<Site>, SiteError> {
        self.sites_that(|blog, has_queue| blog == 1 || has_queue).await
    }

    /// The sites it serves, whether they have the tables of a queue or not.
    pub async fn every_site(&self) -> Result<Vec<Site>, SiteError> {
        self.sites_that(|_, _| true).await
    }

    /// The sites that are wanted, by their number and by whether they have the tables of the queue.
    async fn sites_that(
        &self,
        is_wanted: impl Fn(u64, bool) -> bool,
    ) -> Result<Vec<Site>, SiteError> {
        let prefix = self.prefix()?;
        let told = |error| SiteError::Tables { place: self.folder.display().to_string(), error };
        let mut tables = SiteTables::connect(&self.store(prefix)?, prefix).await.map_err(told)?;
        let with_queue: BTreeSet<String> =
            tables.prefixes_with_a_queue().await.map_err(told)?.into_iter().collect();
        let mut sites = Vec::new();
        if !self.is_network() {
            let home = tables.option(prefix, "home").await.map_err(told)?;
            sites.push(self.site(home.as_deref(), 1, prefix, &with_queue)?);
        } else {
            for blog in tables.blogs().await.map_err(told)? {
                let prefix = match blog.id {
                    1 => prefix.to_owned(),
                    id => format!("{prefix}{id}_"),
                };
                if !is_wanted(blog.id, with_queue.contains(&prefix)) {
                    continue;
                }
                let home = tables.option(&prefix, "home").await.map_err(told)?;
                let https = home.as_deref().is_some_and(|home| home.starts_with("https:"));
                let scheme = if https { "https" } else { "http" };
                // The domain of a network's site is what WordPress finds it by.
                let address = format!("{scheme}://{}{}", blog.domain, blog.path);
                sites.push(self.site(Some(&address), blog.id, &prefix, &with_queue)?);
            }
        }
        tables.close().await;
        Ok(sites)
    }

    fn site(
        &self,
        home: Option<&str>,
        blog: u64,
        prefix: &str,
        with_queue: &BTreeSet<String>,
    ) -> Result<Site, SiteError> {
        let home = home.unwrap_or_default();
        let https = home.starts_with("https://");
        let address = home.split_once("://").map_or(home, |(_, address)| address);
        let (host, path) = match address.split_once('/') {
            Some((host, path)) => (host, format!("/{}", path.trim_matches('/'))),
            None => (address, "/".to_owned()),
        };
        let name = match address.trim_end_matches('/') {
            "" => self.folder.display().to_string(),
            name => name.to_owned(),
        };
        Ok(Site {
            folder: self.folder.clone(),
            name,
            host: if host.is_empty() { "localhost" } else { host }.to_owned(),
            path: if path.ends_with('/') { path } else { format!("{path}/") },
            https,
            blog,
            prefix: prefix.to_owned(),
            store: self.store(prefix)?,
            has_queue: with_queue.contains(prefix),
            in_network: self.is_network(),
            must_use_plugins: self.must_use_plugins(),
        })
    }
}

/// The config of an installation, where WordPress looks for it: beside it, or in the folder above that is not itself an
/// installation.
fn config_of(folder: &Path) -> Option<PathBuf> {
    let here = folder.join("wp-config.php");
    if here.is_file() {
        return Some(here);
    }
    let above = folder.parent()?;
    let there = above.join("wp-config.php");
    (there.is_file() && !above.join("wp-settings.php").exists()).then_some(there)
}
