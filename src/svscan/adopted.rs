//! A supervise that an svscan before us started, and that we adopt. Watching it takes one
//! descriptor: the write end of its FIFO `ok`, whose poll shows an error when it ends. Without a
//! free descriptor we look at it from time to time.
//!
//! Any user may own the FIFOs and files in a service directory. So we believe that a supervise runs
//! only if a trusted process has that directory's lock open; without /proc, if any process holds
//! the lock.

use super::heir::finder::Finder;
use crate::service::onlooker::recorded_supervise;
use crate::service::record::ProcessIdentity;
use crate::service::records::Records;
use crate::service::{lock, presence};
use crate::sys::Errno;
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::limit::leaves_reserve;
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, Pid};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A supervise that is not our child.
#[derive(Debug)]
pub struct Adopted {
    /// Its pid and start time, if known.
    identity: Option<ProcessIdentity>,
    presence: Option<OwnedFd>,
    /// Its number among the watches.
    pub number: u64,
}

impl Adopted {
    const fn new(identity: Option<ProcessIdentity>) -> Self {
        Self { identity, presence: None, number: 0 }
    }

    /// The supervise that works in `directory`, if it has the FIFO `ok` open and holds the lock.
    #[must_use]
    pub fn find_in(directory: BorrowedFd<'_>, running: &Finder) -> Option<Self> {
        let records = Records::find(directory).ok()?;
        drop(presence::look(&records).ok()?);
        // A process that merely reads every file there holds no lock.
        if !lock::is_held(&records) {
            return None;
        }
        let lock = lock::facts(&records).ok();
        let recorded = recorded_supervise(directory).filter(|found| {
            lock.is_some_and(|lock| proc::has_open(found.pid, &lock)) && proc::is_trusted(found.pid)
        });
        let identity = recorded.or_else(|| running.supervise_of(directory).and_then(identity_of));
        (identity.is_some() || !proc::is_ours()).then(|| Self::new(identity))
    }

    /// As [`Self::find_in`], for the directory at `path` below the scan directory.
    #[must_use]
    pub fn find_below(path: &[u8], running: &Finder) -> Option<Self> {
        let directory = open(HERE, path, Purpose::Directory).ok()?;
        Self::find_in(directory.as_fd(), running)
    }

    /// The supervise of this pid, which was found by its working directory: that directory, or
    /// `supervise` in it, may have been removed.
    #[must_use]
    pub fn of(pid: Pid) -> Option<Self> {
        presence::look_through(pid).ok()?;
        Some(Self::new(Some(identity_of(pid)?)))
    }

    /// Its pid, if known and if it still lives.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.identity.filter(is_alive).map(|identity| identity.pid)
    }

    /// The descriptor whose poll shows an error when it ends, if we have one.
    #[must_use]
    pub fn presence(&self) -> Option<BorrowedFd<'_>> {
        self.presence.as_ref().map(AsFd::as_fd)
    }

    /// Opens that descriptor, from `directory` or through the supervise's own descriptors.
    ///
    /// # Errors
    /// EMFILE if only the reserve is left; those of open(2).
    pub fn take_hold(&mut self, directory: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
        let presence = match (directory.ok_or(Errno::ENOENT).and_then(look), self.pid()) {
            (Err(Errno::ENOENT | Errno::ENXIO), Some(pid)) => presence::look_through(pid),
            (found, _) => found,
        }?;
        if !leaves_reserve(presence.as_fd()) {
            return Err(Errno::EMFILE);
        }
        self.presence = Some(presence);
        Ok(())
    }

    /// Closes that descriptor.
    pub fn let_go(&mut self) {
        self.presence = None;
    }

    /// Whether it has ended, going by its pid or, if that is not known, by its FIFO `ok` in
    /// `directory`. For a supervise for which we have no descriptor open.
    #[must_use]
    pub fn has_ended(&self, directory: Option<BorrowedFd<'_>>) -> bool {
        match (&self.identity, directory) {
            (Some(identity), _) => is_gone(*identity),
            (None, Some(directory)) => {
                matches!(look(directory), Err(Errno::ENOENT | Errno::ENXIO))
            }
            (None, None) => true,
        }
    }

    /// As [`Self::has_ended`], with one system call. A zombie, and a supervise whose pid is not
    /// known, count as running.
    #[must_use]
    pub fn is_surely_gone(&self) -> bool {
        self.identity.is_some_and(|identity| process::kill(identity.pid, 0) == Err(Errno::ESRCH))
    }

    /// Whether it lives although our descriptor shows an error: it may have new FIFOs, as after a
    /// HUP when `supervise` was removed.
    #[must_use]
    pub fn lives_on(&self) -> bool {
        self.identity.is_some_and(|identity| is_alive(&identity))
    }
}

fn look(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    presence::look(&Records::find(directory)?)
}

fn identity_of(pid: Pid) -> Option<ProcessIdentity> {
    Some(ProcessIdentity { pid, start: Process::read(pid).ok()?.start })
}

fn is_alive(identity: &ProcessIdentity) -> bool {
    Process::read(identity.pid).is_ok_and(|found| found.start == identity.start && found.is_alive())
}

/// Whether this process has certainly ended. If we could not look, it counts as running.
fn is_gone(identity: ProcessIdentity) -> bool {
    match Process::read(identity.pid) {
        Ok(found) => found.start != identity.start || !found.is_alive(),
        Err(error) => proc::means_gone(error),
    }
}
