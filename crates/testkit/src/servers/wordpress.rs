//! A WordPress site, made of the one that Debian installs.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use mysql_async::Conn;

use super::database::Database;
use super::folder::Folder;
use super::mariadb::{MariaDb, connect};
use super::programs::{self, NOBODY, started_by_root};

/// Where Debian's package has it.
const SOURCE: &str = "/usr/share/wordpress";

/// A site with a database of its own. Started by root, its files belong to `nobody`.
#[derive(Debug)]
pub struct WordPress {
    folder: Folder,
    database: Database,
    prefix: String,
    /// What its config has beside the usual.
    more: String,
}

/// Whether a site is one of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Network,
}

impl WordPress {
    /// A new site, `http://shop.test`, in the tables `wp_…`.
    pub async fn install() -> Self {
        Self::install_in(MariaDb::shared().await).await
    }

    /// As [`WordPress::install`], on a server that the test may kill.
    pub async fn install_in(server: &MariaDb) -> Self {
        Self::install_kind(server, Kind::Single).await
    }

    /// A new network of sites in folders, with `http://shop.test` as its first.
    pub async fn install_network() -> Self {
        Self::install_kind(MariaDb::shared().await, Kind::Network).await
    }

    async fn install_kind(server: &MariaDb, kind: Kind) -> Self {
        let folder = Folder::new("wordpress");
        let database = server.create_database().await;
        let mut site = Self { folder, database, prefix: "wp_".to_owned(), more: String::new() };
        site.make_files();
        site.write_config();
        site.php(
            "function wp_new_blog_notification() {}
             define('WP_INSTALLING', true);
             require getenv('SITE') . '/wp-load.php';
             require ABSPATH . 'wp-admin/includes/upgrade.php';
             wp_install('Shop', 'admin', 'admin@shop.test', true, '', 'secret');
             update_option('home', 'http://shop.test');
             update_option('siteurl', 'http://shop.test');",
        )
        .await;
        if kind == Kind::Network {
            site.make_network().await;
        }
        site
    }

    /// Its files: what is never changed is Debian's own.
    fn make_files(&self) {
        let path = self.path();
        for entry in fs::read_dir(SOURCE).expect("`./test wordpress` installs WordPress").flatten()
        {
            let name = entry.file_name();
            let is_php = Path::new(&name).extension().is_some_and(|extension| extension == "php");
            if is_php && name != "wp-config.php" {
                fs::copy(entry.path(), path.join(&name)).expect("a copy");
            }
        }
        for folder in ["wp-admin", "wp-includes"] {
            symlink(Path::new(SOURCE).join(folder), path.join(folder)).expect("a link");
        }
        for folder in ["wp-content/plugins", "wp-content/mu-plugins", "wp-content/themes/plain"] {
            fs::create_dir_all(path.join(folder)).expect("a folder");
        }
        self.write("wp-content/themes/plain/style.css", "/* Theme Name: Plain */");
        self.write("wp-content/themes/plain/index.php", "<?php");
    }

    fn write_config(&self) {
        let url = self.database.url();
        let host = url.split_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("a URL");
        let config = format!(
            "<?php
define( 'DB_NAME', '{}' );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', '{}' );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'WP_DEFAULT_THEME', 'plain' );
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
$table_prefix = '{}';
{}
if ( ! defined( 'ABSPATH' ) ) {{
	define( 'ABSPATH', __DIR__ . '/' );
}}
require_once ABSPATH . 'wp-settings.php';
",
            self.database.name(),
            host.0,
            self.prefix,
            self.more,
        );
        self.write("wp-config.php", &config);
    }

    async fn make_network(&mut self) {
        self.php(
            "define('WP_INSTALLING', true);
             require getenv('SITE') . '/wp-load.php';
             require ABSPATH . 'wp-admin/includes/upgrade.php';
             require ABSPATH . 'wp-admin/includes/network.php';
             foreach ($wpdb->tables('ms_global') as $name => $table) { $wpdb->$name = $table; }
             install_network();
             populate_network(1, 'shop.test', 'admin@shop.test', 'Network', '/', false);",
        )
        .await;
        self.more = "define( 'MULTISITE', true );
define( 'SUBDOMAIN_INSTALL', false );
define( 'DOMAIN_CURRENT_SITE', 'shop.test' );
define( 'PATH_CURRENT_SITE', '/' );
define( 'SITE_ID_CURRENT_SITE', 1 );
define( 'BLOG_ID_CURRENT_SITE', 1 );"
            .to_owned();
        self.write_config();
    }

    /// Adds a site to a network, at `http://shop.test/NAME/`; gives its number.
    pub async fn add_site(&self, name: &str) -> u64 {
        let output = self
            .request(&format!(
                "echo 'site ' . wpmu_create_blog('shop.test', '/{name}/', '{name}', 1);"
            ))
            .await;
        let number = output.rsplit_once("site ").and_then(|(_, number)| number.trim().parse().ok());
        number.unwrap_or_else(|| panic!("a new site of the network: {output}"))
    }

    /// Where its files are.
    pub fn path(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    /// The URL of the store in its tables.
    pub fn url(&self) -> String {
        self.url_of(&self.prefix)
    }

    /// The URL of the store in the tables of this prefix.
    pub fn url_of(&self, prefix: &str) -> String {
        format!("{}?prefix={prefix}", self.database.url())
    }

    /// A connection to its database.
    pub async fn connect(&self) -> Conn {
        connect(self.database.url()).await
    }

    /// Writes a file of the site.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        let folder = path.parent().expect("a folder");
        fs::create_dir_all(folder).expect("a folder");
        // As an update does: never half of a file.
        let new = path.with_extension("new");
        fs::write(&new, text).expect("room for a file");
        fs::rename(new, &path).expect("a file of one's own");
        if started_by_root() {
            for place in path.ancestors().take_while(|place| *place != self.folder.path()) {
                chown(place, Some(NOBODY), Some(NOBODY)).expect("a file of one's own");
            }
        }
    }

    /// Removes a file of the site.
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.path().join(file)).expect("a file that is there");
    }

    /// Adds a plugin that is always active.
    pub fn add_plugin(&self, name: &str, source: &str) {
        self.write(&format!("wp-content/mu-plugins/{name}.php"), source);
    }

    /// Runs PHP with WordPress loaded, as a request for a page does; gives what it printed.
    pub async fn request(&self, code: &str) -> String {
        self.php(&format!("require getenv('SITE') . '/wp-load.php';\n{code}")).await
    }

    /// Runs PHP to a good end; gives what it printed.
    pub async fn php(&self, code: &str) -> String {
        let site = self.folder.path().display().to_string();
        let code = format!(
            "putenv('SITE={site}'); $_SERVER['HTTP_HOST'] = 'shop.test'; $_SERVER['SERVER_NAME'] = 'shop.test'; \
             $_SERVER['REQUEST_METHOD'] = 'GET'; $_SERVER['REQUEST_URI'] = '/'; define('DISABLE_WP_CRON', true);\n{code}"
        );
        let args = ["-d", "memory_limit=256M", "-d", "display_errors=1", "-r", &code];
        let output = programs::run("php", self.folder.path(), &args).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
