//! `.svscan/stopped`: the mark of an orderly stop. It is valid in the boot in which it was made.

use super::entries::STOPPED;
use super::records::ScanRecords;
use crate::sys::proc::{Boot, Likeness};
use crate::sys::{Errno, descriptor, directory};
use std::os::fd::AsFd;

/// Marks that an orderly stop was made in this boot.
///
/// # Errors
/// Those of openat(2) and write(2); ENOSPC if only a part could be written.
pub fn put(records: &ScanRecords) -> Result<(), Errno> {
    let mark = records.make(STOPPED)?;
    descriptor::write_all_of(mark.as_fd(), &Boot::now().to_bytes())
}

/// Whether an orderly stop was made in this boot, and no svscan or svscanboot was started since.
#[must_use]
pub fn is_there(records: &ScanRecords) -> bool {
    let Ok(mark) = records.read(STOPPED) else { return false };
    let Ok(Some(boot)) = descriptor::read_array(mark.as_fd()) else { return false };
    // If the boots cannot be compared, the mark counts: a wanted start removes it.
    Boot::from_bytes(boot).compare(Boot::now()) != Likeness::Another
}

/// Whether there is a mark that could not be written whole, for want of disk space.
#[must_use]
pub fn is_torn(records: &ScanRecords) -> bool {
    let Ok(mark) = records.read(STOPPED) else { return false };
    descriptor::read_array::<{ Boot::SIZE }>(mark.as_fd()) == Ok(None)
}

/// Removes the mark, because svscan is wanted again.
pub fn remove(records: &ScanRecords) {
    // Mostly there is none. A new svscan or svscanboot does not use records that it cannot write.
    let _ = directory::remove(records.as_fd(), STOPPED);
}
