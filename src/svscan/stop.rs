//! The orderly stop: svscan asks each supervise to take its service down and exit. When it has
//! exited, the logger reads its pipe to the end and exits too. A second request makes svscan hurry.
//! If a supervise is killed meanwhile, svscan starts it again, so that it adopts its service and
//! stops it. If a logger exits while its pipe still has bytes, svscan starts it again to read them.

use super::SVSCAN;
use super::entry::{Entry, Supervise};
use super::plan::{Ending, Key, Role};
use super::roster::{Roster, Round};
use crate::sys::{clock, descriptor};
use core::time::Duration;
use std::collections::BTreeMap;
use std::os::fd::AsFd;

/// Time between two looks during a stop.
pub const LOOK: Duration = Duration::from_millis(20);
/// How long a logger may make no progress: because another process holds its pipe open, so that the
/// end of file does not come, or because the disk is full.
const LOGGER: Duration = Duration::from_secs(5);
/// How long a logger may take after `d`: longer than all limits of multilog together (30 s and 2 s
/// for a processor, 10 s for bytes that it cannot write).
const LOGGER_GOES: Duration = Duration::from_secs(45);
/// The longest time of a hurried stop.
const HURRIED: Duration = Duration::from_secs(5);
/// How often a dead supervise is started again in each of the two parts of a stop: that of the
/// service, and that of the logger.
const RETRIES: u8 = 5;

/// How far the stop of one service has come.
#[derive(Debug)]
struct Progress {
    phase: Phase,
    /// Whether the supervise was sent the control bytes of this phase.
    was_asked: bool,
    /// When this phase began.
    since: Duration,
    /// How often the supervise of this phase was started again.
    retries: u8,
    /// The fewest bytes seen in the logger's pipe, and when that was.
    left: usize,
    stuck_since: Duration,
    /// Whether the logger was sent a second `d`.
    was_hastened: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its own supervise has to exit.
    Service,
    /// Its logger has to read to the end, and the logger's supervise to exit.
    Logger,
    /// The logger made no progress and was sent `d`.
    LoggerAbandoned,
    /// The logger did not end after that.
    Survived,
    /// The service and its logger are stopped.
    Done,
}

/// An orderly stop that has begun.
#[derive(Debug, Default)]
pub struct OrderlyStop {
    progress: BTreeMap<Key, Progress>,
    /// When svscan was asked to hurry.
    hurried: Option<Duration>,
}

impl OrderlyStop {
    /// A further request: from now on services and loggers are killed, and waited for only a short
    /// time.
    pub fn hurry(&mut self) {
        self.hurried.get_or_insert_with(clock::monotonic);
        for progress in self.progress.values_mut() {
            progress.was_asked = false;
        }
    }

    /// Goes on with the stop of every service as far as possible. Returns whether all is done, or
    /// the time of a hurried stop is over.
    pub fn advance(&mut self, roster: &mut Roster, round: Round) -> bool {
        let now = clock::monotonic();
        let mut all_done = true;
        let mut again = Vec::new();
        for (key, entry) in roster.entries_mut() {
            let progress = self.progress.entry(key).or_insert(Progress {
                phase: Phase::Service,
                was_asked: false,
                since: now,
                retries: 0,
                left: usize::MAX,
                stuck_since: now,
                was_hastened: false,
            });
            // Go through as many phases as possible at once.
            loop {
                let before = progress.phase;
                let (role, wanted) = match before {
                    Phase::Service => {
                        (Role::Main, stop_service(progress, entry, self.hurried.is_some()))
                    }
                    Phase::Logger | Phase::LoggerAbandoned => {
                        (Role::Log, stop_logger(progress, entry, self.hurried.is_some()))
                    }
                    Phase::Survived | Phase::Done => break,
                };
                if let Wanted::Again = wanted {
                    again.push((key, role));
                }
                if progress.phase == before {
                    break;
                }
                progress.was_asked = false;
                progress.since = clock::monotonic();
                progress.stuck_since = progress.since;
            }
            all_done &= matches!(progress.phase, Phase::Survived | Phase::Done);
        }
        for (key, role) in again {
            roster.start_again(key, role, round);
        }
        all_done || self.hurried.is_some_and(|since| now >= since.saturating_add(HURRIED))
    }

