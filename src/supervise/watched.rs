//! The service's process, watched: our own child, or one that a killed supervise left behind and
//! that we adopt. A child keeps its pid until we reap it. An adopted process is identified by a
//! pidfd, where the kernel has them, or else by its open `/proc/PID/stat`; we check it before every
//! signal.
//!
//! If we cannot decide whether a recorded process is the service, we wait for it to end and send it
//! no signal: a second copy of the service could cost data, and so could a signal to a stranger.

use crate::service::record::{LastEnd, LeftGroup, ProcessIdentity};
use crate::sys::descriptor::HERE;
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::{SIGKILL, SignalNumber};
use crate::sys::{Errno, file, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How we learn that the process has ended.
#[derive(Debug)]
enum Tie {
    /// It is our child.
    Child,
    /// It is not our child, and we have a pidfd.
    Pidfd(OwnedFd),
    /// It is not our child, and we have to look in /proc: at its open stat file, if it could be
    /// opened.
    Probe(Option<OwnedFd>),
}

/// Whether it is our service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    /// It is.
    Sure,
    /// We could not read its start time yet, to compare it with the recorded one.
    Unchecked,
    /// We do not know, and no further evidence will come.
    Doubtful,
}

/// A running service.
#[derive(Debug)]
pub struct Watched {
    identity: ProcessIdentity,
    tie: Tie,
    claim: Claim,
    certainty: Certainty,
    /// We took it for the service, and it is not.
    is_given_up: bool,
}

/// What a record says of a process beside its identity.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim {
    /// Whether it leads a process group of its own.
    pub leads_group: bool,
    /// The supervise that recorded it. If the process is still the child of that supervise, that
    /// supervise was killed and is not quite dead yet.
    pub before: Option<Pid>,
    /// When it was last known alive, in clock ticks since boot.
    pub alive: u64,
}

/// What became of a recorded process.
#[derive(Debug)]
pub enum Adoption {
    /// It lives, and we have adopted it.
    Adopted(Watched),
    /// It has ended.
    Gone,
    /// Another process has its pid by now, or it belongs to another supervise.
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

    /// Adopts a recorded process if it still lives and is not the child of another living
    /// supervise.
    #[must_use]
    pub fn adopt(recorded: ProcessIdentity, claim: Claim) -> Adoption {
        let pid = recorded.pid;
        // The pidfd is opened before the start time is read: so the start time is that of the
        // process behind the pidfd, or no process has it.
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
        // Without a recorded start time (there was no /proc then), only its working directory can
        // show that it is the service.
        let is_known = recorded.start != 0 || fits_here(pid);
        let certainty = if is_known { Certainty::Sure } else { Certainty::Doubtful };
        let identity = ProcessIdentity { pid, start: found.start };
        let claim = Claim { leads_group: claim.leads_group && found.group == pid, ..claim };
        Adoption::Adopted(Self::new(identity, tie(pidfd), claim, certainty))
    }

    /// The same process, but only to be waited for, never signalled.
    #[must_use]
    pub fn doubtful(self) -> Self {
        Self { certainty: Certainty::Doubtful, ..self }
    }

