//! The program that is measured.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// A call of it that says only what is wrong.
pub fn command() -> Command {
    let program = std::env::var_os("ACTION_SCHEDULER").expect("ACTION_SCHEDULER: the program");
    let mut command = Command::new(program);
    command.stdout(Stdio::null()).arg("--quiet");
    command
}

/// Runs it to a good end.
pub async fn run(args: &[&str], place: &Path) {
    let ended = command().args(args).arg(place).status().await.unwrap();
    assert!(ended.success(), "{args:?}: {ended}");
}

/// It serves sites until this is dropped.
pub struct Served(Child);

impl Served {
    pub async fn start(sites: &Path, options: &[&str]) -> Self {
        let mut command = command();
        command.args([OsStr::new("serve"), OsStr::new("--wordpress"), sites.as_os_str()]);
        Self(command.args(options).kill_on_drop(true).spawn().unwrap())
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id().expect("it runs")
    }
}
