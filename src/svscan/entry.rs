//! One held service: its name, its log pipe, and its two supervises, with their directories and
//! ways to reach them.

use super::adopted::Adopted;
use super::late_log::LateLog;
use super::plan::{Ending, HeldService, Key, Role, Standing};
use crate::service::control::{self, Sender};
use crate::service::onlooker::{has_left, keeps_journal, recorded_supervise};
use crate::service::records::Records;
use crate::service::status::{self, Status};
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::process::Pid;
use crate::sys::{Errno, proc};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};

/// The pipe between a service and its logger. svscan keeps it as long as the entry, so that a
/// restart of either loses nothing.
#[derive(Debug)]
pub struct LogPipe {
    /// The end that the logger reads from.
    pub read: OwnedFd,
    /// The end that the service writes to. Closed in the orderly stop.
    pub write: Option<OwnedFd>,
}

/// A supervise as svscan knows it.
#[derive(Debug)]
pub enum Supervise {
    /// It does not run. The time from which it may be started, and how it ended, if it ever ran.
    Idle(Duration, Option<Ending>),
    /// It is our child, started at this time.
    Child(Pid, Duration),
    /// An svscan before us started it.
    Adopted(Adopted),
}

impl Supervise {
    /// Its state, for the plan.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self {
            Self::Idle(from, _) => Standing::Idle(*from),
            Self::Child(..) | Self::Adopted(_) => Standing::Running,
        }
    }
}

/// A held service.
#[derive(Debug)]
pub struct Entry {
    /// The name under which it was last seen.
    pub name: Vec<u8>,
    /// The pipe to its logger, if it has one.
    pub pipe: Option<LogPipe>,
    /// Its own supervise.
    pub main: Supervise,
    /// Its logger's supervise, if it has a logger.
    pub log: Option<Supervise>,
    /// Whether the last tick saw its directory, and no pass since has missed it.
    pub was_seen: bool,
    /// What we know of a `log` that is made after the service was started.
    pub late_log: LateLog,
}

impl Entry {
    /// This entry as the plan knows it.
    #[must_use]
    pub fn held(&self, key: Key) -> HeldService {
        HeldService {
            key,
            main: self.main.standing(),
            log: self.log.as_ref().map(Supervise::standing),
        }
    }

    /// One of its supervises.
    #[must_use]
    pub fn supervise(&self, role: Role) -> Option<&Supervise> {
        match role {
            Role::Main => Some(&self.main),
            Role::Log => self.log.as_ref(),
        }
    }

    /// One of its supervises, to change.
    pub fn supervise_mut(&mut self, role: Role) -> Option<&mut Supervise> {
        match role {
            Role::Main => Some(&mut self.main),
            Role::Log => self.log.as_mut(),
        }
    }

    /// The path of the service directory of `role` below the scan directory.
    #[must_use]
    pub fn path(&self, role: Role) -> Vec<u8> {
        [&self.name, role.suffix()].concat()
    }

