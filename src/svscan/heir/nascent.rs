//! Supervises that an svscan before us forked and that do not hold their service yet: between fork
//! and exec, or before they have announced their presence. They have the log pipe already, or get
//! it, but nothing shows yet which service they are for. A successor that did not wait for them
//! would make another pipe, and another supervise.

use crate::scandir::pipe_records::PipeRecords;
use crate::service::presence;
use crate::sys::descriptor::HERE;
use crate::sys::file::{self, Facts};
use crate::sys::proc::{self, Worker};
use crate::sys::process::{self, Pid};
use crate::sys::{Errno, clock};
use core::time::Duration;
use std::os::fd::BorrowedFd;

/// svscan does not wait for a process that is older than this: a supervise needs less time to
/// begin.
const YOUNG: Duration = Duration::from_secs(10);
/// How long svscan waits for them at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until there is no such supervise any more, or for five seconds. `records` say what an
/// svscan before us held; `lock` is the scan directory's.
pub fn wait_for(records: &PipeRecords, lock: Option<BorrowedFd<'_>>) {
    if records.services().next().is_none() {
        return;
    }
    let Ok(here) = file::facts(HERE, b".") else { return };
    let lock = lock.and_then(|lock| file::facts_of(lock).ok());
    let until = clock::monotonic().saturating_add(PATIENCE);
    // Each keeps its pid when it executes supervise. No further ones are forked: the svscan before
    // us is gone.
    for pid in proc::processes_since(YOUNG, &[b"svscan", b"supervise"]) {
        while is_nascent(pid, &here, lock.as_ref(), records) && clock::monotonic() < until {
            clock::rest(LOOK);
        }
    }
}

fn is_nascent(pid: Pid, here: &Facts, lock: Option<&Facts>, records: &PipeRecords) -> bool {
    if pid == process::our_pid() {
        return false;
    }
    if proc::is_named(pid, b"svscan") {
        // A fork of an svscan has its descriptors until it executes supervise.
        return lock.is_some_and(|lock| proc::has_open(pid, lock));
    }
    let is_known = |facts: &Facts| records.knows((facts.device, facts.inode));
    let is_ours = |worker: Worker| {
        let directory = &worker.directory;
        (directory.device, directory.inode) == (here.device, here.inode)
            || is_known(directory)
            || worker.around.is_some_and(|around| is_known(&around))
    };
    proc::is_named(pid, b"supervise")
        && Worker::of(pid).is_some_and(is_ours)
        && matches!(presence::look_through(pid), Err(Errno::ENXIO))
}
