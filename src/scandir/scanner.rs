//! Finds the svscan that works in a scan directory and sends it words: through its control FIFO,
//! or, where there is none (the records were removed, or cannot be made), as a signal to its
//! process.

use super::records::ScanRecords;
use super::scan_control;
use super::word::Word;
use crate::service::control::Sender;
use crate::sys::descriptor::{Purpose, open};
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, Pid};
use crate::sys::signal::{SIGPWR, SignalNumber};
use crate::sys::{Errno, directory, file, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The signal that asks an svscan of ours for the orderly stop, whatever started it. A second one
/// from the same sender asks it to hurry.
pub const STOP_SIGNAL: SignalNumber = SIGPWR;

/// A running svscan that is not our child.
#[derive(Debug)]
pub enum Scanner {
    /// It reads the control FIFO.
    Listening(Sender),
    /// It was found by its working directory.
    Found(FoundScanner),
}

/// A process that listens for [`STOP_SIGNAL`].
#[derive(Debug)]
pub struct FoundScanner {
    pid: Pid,
    start: u64,
    pidfd: Option<OwnedFd>,
}

impl Scanner {
    /// The svscan of ours that works in a scan directory, if there is one: the reader of the
    /// control FIFO, or else one of its [`workers`].
    #[must_use]
    pub fn find(records: Option<&ScanRecords>, workers: impl FnOnce() -> Vec<Pid>) -> Option<Self> {
        let listening = records.and_then(|records| scan_control::connect(records).ok());
        listening.map(Self::Listening).or_else(|| {
            let mut pids = workers().into_iter();
            pids.find_map(FoundScanner::of).map(Self::Found)
        })
    }

    /// Sends this svscan a word. Returns whether that was possible. A signal can only ask for a
    /// stop.
    #[must_use]
    pub fn say(&self, word: Word) -> bool {
        match self {
            Self::Listening(sender) => scan_control::say(sender, word).is_ok(),
            Self::Found(worker) => word != Word::Wanted && worker.signal().is_ok(),
        }
    }

    /// Whether this svscan has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Listening(sender) => sender.is_gone(),
            Self::Found(worker) => !worker.lives(),
        }
    }

    /// What to poll for the end of this svscan. `None` if we can only look from time to time.
    #[must_use]
    pub fn watched(&self) -> Option<poll::PollFd<'_>> {
        match self {
            Self::Listening(sender) => Some(poll::broken(sender.as_fd())),
            Self::Found(worker) => worker.pidfd.as_ref().map(|pidfd| poll::readable(pidfd.as_fd())),
        }
    }
}

impl FoundScanner {
    /// This process, if it blocks [`STOP_SIGNAL`] to read it: any other process would die of it.
    #[must_use]
    pub fn of(pid: Pid) -> Option<Self> {
        let pidfd = process::open_pidfd(pid).ok();
        let start = Process::read(pid).ok()?.start;
        proc::blocks(pid, STOP_SIGNAL).then_some(Self { pid, start, pidfd })
    }

    fn lives(&self) -> bool {
        Process::read(self.pid).is_ok_and(|found| found.start == self.start && found.is_alive())
    }

    fn signal(&self) -> Result<(), Errno> {
        if let Some(pidfd) = &self.pidfd {
            // A kernel or a seccomp filter may have pidfds and refuse this call.
            match process::kill_by_pidfd(pidfd.as_fd(), STOP_SIGNAL) {
                Err(Errno::ENOSYS | Errno::EPERM) => {}
                other => return other,
            }
        }
        if self.lives() { process::kill(self.pid, STOP_SIGNAL) } else { Err(Errno::ESRCH) }
    }
}

/// Every svscan that works in this scan directory, or in a deleted directory of the same path: ours
/// or another program's, run by root or by our user.
#[must_use]
pub fn workers(scan_directory: BorrowedFd<'_>) -> Vec<Pid> {
    let Ok(here) = file::facts(scan_directory, b".") else { return Vec::new() };
    let path = open(scan_directory, b".", Purpose::Directory)
        .and_then(|directory| proc::path_behind(directory.as_fd()));
    let us = process::our_pid();
    let mut pids = proc::processes_named(b"svscan");
    pids.retain(|&pid| {
        pid != us
            && (proc::works_in(pid, &here)
                || path.as_ref().is_ok_and(|path| works_in_deleted(pid, path)))
    });
    pids
}

/// As [`workers`], for a scan directory that does not exist (any more).
#[must_use]
pub fn workers_in_deleted(name: &[u8]) -> Vec<Pid> {
    let mut name = name;
    while let Some(shorter) = name.strip_suffix(b"/").filter(|shorter| !shorter.is_empty()) {
        name = shorter;
    }
    let path = if name.first() == Some(&b'/') {
        Ok(name.to_vec())
    } else {
        directory::path_of_current().map(|here| [&here[..], b"/", name].concat())
    };
    let Ok(path) = path else { return Vec::new() };
    let mut pids = proc::processes_named(b"svscan");
    pids.retain(|&pid| works_in_deleted(pid, &path));
    pids
}

fn works_in_deleted(pid: Pid, path: &[u8]) -> bool {
    proc::working_directory(pid).is_ok_and(|found| {
        found.strip_suffix(b" (deleted)") == Some(path) && proc::has_our_root(pid)
    })
}
