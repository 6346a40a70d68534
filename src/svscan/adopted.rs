//! A supervise that was there before us. It costs one descriptor: the write end of its FIFO `ok`,
//! which breaks when it ends. Where there is none to spare it is asked after now and then.
//!
//! FIFOs and files in a service directory can be anybody's. A supervise is believed only if a trusted
//! process has that directory's lock open; where /proc cannot tell, if somebody does.

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
    /// Who it is, where that is known.
    identity: Option<ProcessIdentity>,
    presence: Option<OwnedFd>,
    /// What it is watched by.
    pub number: u64,
}

impl Adopted {
    const fn new(identity: Option<ProcessIdentity>) -> Self {
        Self { identity, presence: None, number: 0 }
    }

    /// The supervise that works in `directory`, if its FIFO `ok` says so and it has the lock.
    #[must_use]
    pub fn find_in(directory: BorrowedFd<'_>, running: &Finder) -> Option<Self> {
        let records = Records::find(directory).ok()?;
        drop(presence::look(&records).ok()?);
        // Somebody who merely reads every file holds no lock.
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

    /// The supervise of this pid, known by where it works: its directory, or `supervise` there, may
    /// have been removed.
    #[must_use]
    pub fn of(pid: Pid) -> Option<Self> {
        presence::look_through(pid).ok()?;
        Some(Self::new(Some(identity_of(pid)?)))
    }

    /// Its pid, where that is known and still its own.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.identity.filter(is_alive).map(|identity| identity.pid)
    }

    /// The descriptor that breaks when it ends, if we hold one.
    #[must_use]
    pub fn presence(&self) -> Option<BorrowedFd<'_>> {
        self.presence.as_ref().map(AsFd::as_fd)
    }

    /// Takes hold of it, from `directory` or through its own descriptors.
    ///
    /// # Errors
    /// EMFILE where only the reserve is left; those of open(2).
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

    /// Lets go of the descriptor.
    pub fn let_go(&mut self) {
        self.presence = None;
    }

    /// Whether it has ended, for one that we do not hold: by its pid, or else by its FIFO `ok`.
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

    /// As [`Self::has_ended`], at the cost of one call, and blind for a zombie.
    #[must_use]
    pub fn is_surely_gone(&self) -> bool {
        self.identity.is_some_and(|identity| process::kill(identity.pid, 0) == Err(Errno::ESRCH))
    }

    /// Whether it lives though what we held of it broke: its FIFOs are others since, as after a HUP
    /// when `supervise` was removed.
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

/// Whether it has ended for sure: that we could not look says nothing.
fn is_gone(identity: ProcessIdentity) -> bool {
    match Process::read(identity.pid) {
        Ok(found) => found.start != identity.start || !found.is_alive(),
        Err(error) => proc::means_gone(error),
    }
}