    /// Warns of each service that did not stop. Returns whether there is one.
    pub fn name_survivors(&self, roster: &Roster) -> bool {
        let mut any = false;
        for (key, entry) in roster.entries() {
            let role = match self.progress.get(&key).map(|progress| progress.phase) {
                Some(Phase::Done) => continue,
                Some(Phase::Logger | Phase::LoggerAbandoned | Phase::Survived) => Role::Log,
                Some(Phase::Service) | None => Role::Main,
            };
            let text: &[&[u8]] = &[b"unable to stop ", &entry.name, role.suffix()];
            SVSCAN.warning(&[text, &[b": it did not end in time"]].concat());
            any = true;
        }
        any
    }
}

/// What a service or logger needs from svscan now.
enum Wanted {
    Nothing,
    /// The dead supervise has to be started again.
    Again,
}

/// Asks the service's own supervise to take the service down and to exit.
fn stop_service(progress: &mut Progress, entry: &mut Entry, hurried: bool) -> Wanted {
    match &entry.main {
        Supervise::Idle(_, Some(Ending::Killed)) if progress.retries < RETRIES => {
            progress.retries += 1;
            progress.was_asked = false;
            return Wanted::Again;
        }
        Supervise::Idle(..) => {
            // Close our write end, so that the logger can read the end of file.
            if let Some(pipe) = &mut entry.pipe {
                pipe.write = None;
            }
            progress.phase = if entry.log.is_some() { Phase::Logger } else { Phase::Done };
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

/// Lets the logger read the rest of its pipe, and asks the logger's supervise to exit.
fn stop_logger(progress: &mut Progress, entry: &mut Entry, hurried: bool) -> Wanted {
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
            let is_left_unread = bytes_wait && progress.phase == Phase::Logger;
            let again = is_left_unread || *ending == Some(Ending::Killed);
            if again && progress.retries < RETRIES {
                progress.retries += 1;
                progress.was_asked = false;
                return Wanted::Again;
            }
            progress.phase = Phase::Done;
        }
        Some(Supervise::Child(..) | Supervise::Adopted(_)) if !progress.was_asked => {
            let bytes: &[u8] = match progress.phase {
                _ if hurried && !bytes_wait => b"dkx",
                Phase::LoggerAbandoned => b"dx",
                // A logger that is down has to be started to read the rest of its pipe.
                _ if bytes_wait && entry.is_down(Role::Log) => b"ox",
                _ => b"x",
            };
            progress.was_asked = ask(entry, Role::Log, bytes);
        }
        Some(Supervise::Child(..) | Supervise::Adopted(_)) => match progress.phase {
            Phase::LoggerAbandoned if now >= progress.since.saturating_add(LOGGER_GOES) => {
                progress.phase = Phase::Survived;
            }
            // A second TERM makes multilog hurry.
            Phase::LoggerAbandoned
                if !progress.was_hastened && now >= progress.since.saturating_add(LOGGER) =>
            {
                progress.was_hastened = ask(entry, Role::Log, b"d");
            }
            Phase::Logger if now >= progress.stuck_since.saturating_add(LOGGER) => {
                progress.phase = Phase::LoggerAbandoned;
            }
            _ => {}
        },
        None => progress.phase = Phase::Done,
    }
    Wanted::Nothing
}

/// Sends control bytes. Returns false if the supervise does not listen yet; then we try again.
fn ask(entry: &Entry, role: Role, bytes: &[u8]) -> bool {
    entry.send(role, bytes).is_ok()
}
