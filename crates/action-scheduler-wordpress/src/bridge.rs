//! The bridge: the site's side of this daemon, a plugin that is put into its place and taken away again.

use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use crate::site::{BRIDGE_FILE, Installation};

/// The plugin, one file.
pub const SOURCE: &str =
    include_str!("../../../wordpress/action-scheduler-bridge/action-scheduler-bridge.php");

/// By this a file is known to be the bridge, in whatever version.
const MARK: &str = "Plugin Name: Action Scheduler Bridge";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// It was not there before.
    New,
    /// Another version was there.
    Replaced,
    /// This version was there.
    Unchanged,
}

/// Why the bridge could not be put into its place or taken away.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The file is something else.
    #[error("{0}: this is not the bridge; nothing was changed")]
    Foreign(String),
    /// It is not there.
    #[error("{0}: the bridge is not there")]
    Missing(String),
    /// A file could not be read, written or removed.
    #[error("{place}: {error}")]
    File {
        /// Which.
        place: String,
        /// Why.
        error: io::Error,
    },
}

/// Where the bridge is in an installation.
pub fn place(installation: &Installation) -> PathBuf {
    installation.must_use_plugins().join(BRIDGE_FILE)
}

/// Puts the bridge into its place. It belongs to whom the folder belongs to, and is active from the next request on.
pub fn install(installation: &Installation) -> Result<Installed, BridgeError> {
    let file = place(installation);
    let found = read(&file)?;
    match found.as_deref() {
        Some(SOURCE) => return Ok(Installed::Unchanged),
        Some(text) if !text.contains(MARK) => {
            return Err(BridgeError::Foreign(file.display().to_string()));
        }
        _ => {}
    }
    let folder = installation.must_use_plugins();
    let trouble =
        |place: &Path, error| BridgeError::File { place: place.display().to_string(), error };
    if !folder.is_dir() {
        std::fs::create_dir_all(&folder).map_err(|error| trouble(&folder, error))?;
        own_as(&folder, folder.parent()).map_err(|error| trouble(&folder, error))?;
    }
    // Written beside it and moved there: no request ever sees half of it.
    let new = file.with_extension("new");
    std::fs::write(&new, SOURCE).map_err(|error| trouble(&new, error))?;
    own_as(&new, Some(&folder)).map_err(|error| trouble(&new, error))?;
    std::fs::rename(&new, &file).map_err(|error| trouble(&file, error))?;
    Ok(if found.is_some() { Installed::Replaced } else { Installed::New })
}

/// Takes the bridge away: the queue is the site's own again within a minute.
pub fn uninstall(installation: &Installation) -> Result<(), BridgeError> {
    let file = place(installation);
    match read(&file)? {
        None => Err(BridgeError::Missing(file.display().to_string())),
        Some(text) if !text.contains(MARK) => Err(BridgeError::Foreign(file.display().to_string())),
        Some(_) => std::fs::remove_file(&file)
            .map_err(|error| BridgeError::File { place: file.display().to_string(), error }),
    }
}

fn read(file: &Path) -> Result<Option<String>, BridgeError> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BridgeError::File { place: file.display().to_string(), error }),
    }
}

fn own_as(file: &Path, other: Option<&Path>) -> io::Result<()> {
    let Some(other) = other.filter(|_| rustix::process::geteuid().is_root()) else { return Ok(()) };
    let found = std::fs::metadata(other)?;
    chown(file, Some(found.uid()), Some(found.gid()))
}
