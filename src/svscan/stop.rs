//! The orderly stop: every service is taken down and its supervise leaves; when it is gone, its
//! logger reads its pipe to the end and leaves too. A second request hurries. Nothing that dies
//! on the way ends it: a supervise that was killed is started once more, so that its service is
//! adopted and stopped, and a logger that left with bytes in its pipe is started to read them.

use super::SVSCAN;
use super::entry::{Entry, Supervise};
use super::plan::{Ending, Key, Role};
use super::roster::{Roster, Round};
use crate::sys::{clock, descriptor};
use core::time::Duration;
use std::collections::BTreeMap;
use std::os::fd::AsFd;

/// Between two looks while a stop is on its way.
pub const LOOK: Duration = Duration::from_millis(20);
/// How long a logger may go without getting further: at the end of its pipe, which others keep from
/// it by holding that pipe; or in the middle, on a full disk.
const LOGGER: Duration = Duration::from_secs(5);
/// How long a logger that was told to go may take: longer than any limit that multilog gives itself
/// (30 s and 2 s for a processor, 10 s for what it cannot write).
const LOGGER_GOES: Duration = Duration::from_secs(45);
/// How long a hurried stop takes at most.
const HURRIED: Duration = Duration::from_secs(5);
/// How often a dead supervise is started again on the way.
const RETRIES: u8 = 5;

/// Where one service stands.
#[derive(Debug)]
struct Progress {
    step: Step,
    was_asked: bool,
    /// Since when this step is on.
    since: Duration,
    retries: u8,
    /// The fewest bytes that were left in the logger's pipe, and since when there are no fewer.
    left: usize,
    stuck_since: Duration,
    /// Whether a logger that was told to go was told once more.
    was_hastened: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Its own supervise has to leave.
    Service,
    /// Its logger has to read to the end, and its supervise to leave.
    Logger,
    /// The logger was told to go: it gets no further.
    LoggerAbandoned,
    /// It did not go.
    Survived,
    Done,
}

/// An orderly stop on its way.
#[derive(Debug, Default)]
pub struct Stop {
    progress: BTreeMap<Key, Progress>,
    hurried: Option<Duration>,
}

impl Stop {
    /// A further request: services and loggers are killed, and no longer waited for than a moment.
    pub fn hurry(&mut self) {
        self.hurried.get_or_insert_with(clock::monotonic);
        for progress in self.progress.values_mut() {
            progress.was_asked = false;
        }
    }

    /// Goes on as far as it can; whether all is done, or the hurry is over.
    pub fn advance(&mut self, roster: &mut Roster, round: Round) -> bool {
        let now = clock::monotonic();
        let mut all_done = true;
        let mut again = Vec::new();
        for (key, entry) in roster.entries_mut() {
            let progress = self.progress.entry(key).or_insert(Progress {
                step: Step::Service,
                was_asked: false,
                since: now,
                retries: 0,
                left: usize::MAX,
                stuck_since: now,
                was_hastened: false,
            });
            // As many steps as can be taken at once.
            loop {
                let before = progress.step;
                let (role, wanted) = match before {
                    Step::Service => (Role::Main, service(progress, entry, self.hurried.is_some())),
                    Step::Logger | Step::LoggerAbandoned => {
                        (Role::Log, logger(progress, entry, self.hurried.is_some()))
                    }
                    Step::Survived | Step::Done => break,
                };
                if let Wanted::Again = wanted {
                    again.push((key, role));
                }
                if progress.step == before {
                    break;
                }
                progress.was_asked = false;
                progress.since = clock::monotonic();
                progress.stuck_since = progress.since;
            }
            all_done &= matches!(progress.step, Step::Survived | Step::Done);
        }
        for (key, role) in again {
            roster.start_again(key, role, round);
        }
        all_done || self.hurried.is_some_and(|since| now >= since.saturating_add(HURRIED))
    }

