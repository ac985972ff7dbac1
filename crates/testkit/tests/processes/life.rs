//! The life of an action as its log tells it.

use action_scheduler::{LogEntry, Status, Step};
use testkit::crash::Kind;

/// How often an action is tried when each attempt ends in a crash.
pub const CRASH_ATTEMPTS: u32 = 20;

/// The life of an action as its log tells it.
pub struct Life {
    pub status: Status,
    /// The latest attempt.
    pub attempt: u32,
    /// How attempts ended.
    pub ends: Vec<(u32, Step)>,
}

impl Life {
    /// Reads a log; the problem, if it cannot have come about.
    pub fn read(entries: &[LogEntry], kind: Kind) -> Result<Self, String> {
        let mut life = Self { status: Status::Pending, attempt: 0, ends: Vec::new() };
        for (place, entry) in (1..).zip(entries) {
            if entry.seq != place {
                return Err(format!("entry {place} of its log has the place {}", entry.seq));
            }
            if (entry.step == Step::Created) != (place == 1) {
                return Err("its log does not begin with its creation, or has it twice".to_owned());
            }
            life.take(entry, kind)
                .map_err(|problem| format!("entry {place} ({}): {problem}", entry.text()))?;
        }
        match entries.is_empty() {
            true => Err("it has no log".to_owned()),
            false => Ok(life),
        }
    }

    fn take(&mut self, entry: &LogEntry, kind: Kind) -> Result<(), String> {
        let attempt = entry.attempt.map(|attempt| attempt.0);
        let then = match entry.step {
            Step::Started if self.status == Status::Pending => {
                self.attempt += 1;
                Status::InProgress
            }
            Step::Complete => self.end(attempt, entry.step, Status::Complete)?,
            Step::Failed => self.end(attempt, entry.step, Status::Failed)?,
            Step::Retry if self.attempt < kind.max_attempts || kind.survives_crashes => {
                self.end(attempt, entry.step, Status::Pending)?
            }
            Step::Crashed => {
                let again =
                    kind.survives_crashes && self.attempt < kind.max_attempts.max(CRASH_ATTEMPTS);
                let status = if again { Status::Pending } else { Status::Failed };
                self.end(attempt, entry.step, status)?
            }
            // Told to stop between the start and the call.
            Step::Reset if attempt.is_some() => {
                self.end(attempt, entry.step, Status::Pending)?;
                self.attempt -= 1;
                return Ok(());
            }
            Step::Reset if self.status == Status::Pending => Status::Pending,
            Step::Canceled if self.status == Status::InProgress => {
                self.end(attempt, entry.step, Status::Canceled)?
            }
            Step::Canceled if self.status == Status::Pending => Status::Canceled,
            Step::Rerun if self.status.is_finished() => Status::Pending,
            Step::LateResult
                if attempt.is_none_or(|attempt| attempt > self.attempt)
                    || (self.status == Status::InProgress && attempt == Some(self.attempt)) =>
            {
                return Err("of an attempt that was its own".to_owned());
            }
            Step::Created
            | Step::Ignored
            | Step::Rescheduled
            | Step::LateResult
            | Step::Paused
            | Step::Resumed => return Ok(()),
            _ => return Err(format!("not of an action that is {}", self.status)),
        };
        self.status = then;
        if entry.step == Step::Started && attempt != Some(self.attempt) {
            return Err(format!("attempt {} was expected", self.attempt));
        }
        Ok(())
    }

    /// The attempt that is in-progress ends.
    fn end(&mut self, attempt: Option<u32>, step: Step, then: Status) -> Result<Status, String> {
        if self.status != Status::InProgress || attempt != Some(self.attempt) {
            return Err(format!("attempt {} is {}", self.attempt, self.status));
        }
        self.ends.push((self.attempt, step));
        self.status = then;
        Ok(then)
    }
}
