//! `supervise/ok`: the FIFO whose open read end says that a supervise runs here.

use super::records::Records;
use crate::sys::Errno;
use crate::sys::descriptor::{Purpose, open};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Says that a supervise runs here for as long as the descriptor is open.
///
/// # Errors
/// Those of openat(2); EEXIST for something in its place that is no FIFO.
pub fn announce(records: &Records) -> Result<OwnedFd, Errno> {
    super::control::fifo(records.as_fd(), b"ok")
}

/// Looks for a supervise of the service in `directory`: a descriptor whose poll shows an error
/// as soon as that supervise is gone. A regular file of that name counts, as in 0.76.
///
/// # Errors
/// ENXIO when nobody listens and ENOENT when nobody ever did; those of openat(2).
pub fn look(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    open(directory, b"supervise/ok", Purpose::Write)
}
