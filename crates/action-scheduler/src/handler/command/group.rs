//! A program and all that it starts: the process group it leads.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

/// A running program and its process group. Dropped, it takes the whole group with it at once.
#[derive(Debug)]
pub struct Group {
    child: Child,
    id: Pid,
    killed: bool,
}

/// How a program came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Own(ExitStatus),
    /// After it was told to.
    Canceled(ExitStatus),
}

impl Group {
    /// Starts a program as the leader of a new process group.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the new process has no id"))?;
        Ok(Self { child, id, killed: false })
    }

    /// The program's standard input, if it is a pipe and was not taken before.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The id of the program, and of its group.
    pub fn id(&self) -> Pid {
        self.id
    }

    /// Asks the whole group to end (SIGTERM).
    pub fn ask_to_end(&self) {
        // An error means that nobody is left to be signalled.
        let _ = kill_process_group(self.id, Signal::TERM);
    }

    /// Waits for the program to exit, and ends what is left of its group then. Once `canceled` completes, the whole
    /// group is asked to end (SIGTERM); what has not done so after `grace` is killed.
    pub async fn end(
        &mut self,
        canceled: impl Future<Output = ()>,
        grace: Duration,
    ) -> io::Result<Ending> {
        let own = tokio::select! {
            biased;
            status = self.child.wait() => Some(status),
            () = canceled => None,
        };
        let ending = match own {
            Some(status) => status.map(Ending::Own),
            None => {
                self.ask_to_end();
                let _ = timeout(grace, self.until_empty()).await;
                self.kill();
                self.child.wait().await.map(Ending::Canceled)
            }
        };
        self.kill();
        ending
    }

    /// Waits until no process of the group is left. In `sh -c "a | b"` the shell dies of a SIGTERM at once; `a` and `b`
    /// have the whole grace nevertheless.
    async fn until_empty(&mut self) {
        let _ = self.child.wait().await;
        // Nothing tells when a process that is not a child of ours ends; hence the polling, for the grace at most. One
        // that is dead but not reaped still counts: with an init that does not reap, this lasts for the whole grace.
        let mut pause = Duration::from_millis(1);
        while test_kill_process_group(self.id) != Err(rustix::io::Errno::SRCH) {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Kills what is left of the group. Only the first call does anything: once the leader is reaped and the group is
    /// empty, the system may give its number to someone else. Until then, it does not.
    fn kill(&mut self) {
        if !std::mem::replace(&mut self.killed, true) {
            // An error means that nobody is left to be signalled.
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    /// The child itself is dropped after this: the runtime reaps it, so that no zombie is left.
    fn drop(&mut self) {
        self.kill();
    }
}
