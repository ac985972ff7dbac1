//! The bridge: the site's side of this daemon, a plugin that is put into its place and taken away again.
//!
//! WordPress loads the files that are directly among the must-use plugins, and no folders there. So the plugin's folder is
//! put there together with a file that loads it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::site::{BRIDGE_FILE, BRIDGE_FOLDER, Installation};

/// The plugin.
static SOURCE: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/../../wordpress/action-scheduler-bridge");

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
    /// What is there is something else.
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

/// Where the bridge is in an installation: the file that loads it.
pub fn place(installation: &Installation) -> PathBuf {
    installation.must_use_plugins().join(BRIDGE_FILE)
}

/// Where its folder is.
fn folder(installation: &Installation) -> PathBuf {
    installation.must_use_plugins().join(BRIDGE_FOLDER)
}

/// The file that loads it.
fn loader() -> String {
    format!(
        "<?php
/**
 * {MARK}
 * Description: Loads the bridge, which is in the folder {BRIDGE_FOLDER} beside this file.
 * Version: {}
 * License: GPL-2.0-or-later
 */

if ( defined( 'ABSPATH' ) && is_file( __DIR__ . '/{BRIDGE_FOLDER}/{BRIDGE_FILE}' ) ) {{
\trequire_once __DIR__ . '/{BRIDGE_FOLDER}/{BRIDGE_FILE}';
}}
",
        env!("CARGO_PKG_VERSION")
    )
}

/// Puts the bridge into its place. It belongs to whom the folder belongs to, and is active from the next request on.
pub fn install(installation: &Installation) -> Result<Installed, BridgeError> {
    let (file, folder) = (place(installation), folder(installation));
    let found = [read(&file)?, read(&folder.join(BRIDGE_FILE))?];
    let [found_loader, found_plugin] = &found;
    refuse_foreign(&file, found_loader.as_deref())?;
    refuse_foreign(&folder, found_plugin.as_deref().or(folder.exists().then_some("")))?;
    if found_loader.as_deref() == Some(&*loader()) && is_current(&folder)? {
        return Ok(Installed::Unchanged);
    }
    let plugins = installation.must_use_plugins();
    if !plugins.is_dir() {
        fs::create_dir_all(&plugins).map_err(at(&plugins))?;
        own_as(&plugins, plugins.parent()).map_err(at(&plugins))?;
    }
    // Both written beside their places and moved there, the folder first: no request ever sees half of it.
    let new = folder.with_extension("new");
    remove_folder(&new)?;
    write_folder(&new, &plugins)?;
    replace_folder(&new, &folder)?;
    let new = file.with_extension("new");
    fs::write(&new, loader()).map_err(at(&new))?;
    own_as(&new, Some(&plugins)).map_err(at(&new))?;
    fs::rename(&new, &file).map_err(at(&file))?;
    Ok(if found.iter().any(Option::is_some) { Installed::Replaced } else { Installed::New })
}

/// Takes the bridge away: the queue is the site's own again within a minute.
pub fn uninstall(installation: &Installation) -> Result<(), BridgeError> {
    let (file, folder) = (place(installation), folder(installation));
    let (loader, plugin) = (read(&file)?, read(&folder.join(BRIDGE_FILE))?);
    if loader.is_none() && plugin.is_none() {
        return Err(BridgeError::Missing(file.display().to_string()));
    }
    refuse_foreign(&file, loader.as_deref())?;
    refuse_foreign(&folder, plugin.as_deref())?;
    if loader.is_some() {
        fs::remove_file(&file).map_err(at(&file))?;
    }
    if plugin.is_some() {
        remove_folder(&folder)?;
    }
    Ok(())
}

fn refuse_foreign(place: &Path, found: Option<&str>) -> Result<(), BridgeError> {
    match found {
        Some(text) if !text.contains(MARK) => {
            Err(BridgeError::Foreign(place.display().to_string()))
        }
        _ => Ok(()),
    }
}

/// Whether the folder holds the files of this version and no others.
fn is_current(folder: &Path) -> Result<bool, BridgeError> {
    let mut known = 0;
    let mut folders = vec![&SOURCE];
    while let Some(source) = folders.pop() {
        for entry in source.entries() {
            match entry {
                DirEntry::Dir(inner) => folders.push(inner),
                DirEntry::File(file) => {
                    let place = folder.join(file.path());
                    if read_bytes(&place)?.as_deref() != Some(file.contents()) {
                        return Ok(false);
                    }
                    known += 1;
                }
            }
        }
    }
    Ok(count_files(folder).map_err(at(folder))? == known)
}

fn count_files(folder: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() { count_files(&entry.path())? } else { 1 };
    }
    Ok(count)
}

fn write_folder(folder: &Path, owner: &Path) -> Result<(), BridgeError> {
    let mut sources = vec![&SOURCE];
    while let Some(source) = sources.pop() {
        let place = folder.join(source.path());
        fs::create_dir(&place).map_err(at(&place))?;
        own_as(&place, Some(owner)).map_err(at(&place))?;
        for file in source.files() {
            let place = folder.join(file.path());
            fs::write(&place, file.contents()).map_err(at(&place))?;
            own_as(&place, Some(owner)).map_err(at(&place))?;
        }
        sources.extend(source.dirs());
    }
    Ok(())
}

/// Moves a new folder to where an old one may be.
fn replace_folder(new: &Path, folder: &Path) -> Result<(), BridgeError> {
    if !folder.exists() {
        return fs::rename(new, folder).map_err(at(folder));
    }
    // In one step, where the file system can do so.
    if renameat_with(CWD, new, CWD, folder, RenameFlags::EXCHANGE).is_ok() {
        return remove_folder(new);
    }
    // Requests of the moment between find no folder, and the file that loads it lets them pass.
    let old = folder.with_extension("old");
    remove_folder(&old)?;
    fs::rename(folder, &old).map_err(at(folder))?;
    fs::rename(new, folder).map_err(at(folder))?;
    remove_folder(&old)
}

fn remove_folder(folder: &Path) -> Result<(), BridgeError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

fn read(file: &Path) -> Result<Option<String>, BridgeError> {
    Ok(read_bytes(file)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn read_bytes(file: &Path) -> Result<Option<Vec<u8>>, BridgeError> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(at(file)(error)),
    }
}

fn at(place: &Path) -> impl Fn(io::Error) -> BridgeError + '_ {
    move |error| BridgeError::File { place: place.display().to_string(), error }
}

fn own_as(file: &Path, other: Option<&Path>) -> io::Result<()> {
    let Some(other) = other.filter(|_| rustix::process::geteuid().is_root()) else { return Ok(()) };
    let found = fs::metadata(other)?;
    chown(file, Some(found.uid()), Some(found.gid()))
}
