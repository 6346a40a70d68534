//! The log pipes: made once for each entry, and found again by a successor through the processes
//! that have them open.
//!
//! A pipe is taken over only if it is the recorded one of the service. Without a record (0.76's
//! svscan was here) it must be at descriptor 1 of the main supervise or its service, and at
//! descriptor 0 of the logger's supervise or the logger. The pipe at a supervise's descriptor 2 is
//! never taken: it leads to readproctitle.

use super::finder::Finder;
use crate::scandir::pipe_records::PipeRecords;
use crate::service::onlooker::recorded_service;
use crate::service::records::Records;
use crate::service::status;
use crate::svscan::entry::LogPipe;
use crate::svscan::plan::Key;
use crate::sys::descriptor::{self, Purpose};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::limit::leaves_reserve;
use crate::sys::process::Pid;
use crate::sys::{Errno, proc};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The pipe for a service with a logger: the one that was found, or a new one. It is recorded
/// before any process uses it.
///
/// # Errors
/// Those of pipe2(2); EMFILE also if only the reserve is left.
pub fn keep(
    records: &mut PipeRecords,
    service: Key,
    found: Option<(OwnedFd, OwnedFd)>,
) -> Result<LogPipe, Errno> {
    let (read, write) = found.map_or_else(descriptor::pipe, Ok)?;
    if !leaves_reserve(read.as_fd()) || !leaves_reserve(write.as_fd()) {
        return Err(Errno::EMFILE);
    }
    file::let_all_write(write.as_fd());
    let inode = file::facts_of(read.as_fd())?.inode;
    // If the record cannot be written, only a successor lacks it.
    let _ = records.put(service, inode);
    Ok(LogPipe { read, write: Some(write) })
}

/// Both ends of the pipe between the service in directory `main` and its logger in `log`. They are
/// opened through the first of four processes that has the pipe open: these two and their
/// supervises.
#[must_use]
pub fn find(
    recorded: Option<u64>,
    main: BorrowedFd<'_>,
    log: BorrowedFd<'_>,
    running: &Finder,
) -> Option<(OwnedFd, OwnedFd)> {
    let (main_supervise, log_supervise) = (running.supervise_of(main), running.supervise_of(log));
    let is_pipe = |facts: &Facts| facts.kind == Kind::Fifo;
    let at = |pid: Option<Pid>, number| {
        proc::descriptor_facts(pid?, number).ok().filter(is_pipe).map(|facts| facts.inode)
    };
    let (main_service, log_service) = (service_of(main), service_of(log));
    let leads_elsewhere = |inode| {
        at(main_supervise, 2) == Some(inode)
            || file::facts_of(descriptor::standard(2)).is_ok_and(|own| own.inode == inode)
    };
    let wanted = match recorded {
        Some(inode) => inode,
        None => {
            let inode = at(main_supervise, 1).or_else(|| at(main_service, 1))?;
            let is_read = [log_supervise, log_service].iter().any(|&pid| at(pid, 0) == Some(inode));
            if leads_elsewhere(inode) || !is_read {
                return None;
            }
            inode
        }
    };
    let candidates = [(main_supervise, 1), (log_supervise, 0), (main_service, 1), (log_service, 0)];
    candidates.into_iter().find_map(|(pid, number)| {
        let pid = pid.filter(|_| at(pid, number) == Some(wanted))?;
        let ends = |purpose| {
            let end = proc::reopen(pid, number, purpose).ok()?;
            // Check again what was opened: the process may have closed or replaced the descriptor.
            let is_it = |facts: Facts| is_pipe(&facts) && facts.inode == wanted;
            file::facts_of(end.as_fd()).is_ok_and(is_it).then_some(end)
        };
        Some((ends(Purpose::Read)?, ends(Purpose::Write)?))
    })
}

/// The running service of a directory, by its journal. Without a journal (0.76), by its status, if
/// that process works there.
fn service_of(directory: BorrowedFd<'_>) -> Option<Pid> {
    if let Some(found) = recorded_service(directory) {
        return Some(found.pid);
    }
    let records = Records::find(directory).ok()?;
    let status = status::left_behind(&records).filter(|status| status.pid != 0)?;
    let here = file::facts_of(directory).ok()?;
    proc::works_in(status.pid, &here).then_some(status.pid)
}
