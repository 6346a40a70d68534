//! `.svscan` in a scan directory: opened, and made if need be.

use crate::sys::descriptor::{Purpose, open};
use crate::sys::file;
use crate::sys::{Errno, directory};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NAME: &[u8] = b".svscan";

/// The open `.svscan` directory of a scan directory.
#[derive(Debug)]
pub struct ScanRecords {
    descriptor: OwnedFd,
}

impl AsFd for ScanRecords {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl ScanRecords {
    /// Opens `.svscan` in the scan directory, and makes it if it is not there.
    ///
    /// # Errors
    /// Those of mkdir(2) and open(2); EPERM for one that is another user's or open to others.
    pub fn open_or_make(scan_directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        match directory::make(scan_directory, NAME, 0o700) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
        Self::open(scan_directory)
    }

    /// Opens `.svscan` in the scan directory.
    ///
    /// # Errors
    /// Those of open(2); EPERM for one that is another user's or open to others.
    pub fn open(scan_directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let descriptor = open(scan_directory, NAME, Purpose::DirectoryNoLink)?;
        let facts = file::facts_of(descriptor.as_fd())?;
        if facts.owner != file::our_user() || facts.mode & 0o022 != 0 {
            return Err(Errno::EPERM);
        }
        Ok(Self { descriptor })
    }
}
