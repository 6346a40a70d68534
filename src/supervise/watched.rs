//! The service's process, watched: our own child, or one that a killed supervise left behind and
//! that we adopt. A child's pid is ours until it is reaped; an adopted one is held by a pidfd where
//! the kernel has them, or else by its open `/proc/PID/stat`, and looked at before every signal.
//!
//! Where it cannot be told whether a recorded process is the service, it is waited for and never
//! signalled: a second copy could cost data, and a signal to a stranger too.

use crate::service::record::{LastEnd, LeftGroup, ProcessIdentity};
use crate::sys::descriptor::HERE;
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::{SIGKILL, SignalNumber};
use crate::sys::{Errno, file, poll};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How we come to know of the process's end.
#[derive(Debug)]
enum Tie {
    /// It is our child.
    Child,
    /// It is not, and a pidfd tells.
    Pidfd(OwnedFd),
    /// It is not, and /proc has to be asked: by its open stat, if it could be opened.
    Probe(Option<OwnedFd>),
}

/// Whether it is our service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    /// It is.
    Sure,
    /// It is the recorded one if its start time is: that could not be looked at yet.
    Unchecked,
    /// The evidence is not enough, and there will be no more.
    Doubtful,
}

/// A running service.
#[derive(Debug)]
pub struct Watched {
    identity: ProcessIdentity,
    tie: Tie,
    claim: Claim,
    certainty: Certainty,
    /// It was taken for the service, and is not.
    is_given_up: bool,
}

/// What a record says of a process beside its identity.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim {
    /// Whether it leads a process group of its own.
    pub leads_group: bool,
    /// The supervise that recorded it: if the process still counts as its child, it is dying.
    pub before: Option<Pid>,
    /// When it was last known alive, in clock ticks since boot.
    pub alive: u64,
}

/// What became of a recorded process.
#[derive(Debug)]
pub enum Adoption {
    /// It lives, and is ours now.
    Adopted(Watched),
    /// It has ended.
    Gone,
    /// Its pid is another process's by now, or it belongs to another supervise.
    NotOurs,
}

impl Watched {
    /// Our own child; `leads_group` if it was given a session of its own.
    #[must_use]
    pub fn child(pid: Pid, leads_group: bool) -> Self {
        let start = Process::read(pid).map_or(0, |process| process.start);
        let claim = Claim { leads_group, ..Claim::default() };
        Self::new(ProcessIdentity { pid, start }, Tie::Child, claim, Certainty::Sure)
    }

    fn new(identity: ProcessIdentity, tie: Tie, claim: Claim, certainty: Certainty) -> Self {
        Self { identity, tie, claim, certainty, is_given_up: false }
    }

    /// Takes over a recorded process if it still lives and no living supervise has it.
    #[must_use]
    pub fn adopt(recorded: ProcessIdentity, claim: Claim) -> Adoption {
        let pid = recorded.pid;
        // The pidfd first, the look at the start time second: what the pidfd holds cannot become
        // another process between the two.
        let pidfd = process::open_pidfd(pid).ok();
        let looked = Process::read(pid);
        // We may be the new image of the supervise that started it. No other process can have the
        // number of a child of ours.
        if process::is_child(pid) {
            let start = looked.map_or(recorded.start, |found| found.start);
            if recorded.start != 0 && start != recorded.start {
                return Adoption::NotOurs;
            }
            let identity = ProcessIdentity { pid, start };
            return Adoption::Adopted(Self::new(identity, Tie::Child, claim, Certainty::Sure));
        }
        if !process::exists(pid) {
            return Adoption::Gone;
        }
        let tie = |pidfd: Option<OwnedFd>| {
            pidfd.map_or_else(|| Tie::Probe(Process::open(pid).ok()), Tie::Pidfd)
        };
        let Ok(found) = looked else {
            let tie = tie(pidfd);
            return Adoption::Adopted(Self::new(recorded, tie, claim, Certainty::Unchecked));
        };
        if recorded.start != 0 && found.start != recorded.start {
            return Adoption::NotOurs;
        }
        if !found.is_alive() {
            return Adoption::Gone;
        }
        let us = process::our_pid();
        let is_others = found.parent != us && claim.before != Some(found.parent);
        if pid == us || is_others && proc::is_named(found.parent, b"supervise") {
            return Adoption::NotOurs;
        }
        // Recorded where there was no /proc to look at: what it does here has to tell.
        let is_known = recorded.start != 0 || fits_here(pid);
        let certainty = if is_known { Certainty::Sure } else { Certainty::Doubtful };
        let identity = ProcessIdentity { pid, start: found.start };
        let claim = Claim { leads_group: claim.leads_group && found.group == pid, ..claim };
        Adoption::Adopted(Self::new(identity, tie(pidfd), claim, certainty))
    }

