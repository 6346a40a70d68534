//! `.svscan/messages`: which pipe leads to readproctitle, so that the svscanboot after a killed one
//! finds it again.

use super::records::ScanRecords;
use crate::sys::descriptor::{self, Purpose, open};
use crate::sys::{Errno, directory, proc};
use std::os::fd::AsFd;

const NAME: &[u8] = b"messages";
const NEW: &[u8] = b"messages.new";

/// The inode of the message pipe that was recorded in this boot.
#[must_use]
pub fn get(records: &ScanRecords) -> Option<u64> {
    let file = open(records.as_fd(), NAME, Purpose::ReadNoLink).ok()?;
    let mut bytes = [0; 24];
    if descriptor::read(file.as_fd(), &mut bytes) != Ok(bytes.len()) {
        return None;
    }
    let (boot, inode) = bytes.split_first_chunk::<16>()?;
    (*boot == proc::boot()).then_some(u64::from_le_bytes(inode.try_into().ok()?))
}

/// Records the inode of the message pipe.
///
/// # Errors
/// Those of openat(2), write(2) and renameat(2).
pub fn put(records: &ScanRecords, inode: u64) -> Result<(), Errno> {
    let place = records.as_fd();
    let _ = directory::remove(place, NEW);
    let file = open(place, NEW, Purpose::New(0o600))?;
    let bytes = [&proc::boot()[..], &inode.to_le_bytes()].concat();
    if descriptor::write(file.as_fd(), &bytes)? != bytes.len() {
        return Err(Errno::ENOSPC);
    }
    directory::rename(place, NEW, NAME)
}
