//! `supervise/lock`: one supervise per service directory.

use super::entries::LOCK;
use super::onlooker::recorded_supervise;
use super::records::Records;
use crate::sys::descriptor::HERE;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::{Errno, clock, directory, flock, poll};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How long to wait for the lock. A child that a killed supervise had just forked holds the lock
/// until it executes `./run`.
const GRACE: Duration = Duration::from_millis(100);
/// The same, if the supervise that wrote the journal is gone: then it is such a child, most likely,
/// that holds the lock.
const LONG_GRACE: Duration = Duration::from_secs(1);
/// How often to try again when other processes replace the lock file at the same time.
const TRIES: u8 = 8;

/// Goes on with the lock that the image before us handed over, or takes it. If something that
/// cannot be locked has its name now, we keep the old lock.
///
/// # Errors
/// As [`acquire`].
pub fn resume_or_acquire(records: &Records, old: Option<OwnedFd>) -> Result<OwnedFd, Errno> {
    let facts = facts(records);
    let is_it = |old: &OwnedFd| facts.is_ok_and(|facts| file::same(old.as_fd(), &facts).is_ok());
    match old {
        // We hold it already; taking it again makes sure.
        Some(old) if is_it(&old) => flock::take(old.as_fd()).map(|()| old),
        old => {
            acquire(records).or_else(|error| old.filter(|_| error != Errno::EAGAIN).ok_or(error))
        }
    }
}

/// What has the lock's name. A link is not followed.
///
/// # Errors
/// Those of fstatat(2).
pub fn facts(records: &Records) -> Result<Facts, Errno> {
    file::facts_no_link(records.as_fd(), LOCK)
}

/// Whether the lock that we hold still has its name.
#[must_use]
pub fn is_in(records: &Records, held: BorrowedFd<'_>) -> bool {
    facts(records).is_ok_and(|facts| file::same(held, &facts).is_ok())
}

/// Whether a supervise holds the lock of the service with these records. If none does, this call
/// holds the lock for a moment, and a supervise that starts just then waits for it.
#[must_use]
pub fn is_held(records: &Records) -> bool {
    match is_name_held(records.as_fd(), LOCK) {
        // If we could not find out, the answer is yes: the callers look at the FIFO `ok` too.
        Err(error) => error != Errno::ENOENT,
        Ok(is_held) => is_held,
    }
}

/// Whether a process holds the lock on file `name` of `directory`, even if the file has other
/// names.
///
/// # Errors
/// ENOENT where there is no such file; those of openat(2).
pub fn is_name_held(directory: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
    let (file, _) = entry::open_if(directory, name, Access::Read, is_regular)?;
    Ok(flock::take(file.as_fd()) == Err(Errno::EAGAIN))
}

/// Takes the lock. It is held as long as the descriptor is open.
///
/// # Errors
/// As [`take_name`].
pub fn acquire(records: &Records) -> Result<OwnedFd, Errno> {
    take_name(records.as_fd(), LOCK, || {
        if recorded_supervise(HERE).is_some() { GRACE } else { LONG_GRACE }
    })
}

/// Takes the lock on file `name` of `directory`. If another process holds it, waits as long as
/// `grace` says. The lock is taken before the file is judged: a running daemon may hold exactly
/// this file even though it is another user's or has a second name (after a `chown -R` or a `cp
/// -al`). If it is free, and is not ours or has a second name, other programs may lock it too: then
/// it is replaced by a new file.
///
/// # Errors
/// EAGAIN when another process holds it; ELOOP, EISDIR or EINVAL for what is no regular file; those
/// of openat(2) and unlinkat(2).
pub fn take_name(
    directory: BorrowedFd<'_>,
    name: &[u8],
    grace: impl Fn() -> Duration,
) -> Result<OwnedFd, Errno> {
    // The old file stays locked until the new one is locked: another process that does the same at
    // this moment waits, or finds the new file.
    let mut replaced = None;
    for _ in 0..TRIES {
        let (file, _) = entry::open_if(directory, name, Access::Append, is_regular)?;
        take(file.as_fd(), &grace)?;
        let facts = file::facts_of(file.as_fd())?;
        let is_there = match file::facts_no_link(directory, name) {
            Ok(there) => (there.device, there.inode) == (facts.device, facts.inode),
            Err(Errno::ENOENT) => false,
            Err(error) => return Err(error),
        };
        if is_there && facts.owner == file::our_user() && facts.links == 1 {
            return Ok(file);
        }
        if is_there {
            directory::remove(directory, name)?;
            replaced = Some(file);
        }
    }
    drop(replaced);
    Err(Errno::EAGAIN)
}

fn is_regular(facts: &Facts) -> Result<(), Errno> {
    if facts.kind == Kind::Regular { Ok(()) } else { Shape::File.fits(facts) }
}

/// Takes the lock on an open file, waiting as [`take_name`] does.
///
/// # Errors
/// EAGAIN when another open file holds it; those of flock(2).
pub fn take(file: BorrowedFd<'_>, grace: impl Fn() -> Duration) -> Result<(), Errno> {
    let begun = clock::monotonic();
    let mut until = begun;
    loop {
        match flock::take(file) {
            Err(Errno::EAGAIN) if until == begun => until = begun.saturating_add(grace()),
            Err(Errno::EAGAIN) if clock::monotonic() < until => {
                poll::pause(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}
