//! The supervises of a scan directory, found by the names in it. The stop clients use them to print
//! what they wait for, and to stop services that no svscan stops.

use crate::service::control::connect;
use crate::service::presence;
use crate::service::records::Records;
use crate::sys::descriptor::{Purpose, open};
use crate::sys::{Errno, clock, directory, poll};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A service or logger whose supervise runs.
#[derive(Debug)]
pub struct Supervised {
    /// Its directory, relative to the scan directory.
    pub name: Vec<u8>,
    presence: OwnedFd,
}

/// Which supervises of a scan directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// The services.
    Services,
    /// Their loggers.
    Loggers,
}

/// The services or loggers of `scan_directory` whose supervise runs, in the order of their names.
#[must_use]
pub fn supervised(scan_directory: BorrowedFd<'_>, kinds: Kinds) -> Vec<Supervised> {
    let mut names = directory::names_in(scan_directory).unwrap_or_default();
    names.retain(|name| name.first() != Some(&b'.'));
    names.sort_unstable();
    let end: &[u8] = if kinds == Kinds::Loggers { b"/log" } else { b"" };
    let look = |name: Vec<u8>| {
        let name = [&name, end].concat();
        let presence = presence::look(&records(scan_directory, &name).ok()?).ok()?;
        Some(Supervised { name, presence })
    };
    names.into_iter().filter_map(look).collect()
}

fn records(scan_directory: BorrowedFd<'_>, name: &[u8]) -> Result<Records, Errno> {
    let service = open(scan_directory, name, Purpose::Directory)?;
    Records::find(service.as_fd())
}

/// Takes these services or loggers down, as `svc -dx` does, and waits at most `patience` in all for
/// their supervises to exit.
pub fn take_down(scan_directory: BorrowedFd<'_>, kinds: Kinds, patience: Duration) {
    let all = supervised(scan_directory, kinds);
    for one in &all {
        let sender = records(scan_directory, &one.name).and_then(|records| connect(&records));
        // A supervise that cannot be asked is waited for with the others.
        let _ = sender.and_then(|sender| sender.offer(b"dx"));
    }
    let until = clock::monotonic().saturating_add(patience);
    for one in &all {
        // If this fails, the caller finds that the supervise still runs.
        let _ = poll::wait(&mut [poll::broken(one.presence.as_fd())], Some(until));
    }
}
