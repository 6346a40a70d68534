//! `.svscan/lock`: one svscan per scan directory. svscanboot takes it first and hands it to its svscan.

use super::records::ScanRecords;
use crate::sys::descriptor;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::{Errno, clock, file, lock, poll};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};

/// A child that a killed svscan had just forked holds the lock until its exec: worth a wait.
const GRACE: Duration = Duration::from_millis(100);
/// Where svscanboot hands the held lock to svscan.
pub const LOCK_NUMBER: i32 = 3;

/// The scan directory's lock, held.
#[derive(Debug)]
pub struct ScanLock {
    /// The open file that holds it.
    pub file: OwnedFd,
    /// Whether svscanboot took it for us, and keeps us.
    pub was_handed_down: bool,
}

impl ScanLock {
    /// Takes the lock: the one that an image before us handed over or that svscanboot handed
    /// down, or else a new one.
    ///
    /// # Errors
    /// EAGAIN when another svscan or svscanboot holds it; those of openat(2).
    pub fn acquire(records: &ScanRecords, old: Option<OwnedFd>) -> Result<Self, Errno> {
        let file = entry::open(records.as_fd(), b"lock", Access::Append, Shape::File)?;
        let facts = file::facts_of(file.as_fd())?;
        let old = old.filter(|old| file::same(old.as_fd(), &facts).is_ok());
        let handed_down = descriptor::inherited(LOCK_NUMBER, |other| {
            old.is_none() && file::same(other, &facts).is_ok()
        });
        let was_handed_down = handed_down.is_some();
        let file = take(old.or(handed_down).unwrap_or(file))?;
        Ok(Self { file, was_handed_down })
    }
}

/// Takes the lock on an open file, waiting a moment for a child that has it by its birth.
///
/// # Errors
/// EAGAIN when another open file holds it; those of flock(2).
pub(super) fn take(file: OwnedFd) -> Result<OwnedFd, Errno> {
    let until = clock::monotonic().saturating_add(GRACE);
    loop {
        match lock::take(file.as_fd()) {
            Err(Errno::EAGAIN) if clock::monotonic() < until => {
                poll::pause(Duration::from_millis(5));
            }
            other => return other.map(|()| file),
        }
    }
}
