//! The folder of a server, which does not outlive those who use it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use super::programs::{NOBODY, started_by_root};

/// The file on which those who hold a folder have a lock.
const USERS: &str = "users";

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
        Self::join(&format!("{name}-{:016x}", rand::random::<u64>()), Duration::ZERO)
    }

    /// The folder of this name, made if it is not there; it goes when for so long nobody held it.
    pub(super) fn join(name: &str, linger: Duration) -> Self {
        const TRIES: usize = 100;
        let place = std::env::temp_dir();
        let place = place.canonicalize().unwrap_or_else(|error| panic!("{place:?}: {error}"));
        let path = place.join(format!("testkit-{name}"));
        // It may be removed before the lock is taken, by the keeper that was there before.
        for _ in 0..TRIES {
            // The keeper comes first, so that there is no moment at which a folder has none.
            let keeper = (!path.join(USERS).exists()).then(|| Self::make(&path, linger));
            let joined = Self::try_join(&path);
            drop(keeper);
            match joined {
                Ok(folder) => return folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
        panic!("{}: it is gone as soon as it is made", path.display());
    }

    /// "Not found" if it is removed meanwhile.
    fn try_join(path: &Path) -> io::Result<Self> {
        let file = path.join(USERS);
        let users = File::open(&file)?;
        users.lock_shared()?;
        if std::fs::metadata(&file)?.ino() != users.metadata()?.ino() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if started_by_root() {
            chown(path, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(Self { path: path.to_owned(), _users: users })
    }

    /// Makes the folder, and has it kept once the pipe that this gives is closed.
    fn make(path: &Path, linger: Duration) -> Option<ChildStdin> {
        keeper("keep", path, &linger.as_secs().to_string(), Stdio::piped())
    }

    /// Kills everything that runs in it, at once, as a loss of power does; returns when nothing is left.
    pub(super) fn kill_all(&self) {
        keeper("kill", &self.path, "", Stdio::null());
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
}

/// Runs the keeper's script, which may leave a process behind; gives its standard input.
fn keeper(command: &str, folder: &Path, seconds: &str, stdin: Stdio) -> Option<ChildStdin> {
    let mut keeper = Command::new("sh");
    keeper.args(["-c", include_str!("keeper.sh"), "keeper", command]).arg(folder).arg(seconds);
    keeper.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut keeper = keeper.spawn().expect("sh can be started");
    let stdin = keeper.stdin.take();
    let ended = keeper.wait().expect("a child");
    assert!(ended.success(), "the keeper of {} failed: {ended}", folder.display());
    stdin
}
