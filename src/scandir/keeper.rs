//! `.svscan/boot-lock` and `.svscan/boot-ok`: of several svscanboots one keeps the scan, and the
//! others see when it is gone.

use super::entries::{BOOT_LOCK, BOOT_OK};
use super::records::ScanRecords;
use crate::service::control;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::process::{Pid, our_pid};
use crate::sys::{Errno, file, proc};
use std::os::fd::{AsFd, OwnedFd};

/// What makes us the one that keeps the scan, as long as it is held: the lock, and the presence that
/// shows an error to those who wait when we are gone.
#[derive(Debug)]
pub struct Keeper {
    _lock: OwnedFd,
    _presence: OwnedFd,
}

impl Keeper {
    /// Becomes the svscanboot that keeps this scan.
    ///
    /// # Errors
    /// EAGAIN when another svscanboot does; those of openat(2).
    pub fn become_it(records: &ScanRecords) -> Result<Self, Errno> {
        let lock = records.take_lock(BOOT_LOCK)?;
        Ok(Self { _lock: lock, _presence: control::fifo(records.as_fd(), BOOT_OK)? })
    }
}

/// Looks for the svscanboot that keeps this scan: a descriptor whose poll shows an error as soon as
/// it is gone.
///
/// # Errors
/// ENXIO when there is none; those of openat(2).
pub fn look(records: &ScanRecords) -> Result<OwnedFd, Errno> {
    entry::open(records.as_fd(), BOOT_OK, Access::Write, Shape::Fifo)
}

/// The svscanboot that keeps this scan, if its process can be found: it has `boot-lock` open.
#[must_use]
pub fn process(records: &ScanRecords) -> Option<Pid> {
    let lock = file::facts_no_link(records.as_fd(), BOOT_LOCK).ok()?;
    let mut found = proc::processes_named(b"svscanboot").into_iter();
    let us = our_pid();
    found.find(|&pid| pid != us && proc::has_open(pid, &lock))
}

/// The svscanboots that keep this scan or stand by for it: all have `boot-ok` open.
#[must_use]
pub fn all(records: &ScanRecords) -> Vec<Pid> {
    let Ok(presence) = file::facts_no_link(records.as_fd(), BOOT_OK) else { return Vec::new() };
    let mut found = proc::processes_named(b"svscanboot");
    found.retain(|&pid| proc::has_open(pid, &presence));
    found
}
