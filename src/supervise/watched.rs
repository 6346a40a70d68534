//! The service's process, watched: our own child, or one that a killed supervise left behind and
//! that we adopt. A child's pid is ours until it is reaped; an adopted one is known by its start
//! time, compared again before every signal, or by a pidfd where the kernel has them.

use crate::service::journal::Identity;
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::{SIGKILL, Signal};
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

    /// Takes over a recorded process if it still lives and no living supervise has it.
    #[must_use]
    pub fn adopt(recorded: Identity) -> Adoption {
        // The pidfd first, the look at the start time second: what the pidfd holds cannot become
        // another process between the two.
        let pidfd = process::open_pidfd(recorded.pid);
        let Ok(found) = Process::read(recorded.pid) else { return Adoption::Gone };
        if recorded.start == 0 || found.start != recorded.start {
            return Adoption::NotOurs;
        }
        if !found.is_alive() && found.parent != process::our_pid() {
            return Adoption::Gone;
        }
        let leads_group = found.group == recorded.pid;
        if found.parent == process::our_pid() {
            // We are the new image of the supervise that started it.
            let (tie, is_surely_ours) = (Tie::Child, true);
            return Adoption::Adopted(Self {
                identity: recorded,
                tie,
                leads_group,
                is_surely_ours,
            });
        }
        if proc::is_named(found.parent, b"supervise") {
            return Adoption::NotOurs;
        }
        Adoption::Adopted(Self {
            identity: recorded,
            tie: pidfd.map_or(Tie::Probe, Tie::Pidfd),
            leads_group,
            is_surely_ours: true,
        })
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
        match self.tie {
            Tie::Child => process::has_ended(self.identity.pid),
            Tie::Pidfd(_) | Tie::Probe => !self.is_there(),
        }
    }

    fn is_there(&self) -> bool {
        Process::read(self.identity.pid)
            .is_ok_and(|found| found.start == self.identity.start && found.is_alive())
    }

    /// Sends it a signal. An end in between is no error: it will be seen.
    pub fn send(&self, number: Signal) {
        if !self.is_surely_ours {
            return;
        }
        let _ = match &self.tie {
            Tie::Pidfd(pidfd) => process::kill_by_pidfd(pidfd.as_fd(), number),
            // A window of microseconds remains here on kernels without pidfd: supervise(8).
            Tie::Probe if !self.is_there() => Ok(()),
            Tie::Child | Tie::Probe => process::kill(self.identity.pid, number),
        };
    }

    /// Sends KILL to its process group if it has one of its own. To be called after its end and
    /// before [`Self::reap`]: a zombie child's number is nobody else's.
    pub fn end_group(&self) {
        match (self.leads_group, &self.tie) {
            (true, Tie::Child) => {
                let _ = process::kill_group(self.identity.pid, SIGKILL);
            }
            (true, Tie::Pidfd(_) | Tie::Probe) => end_orphaned_group(self.identity.pid),
            (false, _) => {}
        }
    }

    /// The pid whose group may outlive it.
    #[must_use]
    pub fn group(&self) -> Option<Pid> {
        self.leads_group.then_some(self.identity.pid)
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

/// Sends KILL to what is left of a group whose leader has gone. While a group has members, its
/// number is given to no new process: if a process has it, the group was empty once, and what is
/// there now is not ours.
pub fn end_orphaned_group(leader: Pid) {
    if !Process::read(leader).is_ok_and(|process| process.is_alive()) {
        let _ = process::kill_group(leader, SIGKILL);
    }
}
