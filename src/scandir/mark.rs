//! `.svscan/stopped`: the mark of an orderly stop, good for the boot it was made in.

use super::records::ScanRecords;
use crate::sys::descriptor::{self, Purpose, open};
use crate::sys::file::{self, Kind};
use crate::sys::{Errno, directory, proc};
use std::os::fd::AsFd;

const NAME: &[u8] = b"stopped";

/// Marks that the scan was stopped in order, in this boot.
///
/// # Errors
/// Those of openat(2) and write(2).
pub fn put(records: &ScanRecords) -> Result<(), Errno> {
    remove(records);
    let mark = open(records.as_fd(), NAME, Purpose::New(0o600))?;
    descriptor::write(mark.as_fd(), &proc::boot()).map(drop)
}

/// Whether the scan was stopped in order in this boot, and not started since.
#[must_use]
pub fn is_there(records: &ScanRecords) -> bool {
    let Ok(mark) = open(records.as_fd(), NAME, Purpose::ReadNoLink) else {
        return false;
    };
    let mut boot = [0; 16];
    let is_file = file::facts_of(mark.as_fd()).is_ok_and(|facts| facts.kind == Kind::Regular);
    is_file && descriptor::read(mark.as_fd(), &mut boot) == Ok(boot.len()) && boot == proc::boot()
}

/// Removes the mark: the scan is wanted.
pub fn remove(records: &ScanRecords) {
    let _ = directory::remove(records.as_fd(), NAME);
}
