//! Where the programs of servers are, and as whom they run.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// As whom servers run that are started by root, who is refused by some of them: `nobody`, on every Linux.
pub(super) const NOBODY: u32 = 65534;

/// Whether servers have to run as [`NOBODY`].
pub(super) fn started_by_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program that is to work in this folder: without privileges, without input, and out of reach of signals that are
/// meant for the process group of the test.
pub(super) fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(find(program));
    command.current_dir(folder).stdin(Stdio::null()).process_group(0);
    command.env("LC_ALL", "C").env("TMPDIR", folder);
    if started_by_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The same program, with a disk of so many megabytes of its own in `small`, a folder in this one. The disk is a mount
/// that only this process and its children see, and that goes with them.
pub(super) fn command_with_small_disk(program: &str, folder: &Path, megabytes: u32) -> Command {
    const AS_NOBODY: &str = "mount -t tmpfs -o size=$1m,mode=0700,uid=$2,gid=$2 tmpfs small && \
         as=$2 && shift 2 && exec setpriv --reuid=$as --regid=$as --clear-groups \"$@\"";
    // Root only within, so that it may mount; then who it was.
    const AS_BEFORE: &str = "mount -t tmpfs -o size=$1m,mode=0700 tmpfs small && \
         as=$2 && shift 2 && exec unshare --user --map-user=$as --map-group=$as \"$@\"";
    let mut command = Command::new("unshare");
    command.current_dir(folder).stdin(Stdio::null()).process_group(0);
    command.env("LC_ALL", "C").env("TMPDIR", folder).arg("--mount");
    let (script, user) = match started_by_root() {
        true => (AS_NOBODY, NOBODY),
        false => {
            command.args(["--user", "--map-root-user"]);
            (AS_BEFORE, rustix::process::geteuid().as_raw())
        }
    };
    command.args(["sh", "-c", script, "sh", &megabytes.to_string(), &user.to_string()]);
    command.arg(find(program));
    command
}

/// Runs a program to its end, which is to be a good one, and gives what it printed.
pub(super) async fn run(program: &str, folder: &Path, args: &[impl AsRef<OsStr>]) -> Output {
    let mut command = command(program, folder);
    command.args(args);
    let ended = tokio::task::spawn_blocking(move || command.output());
    let output =
        ended.await.expect("no panic").unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} failed in {}: {}\n{}{}",
        folder.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// Debian keeps the programs of PostgreSQL's server apart, by version, and those of others where only root looks.
fn find(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    versions.sort();
    let versions = versions.into_iter().rev().map(|(_, version)| version.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = versions.chain(std::env::split_paths(&path)).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("the program {program} is missing: `./test servers` installs what the tests need")
    })
}
