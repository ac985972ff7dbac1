//! The folder of a server, which does not outlive those who use it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::programs::{NOBODY, started_by_root};

/// A temporary folder. Once all who hold it are gone, the processes in it are ended, and it is removed.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked, shared, as long as this is held.
    _users: File,
}

impl Folder {
    /// A new folder, for one owner.
    pub(super) fn new(name: &str) -> Self {
        let made = tempfile::Builder::new().prefix(&format!("testkit-{name}-")).tempdir();
        let path = made.expect("a temporary folder").keep();
        let folder = Self::try_join(&path).expect("a folder of one's own");
        folder.keep(Duration::ZERO);
        folder
    }

    /// The folder of this name, which may be there already, and may be about to be removed. Who makes use of it first
    /// has to [`Folder::keep`] it.
    pub(super) fn join(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("testkit-{name}"));
        loop {
            match Self::try_join(&path) {
                Ok(folder) => return folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    /// "Not found" if it is removed meanwhile.
    fn try_join(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let path = path.canonicalize()?;
        if started_by_root() {
            chown(&path, Some(NOBODY), Some(NOBODY))?;
        }
        let file = path.join("users");
        let users = File::create(&file)?;
        users.lock_shared()?;
        if std::fs::metadata(&file)?.ino() != users.metadata()?.ino() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { path, _users: users })
    }

    /// Sees to it that all ends when for so long nobody holds it.
    pub(super) fn keep(&self, linger: Duration) {
        self.keeper("keep", &linger.as_secs().to_string());
    }

    /// Kills everything that runs in it, at once, as a loss of power does; returns when nothing is left.
    pub(super) fn kill_all(&self) {
        self.keeper("kill", "");
    }

    /// Makes it as empty as a new one, for those who hold it.
    pub(super) fn clear(&self) {
        self.kill_all();
        let data = self.data();
        if data.exists() {
            std::fs::remove_dir_all(data).expect("a folder in which nobody works");
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where in it the server has its data.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    fn keeper(&self, command: &str, seconds: &str) {
        let script = include_str!("keeper.sh");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", script, "keeper", command]).arg(&self.path).arg(seconds);
        keeper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let ended = keeper.status().expect("sh can be started");
        assert!(ended.success(), "the keeper of {} failed: {ended}", self.path.display());
    }
}
