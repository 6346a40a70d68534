//! `supervise/ok`: the FIFO whose open read end says that a supervise runs here.

use super::records::Records;
use crate::sys::descriptor::{Purpose, open};
use crate::sys::process::Pid;
use crate::sys::{Errno, file};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Says that a supervise runs here for as long as the descriptor is open.
///
/// # Errors
/// Those of openat(2); EEXIST for something in its place that is no FIFO.
pub fn announce(records: &Records) -> Result<OwnedFd, Errno> {
    super::control::fifo(records.as_fd(), b"ok")
}

/// Goes on with the presence that an image before us handed over, or announces ours.
///
/// # Errors
/// As [`announce`].
pub fn resume_or_announce(records: &Records, old: Option<OwnedFd>) -> Result<OwnedFd, Errno> {
    let facts = file::facts_no_link(records.as_fd(), b"ok");
    let is_it = |old: &OwnedFd| facts.is_ok_and(|facts| file::same(old.as_fd(), &facts).is_ok());
    old.filter(is_it).map_or_else(|| announce(records), Ok)
}

/// Looks for a supervise of the service in `directory`: a descriptor whose poll shows an error
/// as soon as that supervise is gone. A regular file of that name counts, as in 0.76.
///
/// # Errors
/// ENXIO when nobody listens and ENOENT when nobody ever did; those of openat(2).
pub fn look(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    look_below(directory, b".")
}

/// As [`look`], through the descriptor of supervise `pid` itself: for a service whose directory was
/// removed under it.
///
/// # Errors
/// ENXIO when it announces nothing; those of open(2).
pub fn look_through(pid: Pid) -> Result<OwnedFd, Errno> {
    super::control::through(pid, b"ok")
}

/// As [`look`], for the service in `name` below `directory`.
///
/// # Errors
/// As [`look`].
pub fn look_below(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    open(directory, &[name, b"/supervise/ok"].concat(), Purpose::Write)
}