    /// Whether we do not know, or do not know yet, that this is our service.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.certainty != Certainty::Sure
    }

    /// Whether we will never know.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.certainty == Certainty::Doubtful
    }

    /// Looks again at a process that we could not look at before, for want of a descriptor or of
    /// /proc. Returns whether we now know that it is our service.
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

    /// Notes that it is not the service: it counts as ended.
    pub fn give_up(&mut self) {
        self.is_given_up = true;
    }

    /// Its pid and start time.
    #[must_use]
    pub fn identity(&self) -> ProcessIdentity {
        self.identity
    }

    /// The present time, in clock ticks since boot, if it is alive, or at least not reaped (so that
    /// no other process has its number); otherwise the time when it was last known alive.
    fn seen_alive(&self) -> u64 {
        let is_known = matches!(self.tie, Tie::Child) || !self.has_ended();
        let now = if is_known && !self.is_in_doubt() { proc::now_in_ticks() } else { None };
        now.unwrap_or_else(|| self.last_alive())
    }

    /// A descriptor that becomes readable when the process ends, if we have one.
    #[must_use]
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        match &self.tie {
            Tie::Pidfd(pidfd) => Some(pidfd.as_fd()),
            Tie::Child | Tie::Probe(_) => None,
        }
    }

    /// Whether we have to look again and again to learn that it has ended, or whether it is our
    /// service.
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
                Tie::Pidfd(pidfd) => poll::is_ready(poll::readable(pidfd.as_fd())),
                // If we cannot look, it counts as running: we do not guess an end.
                Tie::Probe(_) => self.is_there() == Some(false),
            }
    }

    /// Whether it still runs, if we can find out.
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
            // The open stat file says that this process is gone, even if another process has its
            // number now.
            Err(Errno::ESRCH) if matches!(self.tie, Tie::Probe(Some(_))) => Some(false),
            Err(_) => None,
        }
    }

    /// Sends it a signal. Returns false if we could not make sure that it is our service. If it
    /// ended in between, that is no error: the loop will see the end.
    pub fn send(&self, number: SignalNumber) -> bool {
        if self.is_in_doubt() {
            return false;
        }
        if let Tie::Pidfd(pidfd) = &self.tie {
            match process::kill_by_pidfd(pidfd.as_fd(), number) {
                // A seccomp filter may allow kill and not pidfd_send_signal.
                Err(Errno::ENOSYS | Errno::EPERM) => {}
                _ => return true,
            }
        }
        // For an adopted process, a window of microseconds remains between look and signal:
        // supervise(8).
        let is_there = matches!(self.tie, Tie::Child).then_some(true).or_else(|| self.is_there());
        if is_there == Some(true) {
            let _ = process::kill(self.identity.pid, number);
        }
        is_there.is_some()
    }

    /// Sends KILL to its process group, if it leads one and the group is proven to be its own. Call
    /// it after the end of the process and before [`Self::reap`]: no other process can have the
    /// number of a zombie child.
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

    /// What it leaves in its group, if it leads one. Call it after the end of the process and
    /// before [`Self::reap`].
    #[must_use]
    pub fn left_group(&self) -> Option<LeftGroup> {
        let leads = self.claim.leads_group && !self.is_in_doubt();
        let is_child = matches!(self.tie, Tie::Child);
        let since = if is_child { self.seen_alive() } else { self.last_alive() };
        let left = LeftGroup { leader: self.identity.pid, since };
        (leads && left.is_there()).then_some(left)
    }

    /// If it is alive, notes that it was alive now.
    pub fn note_alive(&mut self) {
        self.claim.alive = self.seen_alive();
    }

    /// When it was last known alive, in clock ticks since boot.
    #[must_use]
    pub fn last_alive(&self) -> u64 {
        self.claim.alive.max(self.identity.start)
    }

    /// Reaps it if it is our child, and returns how it ended.
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

/// Whether the working directory of a process is the service directory, or was when it was started.
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
    /// A group of this number exists, but nothing proves that it is the service's: we left it
    /// alone.
    Unproven(Pid),
}

impl LeftGroup {
    /// Whether the group still has a member.
    #[must_use]
    pub fn is_there(&self) -> bool {
        process::kill_group(self.leader, 0) != Err(Errno::ESRCH)
    }

    /// Sends KILL to the group, but only if all of it is the service's. A wrong KILL is worse than
    /// a leftover process.
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
        // A process that turns out to be another one counts as ended.
        let mut other = unchecked(ProcessIdentity { start: start + 1, ..identity });
        assert!(!other.recognise() && other.has_ended() && !other.send(SIGTERM));
        assert_eq!(child.try_wait().unwrap(), None);
        // Doubt that no evidence can end stays.
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
