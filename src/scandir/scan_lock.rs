//! `.svscan/lock`: one svscan per scan directory. svscanboot takes it first and passes it to its
//! svscan.

use super::entries::LOCK;
use super::records::ScanRecords;
use crate::sys::{Errno, clock, descriptor, file, flock};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The descriptor at which svscanboot passes the held lock to svscan.
pub const LOCK_NUMBER: i32 = 3;

/// How long a new svscan waits for the lock. A child that a killed svscan had just forked holds the
/// lock until that child executes supervise. An svscan that is ending holds it for a moment more.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two tries.
const LOOK: Duration = Duration::from_millis(10);

/// The scan directory's lock, held.
#[derive(Debug)]
pub struct ScanLock {
    /// The open file that holds it.
    pub file: OwnedFd,
    /// Whether svscanboot took the lock for us; then it also starts us again if we die.
    pub was_handed_down: bool,
}

impl ScanLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// EAGAIN when another svscan or svscanboot holds it; those of openat(2).
    pub fn acquire(records: &ScanRecords) -> Result<Self, Errno> {
        let file = records.take_lock(LOCK)?;
        Ok(Self { file, was_handed_down: false })
    }

    /// As [`Self::resume_or_acquire`], but waits two seconds for the lock.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub fn resume_or_wait(records: &ScanRecords, old: Option<OwnedFd>) -> Result<Self, Errno> {
        let until = clock::monotonic().saturating_add(PATIENCE);
        let mut tried = Self::resume_or_acquire(records, old);
        while matches!(tried, Err(Errno::EAGAIN)) && clock::monotonic() < until {
            clock::rest(LOOK);
            tried = Self::acquire(records);
        }
        tried
    }

    /// Goes on with the lock that the image before us handed over or that svscanboot passed to us,
    /// or takes it. Call it only at the beginning: later, descriptor 3 is another file of ours.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub fn resume_or_acquire(records: &ScanRecords, old: Option<OwnedFd>) -> Result<Self, Errno> {
        let facts = file::facts_no_link(records.as_fd(), LOCK);
        let is_it =
            |file: BorrowedFd<'_>| facts.is_ok_and(|facts| file::same(file, &facts).is_ok());
        let old = old.filter(|old| is_it(old.as_fd()));
        let handed_down = descriptor::inherited(LOCK_NUMBER, |other| old.is_none() && is_it(other));
        let was_handed_down = handed_down.is_some();
        match old.or(handed_down) {
            // We hold it already; taking it again makes sure.
            Some(file) => flock::take(file.as_fd()).map(|()| Self { file, was_handed_down }),
            None => Self::acquire(records),
        }
    }
}