    /// The same process, to be waited for and never signalled.
    #[must_use]
    pub fn doubtful(self) -> Self {
        Self { certainty: Certainty::Doubtful, ..self }
    }

    /// Whether it cannot be told if this is our service.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.certainty != Certainty::Sure
    }

    /// Whether it never will be told.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.certainty == Certainty::Doubtful
    }

    /// Looks again at a process that could not be looked at; whether it is known to be ours now.
    /// There may have been no descriptor left for it, or no /proc.
    pub fn recognise(&mut self) -> bool {
        if self.certainty != Certainty::Unchecked || Process::read(self.identity.pid).is_err() {
            return false;
        }
        match Self::adopt(self.identity, self.claim) {
            Adoption::Adopted(again) => *self = again,
            Adoption::Gone | Adoption::NotOurs => self.is_given_up = true,
        }
        self.certainty == Certainty::Sure
    }

    /// It is not the service: as good as ended.
    pub fn give_up(&mut self) {
        self.is_given_up = true;
    }

    /// Its pid and start time.
    #[must_use]
    pub fn identity(&self) -> ProcessIdentity {
        self.identity
    }

    /// This moment, if it is alive or at least unreaped now, so that its number is its own; or else
    /// when it was last known to be.
    fn alive(&self) -> u64 {
        let is_known = matches!(self.tie, Tie::Child) || !self.has_ended();
        let now = if is_known && !self.is_in_doubt() { proc::now_in_ticks() } else { None };
        now.unwrap_or_else(|| self.last_alive())
    }

    /// A descriptor that becomes readable at its end, where there is one.
    #[must_use]
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        match &self.tie {
            Tie::Pidfd(pidfd) => Some(pidfd.as_fd()),
            Tie::Child | Tie::Probe(_) => None,
        }
    }

    /// Whether only asking again and again tells of its end, or of what it is.
    #[must_use]
    pub fn needs_probe(&self) -> bool {
        matches!(self.tie, Tie::Probe(_)) || self.is_in_doubt()
    }

    /// Whether it has ended. A child stays a zombie until [`Self::reap`].
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.is_given_up
            || match &self.tie {
                Tie::Child => process::has_ended(self.identity.pid),
                Tie::Pidfd(pidfd) => {
                    let mut watched = [poll::readable(pidfd.as_fd())];
                    let _ = poll::wait(&mut watched, Some(Duration::ZERO));
                    watched.iter().any(poll::found)
                }
                // If we cannot look, it has not: an end is not to be guessed.
                Tie::Probe(_) => self.is_there() == Some(false),
            }
    }

    /// Whether it is there still, if that can be told.
    fn is_there(&self) -> Option<bool> {
        let pid = self.identity.pid;
        let found = match &self.tie {
            Tie::Probe(Some(stat)) => Process::read_open(stat.as_fd()),
            Tie::Probe(None) | Tie::Pidfd(_) | Tie::Child => Process::read(pid),
        };
        match found {
            Ok(found) if self.identity.start == 0 => Some(found.is_alive()),
            Ok(found) => Some(found.start == self.identity.start && found.is_alive()),
            Err(_) if !process::exists(pid) => Some(false),
            // The descriptor says that this very process is gone, whoever has the number now.
            Err(Errno::ESRCH) if matches!(self.tie, Tie::Probe(Some(_))) => Some(false),
            Err(_) => None,
        }
    }

    /// Sends it a signal; whether it could be told that it is ours. An end in between is no error:
    /// it will be seen.
    pub fn send(&self, number: SignalNumber) -> bool {
        if self.is_in_doubt() {
            return false;
        }
        if let Tie::Pidfd(pidfd) = &self.tie {
            match process::kill_by_pidfd(pidfd.as_fd(), number) {
                // A filter may know the one call and not the other.
                Err(Errno::ENOSYS | Errno::EPERM) => {}
                _ => return true,
            }
        }
        // A window of microseconds remains here for an adopted process: supervise(8).
        let is_there = matches!(self.tie, Tie::Child).then_some(true).or_else(|| self.is_there());
        if is_there == Some(true) {
            let _ = process::kill(self.identity.pid, number);
        }
        is_there.is_some()
    }

    /// Sends KILL to its process group if it has one of its own; whether that was left alone for
    /// want of proof. To be called after its end and before [`Self::reap`]: a zombie child's number
    /// is nobody else's.
    #[must_use]
    pub fn end_group(&self) -> Ended {
        match (self.claim.leads_group && !self.is_in_doubt(), &self.tie) {
            (true, Tie::Child) => {
                let _ = process::kill_group(self.identity.pid, SIGKILL);
                Ended::Done
            }
            (true, Tie::Pidfd(_) | Tie::Probe(_)) => {
                LeftGroup { leader: self.identity.pid, since: self.last_alive() }.end()
            }
            (false, _) => Ended::Done,
        }
    }

    /// Whether it leads a process group of its own, which may outlive it.
    #[must_use]
    pub fn leads_group(&self) -> bool {
        self.claim.leads_group
    }

    /// What it leaves in its group, if it leads one. To be called after its end and before
    /// [`Self::reap`].
    #[must_use]
    pub fn left_group(&self) -> Option<LeftGroup> {
        let leads = self.claim.leads_group && !self.is_in_doubt();
        let is_child = matches!(self.tie, Tie::Child);
        let since = if is_child { self.alive() } else { self.last_alive() };
        let left = LeftGroup { leader: self.identity.pid, since };
        (leads && left.is_there()).then_some(left)
    }

    /// Looks whether it is alive, and notes it if so.
    pub fn note_alive(&mut self) {
        self.claim.alive = self.alive();
    }

    /// When it was last known alive, in clock ticks since boot.
    #[must_use]
    pub fn last_alive(&self) -> u64 {
        self.claim.alive.max(self.identity.start)
    }

    /// Notes its end: how it ended, if it was our child.
    #[must_use]
    pub fn reap(&self) -> Option<LastEnd> {
        match self.tie {
            Tie::Child => process::reap_with_core(self.identity.pid).map(|(end, core)| match end {
                End::Code(code) => LastEnd::Code(code),
                End::Killed(signal) => LastEnd::Killed(signal, core),
            }),
            Tie::Pidfd(_) | Tie::Probe(_) => None,
        }
    }
}

