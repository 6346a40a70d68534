//! The supervises of a scan directory, as its names show them: for the stop clients, which say what
//! they wait for, and at an erase end what no svscan ends any more.

use crate::service::{control, presence};
use crate::sys::file::{self, Kind};
use crate::sys::{clock, directory, poll};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A service or logger whose supervise runs.
#[derive(Debug)]
pub struct Supervised {
    /// Its directory, from the scan directory.
    pub name: Vec<u8>,
    presence: OwnedFd,
}

/// Which of the two a name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// The services.
    Services,
    /// Their loggers.
    Loggers,
}

/// Those of `scan_directory` whose supervise runs, in the order of their names.
#[must_use]
pub fn supervised(scan_directory: BorrowedFd<'_>, kinds: Kinds) -> Vec<Supervised> {
    let mut names = directory::names_in(scan_directory).unwrap_or_default();
    names.retain(|name| name.first() != Some(&b'.'));
    names.sort_unstable();
    let end: &[u8] = if kinds == Kinds::Loggers { b"/log" } else { b"" };
    let look = |name: Vec<u8>| {
        let name = [&name, end].concat();
        let presence = presence::look_below(scan_directory, &name).ok()?;
        let is_fifo = file::facts_of(presence.as_fd()).ok()?.kind == Kind::Fifo;
        is_fifo.then_some(Supervised { name, presence })
    };
    names.into_iter().filter_map(look).collect()
}

/// Takes them down for good, as `svc -dx` does, and waits at most `patience` for their supervises
/// to go.
pub fn take_down(scan_directory: BorrowedFd<'_>, kinds: Kinds, patience: Duration) {
    let all = supervised(scan_directory, kinds);
    for one in &all {
        let control = [&one.name, &b"/supervise/control"[..]].concat();
        if let Ok(sender) = control::connect_at(scan_directory, &control) {
            let _ = sender.offer(b"dx");
        }
    }
    let until = clock::monotonic().saturating_add(patience);
    for one in &all {
        let _ = poll::wait(&mut [poll::broken(one.presence.as_fd())], Some(until));
    }
}
