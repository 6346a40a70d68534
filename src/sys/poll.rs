//! poll(2) until a moment of the monotonic clock.

use super::{Errno, clock};
use core::time::Duration;
use nix::poll::PollTimeout;
pub use nix::poll::{PollFd, PollFlags};
use std::os::fd::BorrowedFd;

/// A descriptor to watch for reading.
#[must_use]
pub fn readable(descriptor: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::new(descriptor, PollFlags::POLLIN)
}

/// A descriptor to watch for room to write.
#[must_use]
pub fn writable(descriptor: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::new(descriptor, PollFlags::POLLOUT)
}

/// A descriptor to watch for an error condition only: a FIFO that lost its last reader.
#[must_use]
pub fn broken(descriptor: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::new(descriptor, PollFlags::empty())
}

/// Whether the last wait found anything on `watched`.
#[must_use]
pub fn found(watched: &PollFd<'_>) -> bool {
    watched.any().unwrap_or(true)
}

/// Waits until one of `watched` is ready or the monotonic clock reaches `until`; for ever with
/// neither. A signal may end the wait early: callers look again.
///
/// # Errors
/// Those of poll(2), EINTR excepted.
pub fn wait(watched: &mut [PollFd<'_>], until: Option<Duration>) -> Result<(), Errno> {
    let timeout = until.map_or(PollTimeout::NONE, |until| {
        // Rounded up, so that we never wake before the time.
        let left = until.saturating_sub(clock::monotonic());
        let milliseconds = left.as_micros().div_ceil(1000);
        PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
    });
    match nix::poll::poll(watched, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether this descriptor is ready now. If poll(2) fails, it counts as not ready.
#[must_use]
pub fn is_ready(watched: PollFd<'_>) -> bool {
    let mut watched = [watched];
    wait(&mut watched, Some(Duration::ZERO)).is_ok() && watched.iter().any(found)
}

/// Waits without watching anything.
pub fn pause(length: Duration) {
    let until = clock::monotonic().saturating_add(length);
    while clock::monotonic() < until {
        // poll(2) of nothing cannot lack memory: it does not fail.
        let _ = wait(&mut [], Some(until));
    }
}