    /// The service directory of `role`, even if its name is gone: then it is found through its
    /// supervise, which works in it.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn open_directory(&self, role: Role) -> Result<OwnedFd, Errno> {
        let worker = match self.supervise(role) {
            Some(Supervise::Adopted(adopted)) => adopted.pid(),
            Some(Supervise::Child(pid, _)) => Some(*pid),
            Some(Supervise::Idle(..)) | None => None,
        };
        let where_it_works = worker.and_then(|pid| proc::open_working_directory(pid, b"").ok());
        where_it_works.map_or_else(|| open(HERE, &self.path(role), Purpose::Directory), Ok)
    }

    /// How an adopted supervise ended, by its journal. 0.76's has none: if the service is down, it
    /// exited, and if the service is up, it was killed.
    #[must_use]
    pub fn unseen_ending(&self, role: Role) -> Ending {
        let Ok(place) = self.open_directory(role) else { return Ending::Killed };
        let Ok(records) = Records::find(place.as_fd()) else { return Ending::Killed };
        match (has_left(place.as_fd()), status::read(&records)) {
            (Some(true), _) => Ending::Left,
            (None, Ok(status)) if status.pid == 0 => Ending::Left,
            _ => Ending::Killed,
        }
    }

    /// The pid of `role`'s supervise if it is of this program: 0.76's has no journal. Even if
    /// `supervise` was removed, ours still has its journal open.
    #[must_use]
    pub fn supervise_of_ours(&self, role: Role) -> Option<Pid> {
        let pid = match self.supervise(role)? {
            Supervise::Child(pid, _) => *pid,
            Supervise::Adopted(adopted) => adopted.pid()?,
            Supervise::Idle(..) => return None,
        };
        let place = self.open_directory(role).ok();
        let recorded = place.and_then(|place| recorded_supervise(place.as_fd()));
        let is_recorded = recorded.is_some_and(|identity| identity.pid == pid);
        (is_recorded || keeps_journal(pid)).then_some(pid)
    }

    /// Sends control bytes to the supervise of `role`, even if its directory is gone.
    ///
    /// # Errors
    /// ENXIO if it does not listen (yet); EAGAIN if the FIFO is full; those of open(2) and
    /// write(2).
    pub fn send(&self, role: Role, bytes: &[u8]) -> Result<(), Errno> {
        let pid = match self.supervise(role) {
            Some(Supervise::Adopted(adopted)) => adopted.pid(),
            Some(Supervise::Child(pid, _)) => Some(*pid),
            Some(Supervise::Idle(..)) | None => return Err(Errno::ENXIO),
        };
        // Close the directory before opening the FIFO: descriptors may be few.
        let records =
            self.open_directory(role).and_then(|directory| Records::find(directory.as_fd()));
        connect(records, pid)?.offer(bytes)
    }

    /// Whether the service of `role` is down, by its status.
    #[must_use]
    pub fn is_down(&self, role: Role) -> bool {
        self.status(role).is_some_and(|status| status.pid == 0)
    }

    /// Whether the service of `role` is up under its supervise, by its status.
    #[must_use]
    pub fn is_up(&self, role: Role) -> bool {
        let is_supervised =
            self.supervise(role).map(Supervise::standing) == Some(Standing::Running);
        is_supervised && self.status(role).is_some_and(|status| status.pid != 0)
    }

    fn status(&self, role: Role) -> Option<Status> {
        let place = self.open_directory(role).ok()?;
        let records = Records::find(place.as_fd()).ok()?;
        status::read(&records).ok()
    }
}

/// Whether the supervise of the directory at `path` has exited after `x`, by its journal.
#[must_use]
pub fn has_exited(path: &[u8]) -> bool {
    let place = open(HERE, path, Purpose::Directory);
    place.is_ok_and(|place| has_left(place.as_fd()) == Some(true))
}

/// Whether the directory at `path` has no `supervise`.
#[must_use]
pub fn has_no_records(path: &[u8]) -> bool {
    let place = open(HERE, path, Purpose::Directory);
    place.is_ok_and(|place| Records::find(place.as_fd()).map(drop) == Err(Errno::ENOENT))
}

/// Opens the control FIFO of the supervise with these records, or with this pid.
fn connect(records: Result<Records, Errno>, pid: Option<Pid>) -> Result<Sender, Errno> {
    match (records, pid) {
        // The owner of these records may have replaced the FIFO: open the one that the supervise
        // has.
        (Ok(records), Some(pid)) if records.are_shared() => {
            control::connect_through(pid).or_else(|_| control::connect(&records))
        }
        (Ok(records), Some(pid)) => match control::connect(&records) {
            Err(Errno::ENOENT) => control::connect_through(pid),
            other => other,
        },
        (Ok(records), None) => control::connect(&records),
        (Err(_), Some(pid)) => control::connect_through(pid),
        (Err(error), None) => Err(error),
    }
}
