//! `.svscan/boot-lock` and `.svscan/boot-ok`: of several svscanboots one leads and keeps svscan
//! running; the others stand by, and see when the leader is gone.

use super::entries::{BOOT_LOCK, BOOT_OK};
use super::records::ScanRecords;
use crate::service::control;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::process::{Pid, our_pid};
use crate::sys::{Errno, file, proc};
use std::os::fd::{AsFd, OwnedFd};

/// The leader's files. We lead as long as we hold them: the lock, and the presence. Once we are
/// gone, a poll of the presence shows an error to the svscanboots that stand by.
#[derive(Debug)]
pub struct Leadership {
    _lock: OwnedFd,
    _presence: OwnedFd,
}

impl Leadership {
    /// Becomes the leader of this scan directory.
    ///
    /// # Errors
    /// EAGAIN if another svscanboot leads; those of openat(2).
    pub fn become_it(records: &ScanRecords) -> Result<Self, Errno> {
        let lock = records.take_lock(BOOT_LOCK)?;
        Ok(Self { _lock: lock, _presence: control::fifo(records.as_fd(), BOOT_OK)? })
    }
}

/// Looks for the leader of this scan directory. A poll of the returned descriptor shows an error as
/// soon as the leader is gone.
///
/// # Errors
/// ENXIO when there is none; those of openat(2).
pub fn look(records: &ScanRecords) -> Result<OwnedFd, Errno> {
    entry::open(records.as_fd(), BOOT_OK, Access::Write, Shape::Fifo)
}

/// The process of the leader, if we can find it: it has `boot-lock` open.
#[must_use]
pub fn process(records: &ScanRecords) -> Option<Pid> {
    let lock = file::facts_no_link(records.as_fd(), BOOT_LOCK).ok()?;
    let mut found = proc::processes_named(b"svscanboot").into_iter();
    let us = our_pid();
    found.find(|&pid| pid != us && proc::has_open(pid, &lock))
}

/// The svscanboots of this scan directory, the leader and those that stand by: all have `boot-ok`
/// open.
#[must_use]
pub fn all(records: &ScanRecords) -> Vec<Pid> {
    let Ok(presence) = file::facts_no_link(records.as_fd(), BOOT_OK) else { return Vec::new() };
    let mut found = proc::processes_named(b"svscanboot");
    found.retain(|&pid| proc::has_open(pid, &presence));
    found
}
