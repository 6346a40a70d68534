//! `supervise/lock`: one supervise per service directory.

use super::journal::recorded_supervise;
use super::records::Records;
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{Facts, Kind};
use crate::sys::{Errno, clock, file, lock, poll};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A child that a killed supervise had just forked holds the lock until its exec: worth a wait, the
/// longer if the supervise that wrote the journal is gone.
const GRACE: Duration = Duration::from_millis(100);
const LONG_GRACE: Duration = Duration::from_secs(1);

/// Goes on with the lock that an image before us handed over, or takes it.
///
/// # Errors
/// As [`acquire`].
pub fn resume_or_acquire(records: &Records, old: Option<OwnedFd>) -> Result<OwnedFd, Errno> {
    let facts = file::facts_no_link(records.as_fd(), b"lock");
    let is_it = |old: &OwnedFd| facts.is_ok_and(|facts| file::same(old.as_fd(), &facts).is_ok());
    match old.filter(is_it) {
        // It is held already; taking it again makes sure of that.
        Some(old) => lock::take(old.as_fd()).map(|()| old),
        None => acquire(records),
    }
}

/// Whether a supervise holds the lock of the service in `directory`, looked at from outside. The
/// lock is had for a moment if nobody does: a supervise that starts just then waits that long.
#[must_use]
pub fn is_held(directory: BorrowedFd<'_>) -> bool {
    match open(directory, b"supervise/lock", Purpose::WriteNoLink) {
        Ok(file) => lock::take(file.as_fd()) == Err(Errno::EAGAIN),
        // It cannot be told: what the presence says must do.
        Err(Errno::ENOENT | Errno::ENOTDIR) => false,
        Err(_) => true,
    }
}

/// Takes the lock, and holds it as long as the descriptor is open.
///
/// # Errors
/// EAGAIN when another supervise holds it; those of openat(2).
pub fn acquire(records: &Records) -> Result<OwnedFd, Errno> {
    let is_file = |facts: &Facts| {
        if facts.kind == Kind::Regular { Ok(()) } else { Shape::File.fits(facts) }
    };
    let (file, _) = entry::open_if(records.as_fd(), b"lock", Access::Append, is_file)?;
    let begun = clock::monotonic();
    let mut until = begun;
    loop {
        match lock::take(file.as_fd()) {
            Err(Errno::EAGAIN) if until == begun => {
                let has_holder = recorded_supervise(HERE).is_some();
                until = begun.saturating_add(if has_holder { GRACE } else { LONG_GRACE });
            }
            Err(Errno::EAGAIN) if clock::monotonic() < until => {
                poll::pause(Duration::from_millis(5));
            }
            other => return other.map(|()| file),
        }
    }
}