    /// Names what did not stop; whether there is any.
    pub fn name_survivors(&self, roster: &Roster) -> bool {
        let mut any = false;
        for (key, entry) in roster.entries() {
            let role = match self.progress.get(&key).map(|progress| progress.step) {
                Some(Step::Done) => continue,
                Some(Step::Logger | Step::LoggerAbandoned | Step::Survived) => Role::Log,
                Some(Step::Service) | None => Role::Main,
            };
            let text: &[&[u8]] = &[b"unable to stop ", &entry.name, role.suffix()];
            SVSCAN.warning(&[text, &[b": it did not end in time"]].concat());
            any = true;
        }
        any
    }
}

enum Wanted {
    Nothing,
    /// The dead supervise has to be started once more.
    Again,
}

/// Has the service's own supervise take it down and leave.
fn service(progress: &mut Progress, entry: &mut Entry, hurried: bool) -> Wanted {
    match &entry.main {
        Supervise::Idle(_, Some(Ending::Killed)) if progress.retries < RETRIES => {
            progress.retries += 1;
            progress.was_asked = false;
            return Wanted::Again;
        }
        Supervise::Idle(..) => {
            // Nobody of ours writes any more: the logger can see the end.
            if let Some(pipe) = &mut entry.pipe {
                pipe.write = None;
            }
            progress.step = if entry.log.is_some() { Step::Logger } else { Step::Done };
            progress.retries = 0;
        }
        Supervise::Child(..) | Supervise::Adopted(_) if !progress.was_asked => {
            let bytes: &[u8] = if hurried { b"dkx" } else { b"dx" };
            progress.was_asked = ask(entry, Role::Main, bytes);
        }
        Supervise::Child(..) | Supervise::Adopted(_) => {}
    }
    Wanted::Nothing
}

/// Has the logger read what is there, and its supervise leave.
fn logger(progress: &mut Progress, entry: &mut Entry, hurried: bool) -> Wanted {
    let now = clock::monotonic();
    let waiting = entry.pipe.as_ref().and_then(|pipe| {
        descriptor::waiting_bytes(pipe.read.as_fd()).ok().filter(|waiting| *waiting > 0)
    });
    if waiting.unwrap_or(0) < progress.left {
        progress.left = waiting.unwrap_or(0);
        progress.stuck_since = now;
    }
    let bytes_wait = waiting.is_some();
    match &entry.log {
        Some(Supervise::Idle(_, ending)) => {
            let is_left_unread = bytes_wait && progress.step == Step::Logger;
            let again = is_left_unread || *ending == Some(Ending::Killed);
            if again && progress.retries < RETRIES {
                progress.retries += 1;
                progress.was_asked = false;
                return Wanted::Again;
            }
            progress.step = Step::Done;
        }
        Some(Supervise::Child(..) | Supervise::Adopted(_)) if !progress.was_asked => {
            let bytes: &[u8] = match progress.step {
                _ if hurried && !bytes_wait => b"dkx",
                Step::LoggerAbandoned => b"dx",
                // A logger that is down would never see what is left for it.
                _ if bytes_wait && entry.is_down(Role::Log) => b"ox",
                _ => b"x",
            };
            progress.was_asked = ask(entry, Role::Log, bytes);
        }
        Some(Supervise::Child(..) | Supervise::Adopted(_)) => match progress.step {
            Step::LoggerAbandoned if now >= progress.since.saturating_add(LOGGER_GOES) => {
                progress.step = Step::Survived;
            }
            // A second TERM hurries a multilog.
            Step::LoggerAbandoned
                if !progress.was_hastened && now >= progress.since.saturating_add(LOGGER) =>
            {
                progress.was_hastened = ask(entry, Role::Log, b"d");
            }
            Step::Logger if now >= progress.stuck_since.saturating_add(LOGGER) => {
                progress.step = Step::LoggerAbandoned;
            }
            _ => {}
        },
        None => progress.step = Step::Done,
    }
    Wanted::Nothing
}

/// Sends control bytes; a supervise that does not listen yet is asked again.
fn ask(entry: &Entry, role: Role, bytes: &[u8]) -> bool {
    entry.send(role, bytes).is_ok()
}
