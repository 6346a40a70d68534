//! `.svscan/messages`: which pipe leads to readproctitle, so that the successor of a killed
//! svscanboot finds that pipe again.

use super::entries::{MESSAGES, NEW_MESSAGES};
use super::records::ScanRecords;
use crate::sys::proc::{Boot, Likeness};
use crate::sys::{Errno, descriptor, directory};
use std::os::fd::AsFd;

const SIZE: usize = Boot::SIZE + 8;

/// The inode of the message pipe that was recorded in this boot.
#[must_use]
pub fn get(records: &ScanRecords) -> Option<u64> {
    let file = records.read(MESSAGES).ok()?;
    let bytes: [u8; SIZE] = descriptor::read_array(file.as_fd()).ok()??;
    let (boot, inode) = bytes.split_first_chunk()?;
    let is_now = Boot::from_bytes(*boot).compare(Boot::now()) == Likeness::Same;
    is_now.then_some(u64::from_le_bytes(inode.try_into().ok()?))
}

/// Records the inode of the message pipe.
///
/// # Errors
/// Those of openat(2), write(2) and renameat(2); ENOSPC if only a part could be written.
pub fn put(records: &ScanRecords, inode: u64) -> Result<(), Errno> {
    let file = records.make(NEW_MESSAGES)?;
    let bytes = [&Boot::now().to_bytes()[..], &inode.to_le_bytes()].concat();
    descriptor::write_all_of(file.as_fd(), &bytes)?;
    directory::rename(records.as_fd(), NEW_MESSAGES, MESSAGES)
}
