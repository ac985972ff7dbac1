//! How PHP is run: which program, as whom, within which bounds.

mod user;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use action_scheduler::handler::child::{Ending, Group, Tail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

pub use self::user::{User, UserError};

/// What runs before anything else: it takes the script that is to run from the channel, so that nothing has to be
/// written to a disk, and a list of processes shows one short line.
const BOOT: &str = "$as=fopen('php://fd/3','r+b');$n=unpack('N',fread($as,4))[1];$s='';\
                    while(strlen($s)<$n&&!feof($as))$s.=fread($as,$n-strlen($s));eval($s);";

/// The channel comes as standard input and is moved out of the way of callbacks, to descriptor 3.
const LAUNCH: &str = "test -z \"$1\" || ulimit -v \"$1\" || exit; nice=$2; shift 2; \
                      exec nice -n \"$nice\" \"$@\" 3<&0 </dev/null";

/// The variables of this process that PHP sees; none of them is a secret of ours.
const ENVIRONMENT: [&str; 7] = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TZDIR", "TMPDIR"];

/// How much of what PHP prints is kept, in bytes.
pub(crate) const OUTPUT_KEPT: usize = 8 * 1024;

/// How PHP is run for a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Php {
    /// The program (`php`).
    pub program: PathBuf,
    /// As whom; `None` is as whom this process runs.
    pub user: Option<User>,
    /// How much it stands back for others, from 0 (not at all) to 19.
    pub nice: u8,
    /// PHP's own limit (`memory_limit`), such as `256M`.
    pub memory_limit: String,
    /// The limit that the system sets, in bytes, of the whole address space; `None` is none.
    pub address_space: Option<u64>,
    /// Further variables of the environment of this process that it sees, for configs that read them.
    pub inherit_env: Vec<String>,
}

impl Default for Php {
    fn default() -> Self {
        Self {
            program: "php".into(),
            user: None,
            nice: 0,
            memory_limit: "256M".to_owned(),
            address_space: None,
            inherit_env: Vec::new(),
        }
    }
}

/// A PHP process that talks over a channel of its own.
pub(crate) struct Running {
    /// The process and all it starts. Dropped, all of that ends.
    pub(crate) group: Group,
    /// The channel.
    pub(crate) channel: UnixStream,
    /// Its standard output and standard error.
    pub(crate) output: pipe::Receiver,
}

/// A script that runs to its end and answers on the channel.
pub(crate) struct Script<'a> {
    pub(crate) source: &'a str,
    pub(crate) args: &'a [OsString],
}

/// What came of a script.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) answer: Vec<u8>,
    pub(crate) output: String,
}

impl Php {
    /// Starts a script, which is given without its `<?php`.
    pub(crate) async fn start(&self, source: &str, args: &[OsString]) -> io::Result<Running> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (reader, writer) = io::pipe()?;
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let mut command = tokio::process::Command::new("sh");
        let kilobytes = self.address_space.map(|bytes| (bytes / 1024).to_string());
        command
            .args(["-c", LAUNCH, "sh"])
            .arg(kilobytes.unwrap_or_default())
            .arg(self.nice.to_string())
            .arg(&self.program)
            .arg("-d")
            .arg(format!("memory_limit={}", self.memory_limit))
            .args(["-d", "max_execution_time=0", "-d", "display_errors=0", "-d", "html_errors=0"])
            .args(["-r", BOOT, "--"])
            .args(args)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .current_dir("/");
        if let Some(user) = &self.user {
            // Without further groups: the system's call for that comes with the one that changes the user.
            command.uid(user.id).gid(user.group);
        }
        let group = Group::start(&mut command)?;
        // Our copies of their ends go, so that the reader sees the end.
        drop(command);
        let mut channel = UnixStream::from_std(ours)?;
        let source = source.trim_start().strip_prefix("<?php").unwrap_or(source);
        let length = u32::try_from(source.len()).map_err(io::Error::other)?;
        channel.write_all(&length.to_be_bytes()).await?;
        channel.write_all(source.as_bytes()).await?;
        Ok(Running { group, channel, output })
    }

    /// Runs a script to its end.
    pub(crate) async fn run_script(&self, script: Script<'_>) -> io::Result<Ended> {
        let Running { mut group, mut channel, output } = self
            .start(script.source, script.args)
            .await
            .map_err(|error| self.not_started(&error))?;
        let mut tail = Tail::new(OUTPUT_KEPT);
        let mut answer = Vec::new();
        let end = group.end(std::future::pending(), Duration::ZERO);
        let (ending, (), read) =
            tokio::join!(end, tail.read(output), channel.read_to_end(&mut answer));
        match read {
            Ok(_) => {}
            // It ended before it had read its script.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => return Err(error),
        }
        let (Ending::Own(status) | Ending::Canceled(status)) = ending?;
        Ok(Ended { status, answer, output: tail.text() })
    }

    /// An error of the start, in words that say what was started.
    pub(crate) fn not_started(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("could not start {}: {error}", self.program.display()))
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment: Vec<(OsString, OsString)> = std::env::vars_os()
            .filter(|(name, _)| {
                ENVIRONMENT.iter().any(|passed| name == passed)
                    || self.inherit_env.iter().any(|passed| name == passed.as_str())
            })
            .collect();
        match &self.user {
            Some(user) => environment.push(("HOME".into(), user.home.clone().into())),
            None => environment.extend(std::env::var_os("HOME").map(|home| ("HOME".into(), home))),
        }
        environment
    }
}
