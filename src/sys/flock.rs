//! flock(2): a lock that belongs to an open file, kept until every copy of it is closed.

use super::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Takes the exclusive lock on `file` without waiting.
///
/// # Errors
/// EWOULDBLOCK when another open file holds it; those of flock(2).
pub fn take(file: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: flock takes no pointer; a borrowed descriptor is open for the call.
    let done = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    Errno::result(done).map(drop)
}

/// Takes the exclusive lock on `file`, waiting until it is free.
///
/// # Errors
/// Those of flock(2), EINTR excepted.
pub fn wait_for(file: BorrowedFd<'_>) -> Result<(), Errno> {
    loop {
        // SAFETY: as above.
        let done = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) };
        match Errno::result(done) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop),
        }
    }
}

/// Gives the lock on `file` back, for every copy of the open file.
pub fn release(file: BorrowedFd<'_>) {
    // SAFETY: as above.
    let _ = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
}
