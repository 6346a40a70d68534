//! The service's process, watched: our own child, or one that a killed supervise left behind and
//! that we adopt. A child's pid is ours until it is reaped; an adopted one is known by its start
//! time, compared again before every signal, or by a pidfd where the kernel has them.

use crate::service::journal::{Identity, Leftover};
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::{SIGKILL, Signal};
use crate::sys::{Errno, poll};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How we come to know of the process's end.
#[derive(Debug)]
enum Tie {
    /// It is our child.
    Child,
    /// It is not, and a pidfd tells.
    Pidfd(OwnedFd),
    /// It is not, and /proc has to be asked.
    Probe,
}

/// A running service.
#[derive(Debug)]
pub struct Watched {
    identity: Identity,
    tie: Tie,
    leads_group: bool,
    /// Whether it is surely our service: if not, it is waited for, and never signalled.
    is_surely_ours: bool,
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
        Self {
            identity: Identity { pid, start },
            tie: Tie::Child,
            leads_group,
            is_surely_ours: true,
        }
    }

    /// Takes over a recorded process if it still lives and no living supervise has it. `before` is
    /// the supervise that recorded it: if the process still counts as its child, it is dying.
    #[must_use]
    pub fn adopt(recorded: Identity, leads_group: bool, before: Option<Pid>) -> Adoption {
        // The pidfd first, the look at the start time second: what the pidfd holds cannot become
        // another process between the two.
        let pidfd = process::open_pidfd(recorded.pid).ok();
        let found = match Process::read(recorded.pid) {
            Ok(found) => found,
            Err(error) if proc::means_gone(error) => return Adoption::Gone,
            Err(_) => {
                // We could not look: waited for rather than started a second time.
                let tie = pidfd.map_or(Tie::Probe, Tie::Pidfd);
                let process = Self { identity: recorded, tie, leads_group, is_surely_ours: true };
                return Adoption::Adopted(process.not_surely_ours());
            }
        };
        if recorded.start == 0 || found.start != recorded.start {
            return Adoption::NotOurs;
        }
        let us = process::our_pid();
        if !found.is_alive() && found.parent != us {
            return Adoption::Gone;
        }
        let is_others = found.parent != us && before != Some(found.parent);
        if is_others && proc::is_named(found.parent, b"supervise") {
            return Adoption::NotOurs;
        }
        // Our own child if we are the new image of the supervise that started it.
        let tie = match pidfd {
            _ if found.parent == us => Tie::Child,
            Some(pidfd) => Tie::Pidfd(pidfd),
            None => Tie::Probe,
        };
        let leads_group = leads_group && found.group == recorded.pid;
        Adoption::Adopted(Self { identity: recorded, tie, leads_group, is_surely_ours: true })
    }

    /// The same process, to be waited for and never signalled.
    #[must_use]
    pub fn not_surely_ours(self) -> Self {
        Self { is_surely_ours: false, leads_group: false, ..self }
    }

    /// Its pid and start time.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// A descriptor that becomes readable at its end, where there is one.
    #[must_use]
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        match &self.tie {
            Tie::Pidfd(pidfd) => Some(pidfd.as_fd()),
            Tie::Child | Tie::Probe => None,
        }
    }

    /// Whether only asking again and again tells of its end.
    #[must_use]
    pub fn needs_probe(&self) -> bool {
        matches!(self.tie, Tie::Probe)
    }

    /// Whether it has ended. A child stays a zombie until [`Self::reap`].
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match &self.tie {
            Tie::Child => process::has_ended(self.identity.pid),
            Tie::Pidfd(pidfd) => {
                let mut watched = [poll::readable(pidfd.as_fd())];
                let _ = poll::wait(&mut watched, Some(Duration::ZERO));
                watched.iter().any(poll::found)
            }
            Tie::Probe => !self.is_there(),
        }
    }

    /// Whether /proc has it still. If we cannot look, it has: an end is not to be guessed.
    fn is_there(&self) -> bool {
        match Process::read(self.identity.pid) {
            Ok(found) => found.start == self.identity.start && found.is_alive(),
            Err(error) => !proc::means_gone(error),
        }
    }

    /// Sends it a signal. An end in between is no error: it will be seen.
    pub fn send(&self, number: Signal) {
        if !self.is_surely_ours {
            return;
        }
        if let Tie::Pidfd(pidfd) = &self.tie {
            match process::kill_by_pidfd(pidfd.as_fd(), number) {
                // A filter may know the one call and not the other.
                Err(Errno::ENOSYS | Errno::EPERM) => {}
                _ => return,
            }
        }
        // A window of microseconds remains here for an adopted process: supervise(8).
        if matches!(self.tie, Tie::Child) || self.is_there() {
            let _ = process::kill(self.identity.pid, number);
        }
    }

    /// Sends KILL to its process group if it has one of its own. To be called after its end and
    /// before [`Self::reap`]: a zombie child's number is nobody else's.
    pub fn end_group(&self) {
        match (self.leads_group, &self.tie) {
            (true, Tie::Child) => {
                let _ = process::kill_group(self.identity.pid, SIGKILL);
            }
            (true, Tie::Pidfd(_) | Tie::Probe) => {
                if let Some(left) = Leftover::of(self.identity.pid) {
                    left.end();
                }
            }
            (false, _) => {}
        }
    }

    /// Whether it leads a process group of its own, which may outlive it.
    #[must_use]
    pub fn leads_group(&self) -> bool {
        self.leads_group
    }

    /// Notes its end: how it ended, if it was our child.
    #[must_use]
    pub fn reap(&self) -> Option<End> {
        match self.tie {
            Tie::Child => process::reap(self.identity.pid),
            Tie::Pidfd(_) | Tie::Probe => None,
        }
    }
}

impl Leftover {
    /// What process `leader`, which has just ended, left in its group; nothing if the group is
    /// empty.
    #[must_use]
    pub fn of(leader: Pid) -> Option<Self> {
        let left = Self { leader, since: proc::now_in_ticks()? };
        left.is_there().then_some(left)
    }

    /// While a group has members its number is given to nobody else. So a member that was there
    /// when the leader ended proves that the group is still the old one.
    fn is_there(&self) -> bool {
        process::kill_group(self.leader, 0).is_ok()
            && proc::has_member_since(self.leader, self.since)
    }

    /// Sends KILL to the group, if it is still the same.
    pub fn end(&self) {
        if self.is_there() {
            let _ = process::kill_group(self.leader, SIGKILL);
        }
    }
}
