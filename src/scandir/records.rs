//! Opens `.svscan` in a scan directory, and makes it if need be. Where it cannot be made, root
//! keeps the same files in another place ([`run_records`]).
//!
//! [`run_records`]: super::run_records

use super::run_records::{is_in_use, open_place};
use crate::service::lock;
use crate::sys::descriptor::{Purpose, open};
use crate::sys::entry::{self, Access, Shape};
use crate::sys::{Errno, directory, file};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NAME: &[u8] = b".svscan";
/// How long to wait for a lock: a child that a killed svscan had just forked holds it until it
/// executes its program.
const GRACE: Duration = Duration::from_millis(100);

/// The open `.svscan` directory of a scan directory, or the directory in its place.
#[derive(Debug)]
pub struct ScanRecords {
    descriptor: OwnedFd,
    is_elsewhere: bool,
}

impl AsFd for ScanRecords {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl ScanRecords {
    /// Opens the records of the scan directory, and makes them if they are not there.
    ///
    /// # Errors
    /// Those of mkdir(2) and open(2); EPERM for a `.svscan` that is another user's or open to
    /// others. Root uses the other place instead where `.svscan` cannot be made.
    pub fn open_or_make(scan_directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        Self::find(scan_directory, true)
    }

    /// Opens the records of the scan directory.
    ///
    /// # Errors
    /// Those of open(2); EPERM for one that is another user's or open to others.
    pub fn open(scan_directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        Self::find(scan_directory, false)
    }

    /// If an svscan or svscanboot works with the records in the other place, uses those; otherwise
    /// prefers `.svscan`.
    fn find(scan_directory: BorrowedFd<'_>, makes: bool) -> Result<Self, Errno> {
        let elsewhere = |descriptor: OwnedFd| Self { descriptor, is_elsewhere: true };
        match open_place(scan_directory, false) {
            Ok(place) if is_in_use(place.as_fd()) => return Ok(elsewhere(place)),
            _ => {}
        }
        let error = match Self::in_scan_directory(scan_directory, makes) {
            Ok(records) if records.are_writable() || is_in_use(records.as_fd()) => {
                return Ok(records);
            }
            Ok(_) => Errno::EROFS,
            Err(error) => error,
        };
        let is_refused = matches!(
            error,
            Errno::EROFS | Errno::EACCES | Errno::EPERM | Errno::ENOSPC | Errno::EDQUOT
        );
        if !is_refused && (makes || error != Errno::ENOENT) {
            return Err(error);
        }
        open_place(scan_directory, makes).map(elsewhere).map_err(|_| error)
    }

    fn in_scan_directory(scan_directory: BorrowedFd<'_>, makes: bool) -> Result<Self, Errno> {
        if makes {
            match directory::make(scan_directory, NAME, 0o700) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        let descriptor = open(scan_directory, NAME, Purpose::DirectoryNoLink)?;
        let facts = file::facts_of(descriptor.as_fd())?;
        if facts.owner != file::our_user() || facts.mode & 0o022 != 0 {
            return Err(Errno::EPERM);
        }
        Ok(Self { descriptor, is_elsewhere: false })
    }

    /// Whether these are still the records of this scan directory: an admin may have removed them,
    /// or the directory, and made it again.
    #[must_use]
    pub fn are_of(&self, scan_directory: BorrowedFd<'_>) -> bool {
        let found = if self.is_elsewhere {
            open_place(scan_directory, false).and_then(|place| file::facts_of(place.as_fd()))
        } else {
            file::facts_no_link(scan_directory, NAME)
        };
        found.is_ok_and(|found| file::same(self.as_fd(), &found).is_ok())
    }

    /// Whether we can write here.
    #[must_use]
    pub fn are_writable(&self) -> bool {
        file::may_write(self.as_fd())
    }

    /// Takes the lock on the file `name`, which is made if it is not there. On a file system that
    /// has since become read-only, it is opened to read: that is enough for a lock.
    ///
    /// # Errors
    /// EAGAIN when another process holds it; those of openat(2).
    pub(super) fn take_lock(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        match lock::take_name(self.as_fd(), name, || GRACE) {
            Err(Errno::EROFS) => {
                let file = entry::open(self.as_fd(), name, Access::Read, Shape::File)?;
                lock::take(file.as_fd(), || GRACE).map(|()| file)
            }
            other => other,
        }
    }

    /// Opens the record `name` to read it.
    ///
    /// # Errors
    /// ENOENT when there is none; those of openat(2).
    pub(super) fn read(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        entry::open(self.as_fd(), name, Access::Read, Shape::File)
    }

    /// Makes the record `name` anew.
    ///
    /// # Errors
    /// Those of openat(2).
    pub(super) fn make(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        entry::make(self.as_fd(), name, 0o600)
    }
}
