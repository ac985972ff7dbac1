//! A local socket on which sites say that there is new work.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UnixDatagram;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Longer than any name of a site.
const LONGEST: usize = 64;

type Bells = Arc<Mutex<HashMap<String, watch::Sender<u64>>>>;

/// Listens for as long as it lives. Whoever may write to the socket can make a site look for work, and nothing else.
pub struct Doorbell {
    path: PathBuf,
    bells: Bells,
    _listening: AbortOnDropHandle<()>,
}

impl Doorbell {
    /// Listens on a socket of this process's own.
    pub fn listen() -> io::Result<Self> {
        let place = match rustix::process::geteuid().is_root() && Path::new("/run").is_dir() {
            true => PathBuf::from("/run"),
            false => std::env::temp_dir(),
        };
        let number = rustix::process::getpid().as_raw_pid();
        Self::listen_at(place.join(format!("action-scheduler-{number}.sock")))
    }

    fn listen_at(path: PathBuf) -> io::Result<Self> {
        // Of a process that had this number before.
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)?;
        // PHP of any site runs as another user.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
        let bells = Bells::default();
        let listening = tokio::spawn(listen(socket, Arc::clone(&bells)));
        Ok(Self { path, bells, _listening: AbortOnDropHandle::new(listening) })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts the rings for a site of this name.
    pub fn bell(&self, site: &str) -> watch::Receiver<u64> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(site.to_owned()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn listen(socket: UnixDatagram, bells: Bells) {
    let mut message = [0; LONGEST];
    loop {
        let length = match socket.recv(&mut message).await {
            Ok(length) => length,
            Err(error) => {
                tracing::error!(%error, "sites cannot say any more that there is new work");
                return;
            }
        };
        let name = message.get(..length).map(String::from_utf8_lossy).unwrap_or_default();
        let bells = bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&*name) {
            bell.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_reaches_the_site_it_is_for_and_no_noise_any() {
        let folder = tempfile::tempdir().unwrap();
        let doorbell = Doorbell::listen_at(folder.path().join("socket")).unwrap();
        let (mut shop, other) = (doorbell.bell("shop"), doorbell.bell("other"));
        let caller = UnixDatagram::unbound().unwrap();
        for noise in [b"".as_slice(), b"\xff\xfe", &[b'x'; 1000], b"nobody", b"shop"] {
            caller.send_to(noise, doorbell.path()).await.unwrap();
        }
        shop.changed().await.unwrap();
        assert_eq!((*shop.borrow(), *other.borrow()), (1, 0));
        let path = doorbell.path().to_owned();
        drop(doorbell);
        assert!(!path.exists());
    }
}
