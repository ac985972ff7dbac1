//! Which process a runner is, so that others on the same machine need not wait for its lease to see that it died.

use std::fmt;
use std::fs;

/// A process, told from any other that ever ran: by its machine, boot, namespace, number and time of start.
///
/// Linux only; elsewhere nothing is known, and a runner is taken for dead when its lease is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    machine: String,
    boot: String,
    namespace: String,
    number: u32,
    started: String,
}

impl Process {
    /// This process.
    pub fn this() -> Option<Self> {
        let number = std::process::id();
        Some(Self {
            machine: fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned(),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned(),
            namespace: namespace()?,
            number,
            started: started(number)?,
        })
    }

    /// The process that was written down as this text.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut part = || parts.next().map(str::to_owned);
        let (machine, boot, namespace, number, started) =
            (part()?, part()?, part()?, part()?, part()?);
        Some(Self { machine, boot, namespace, number: number.parse().ok()?, started })
    }

    /// Whether the process that was written down as this text is known to have ended. `false` also when that cannot be
    /// told from here.
    pub fn has_ended(text: &str) -> bool {
        let (Some(other), Some(this)) = (Self::parse(text), Self::this()) else { return false };
        if other.boot != this.boot {
            // The same machine has been started again since; of another one nothing is known.
            return !this.machine.is_empty() && other.machine == this.machine;
        }
        other.namespace == this.namespace && started(other.number).as_ref() != Some(&other.started)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, boot, namespace, number, started } = self;
        write!(f, "{machine} {boot} {namespace} {number} {started}")
    }
}

fn namespace() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_string_lossy().replace(' ', "_"))
}

/// When a process started, in ticks since the boot: field 22 of its `stat` (proc(5)). The name before may hold anything.
fn started(number: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_one_that_was_waited_for_does_not() {
        let this = Process::this().unwrap();
        assert!(!Process::has_ended(&this.to_string()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let number = child.id();
        child.wait().unwrap();
        assert!(Process::has_ended(&Process { number, ..this }.to_string()));
    }

    #[test]
    fn the_number_of_a_process_used_again_is_another_process() {
        let this = Process::this().unwrap();
        assert!(Process::has_ended(&Process { started: "1".into(), ..this }.to_string()));
    }

    #[test]
    fn a_machine_that_was_started_again_has_none_of_its_old_processes() {
        let this = Process { machine: "m".into(), ..Process::this().unwrap() };
        let before = Process { boot: "other".into(), ..this.clone() };
        let here = Process::this().unwrap();
        assert_eq!(Process::has_ended(&before.to_string()), here.machine == "m");
        assert!(
            !Process::has_ended("")
                && !Process::has_ended("a b c d e")
                && !Process::has_ended("a b c 1")
        );
    }
}
