//! `supervise/ok`: the FIFO whose open read end says that a supervise runs here.

use super::control;
use super::entries::OK;
use super::records::Records;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::process::Pid;
use crate::sys::{Errno, file};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Announces that a supervise runs here, for as long as the descriptor is open.
///
/// # Errors
/// Those of openat(2); EEXIST if something other than a FIFO has the name.
pub fn announce(records: &Records) -> Result<OwnedFd, Errno> {
    control::fifo(records.as_fd(), OK)
}

/// Goes on with the presence that the image before us handed over, or announces a new one.
///
/// # Errors
/// As [`announce`].
pub fn resume_or_announce(records: &Records, old: Option<OwnedFd>) -> Result<OwnedFd, Errno> {
    let facts = file::facts_no_link(records.as_fd(), OK);
    let is_it = |old: &OwnedFd| facts.is_ok_and(|facts| file::same(old.as_fd(), &facts).is_ok());
    old.filter(is_it).map_or_else(|| announce(records), Ok)
}

/// Whether the presence that we hold open is still there under its name.
#[must_use]
pub fn is_in(records: &Records, held: BorrowedFd<'_>) -> bool {
    file::facts_no_link(records.as_fd(), OK).is_ok_and(|facts| file::same(held, &facts).is_ok())
}

/// Looks for a supervise of the service with these records: a descriptor whose poll shows an error
/// as soon as that supervise is gone.
///
/// # Errors
/// ENXIO if no supervise runs, ENOENT if none ever did; ELOOP for a link, EMLINK for a FIFO with a
/// second name, EINVAL for anything else that is no FIFO; those of openat(2).
pub fn look(records: &Records) -> Result<OwnedFd, Errno> {
    control::open_to_send(records, OK)
}

/// As [`look`], but a regular file of that name counts too.
///
/// # Errors
/// As [`look`].
pub fn look_as_0_76(records: &Records) -> Result<OwnedFd, Errno> {
    match look(records) {
        Err(Errno::EINVAL) => entry::open(records.as_fd(), OK, Access::Write, Shape::File),
        other => other,
    }
}

/// As [`look`], through the descriptor of supervise `pid` in /proc: for a service whose directory
/// was removed while it ran.
///
/// # Errors
/// ENXIO if it has no presence open; those of open(2).
pub fn look_through(pid: Pid) -> Result<OwnedFd, Errno> {
    control::through(pid, OK)
}