/// Whether a process works in the service directory, or did when it was started.
#[must_use]
pub fn fits_here(pid: Pid) -> bool {
    let here = file::facts(HERE, b".");
    here.is_ok_and(|here| proc::works_in(pid, &here) || proc::was_started_in(pid, &here))
}

/// What came of ending a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is nothing left to end.
    Done,
    /// There is a group of this number, and no proof that it is the service's: left alone.
    Unproven(Pid),
}

impl LeftGroup {
    /// Whether the group has a member still.
    #[must_use]
    pub fn is_there(&self) -> bool {
        process::kill_group(self.leader, 0) != Err(Errno::ESRCH)
    }

    /// Sends KILL to the group, if it is the service's as a whole. A wrong KILL is worse than a
    /// leftover.
    #[must_use]
    pub fn end(&self) -> Ended {
        if !self.is_there() {
            return Ended::Done;
        }
        let here = file::facts(HERE, b".");
        if !here.is_ok_and(|here| proc::is_group_of(self.leader, self.since, &here)) {
            return Ended::Unproven(self.leader);
        }
        let _ = process::kill_group(self.leader, SIGKILL);
        Ended::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::signal::SIGTERM;
    use std::process::Command;

    fn unchecked(identity: ProcessIdentity) -> Watched {
        Watched::new(identity, Tie::Probe(None), Claim::default(), Certainty::Unchecked)
    }

    #[test]
    fn what_could_not_be_looked_at_is_signalled_once_it_is_known() {
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let start = Process::read(child.id()).unwrap().start;
        let identity = ProcessIdentity { pid: child.id(), start };
        let mut watched = unchecked(identity);
        assert!(!watched.send(SIGTERM) && !watched.has_ended());
        assert!(watched.recognise() && !watched.is_in_doubt());
        // Known for another one, it is as good as gone.
        let mut other = unchecked(ProcessIdentity { start: start + 1, ..identity });
        assert!(!other.recognise() && other.has_ended() && !other.send(SIGTERM));
        assert_eq!(child.try_wait().unwrap(), None);
        // What the evidence is not enough for stays so.
        let mut doubtful = unchecked(identity).doubtful();
        assert!(!doubtful.recognise() && !doubtful.send(SIGTERM));
        assert!(watched.send(SIGTERM));
        child.wait().unwrap();
    }

    #[test]
    fn an_open_stat_never_shows_a_later_process() {
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let stat = Process::open(child.id()).unwrap();
        let start = Process::read(child.id()).unwrap().start;
        assert_eq!(Process::read_open(stat.as_fd()).unwrap().start, start);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(Process::read_open(stat.as_fd()), Err(Errno::ESRCH));
        let identity = ProcessIdentity { pid: child.id(), start };
        let tie = Tie::Probe(Some(stat));
        let watched = Watched::new(identity, tie, Claim::default(), Certainty::Sure);
        assert!(watched.has_ended());
    }
}
