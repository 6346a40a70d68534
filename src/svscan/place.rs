//! What svscan takes before its first look at the scan directory: the records in it with the lock and
//! the control FIFO, its turn after a foreign svscan, the message pipe, and its limit on open files.

use crate::error::{Exit, Program};
use crate::scandir::scan_lock::ScanLock;
use crate::scandir::scanner::STOP_SIGNAL;
use crate::scandir::word::Word;
use crate::scandir::{ScanRecords, mark, scan_control};
use crate::service::control::Listener;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file::{self, Kind};
use crate::sys::limit::OpenFiles;
use crate::sys::signal::{SIGINT, SIGTERM, Signals};
use crate::sys::{Errno, clock, poll, proc, process};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};

const SVSCAN: Program = Program::daemon("svscan");
/// More descriptors than any kernel of today allows by default (fs.nr_open).
const MANY_FILES: u64 = 1 << 20;
/// Between two looks for a foreign svscan.
const FOREIGN: Duration = Duration::from_secs(1);

/// Raises our own limit on open files as far as we may, for two descriptors a logged service;
/// the limit to give to children, if it is another one now.
#[must_use]
pub fn raise_limit() -> Option<OpenFiles> {
    let found = OpenFiles::read().ok()?;
    let many = found.hard.max(MANY_FILES);
    let raised = OpenFiles { soft: many, hard: many }
        .set()
        .or_else(|_| OpenFiles { soft: found.hard, hard: found.hard }.set());
    raised.ok().map(|()| found)
}

/// A read end of the pipe at our descriptor 2, if it is one.
#[must_use]
pub fn messages(_: &ScanLock) -> Option<OwnedFd> {
    let facts = file::facts_of(descriptor::standard(2)).ok()?;
    (facts.kind == Kind::Fifo)
        .then(|| proc::reopen(process::our_pid(), 2, Purpose::Read).ok())
        .flatten()
}

/// Waits while a foreign svscan (0.76's, which knows no lock) works in the scan directory, saying
/// so once. A request to stop in order ends us, by TERM or by svscanboot: what the other one
/// supervises is not ours to stop.
///
/// # Errors
/// The exit code to leave with, when we were asked to.
pub fn wait_for_foreign(
    name: Option<&[u8]>,
    signals: &Signals,
    records: Option<&ScanRecords>,
    control: Option<&Listener>,
) -> Result<(), Exit> {
    let Ok(here) = file::facts(HERE, b".") else { return Ok(()) };
    let us = process::our_pid();
    let mut has_warned = false;
    while let Some(pid) = proc::workers_in(&here, b"svscan").into_iter().find(|&pid| pid != us) {
        if !has_warned {
            has_warned = true;
            let pid = pid.to_string();
            let name = name.unwrap_or(b".");
            let text: &[&[u8]] = &[b"another svscan (pid ", pid.as_bytes(), b") scans ", name];
            SVSCAN.warning(&[text, &[b", waiting until it is gone"]].concat());
        }
        let until = clock::monotonic().saturating_add(FOREIGN);
        let mut watched = vec![poll::readable(signals.as_fd())];
        watched.extend(control.map(|control| poll::readable(control.as_fd())));
        let _ = poll::wait(&mut watched, Some(until));
        let (mut is_asked, mut is_wanted) = (false, false);
        while let Some(signal) = signals.next() {
            is_asked |= matches!(signal, SIGTERM | SIGINT | STOP_SIGNAL);
        }
        while let Some(byte) = control.and_then(Listener::next) {
            let word = Word::of(byte);
            is_asked |= matches!(word, Some(Word::Stop | Word::Hurry));
            // The last word counts.
            is_wanted = word == Some(Word::Wanted);
        }
        if is_asked {
            let marked = records.filter(|_| !is_wanted).map(mark::put);
            if let Some(Err(error)) = marked {
                SVSCAN.warning_because(&[b"unable to write .svscan/stopped"], error);
            }
            return Err(Exit::SUCCESS);
        }
    }
    Ok(())
}

/// The records, the control FIFO and the lock.
pub type Place = (Option<ScanRecords>, Option<Listener>, Option<ScanLock>);

/// Takes the scan directory for ourselves. Where no records can be made there is one warning, and
/// svscan goes on as 0.76, alone or not.
///
/// # Errors
/// The exit code to leave with, where another svscan holds the lock.
pub fn take_place(
    name: Option<&[u8]>,
    old_lock: Option<OwnedFd>,
    old_control: Option<OwnedFd>,
) -> Result<Place, Exit> {
    let (name, slash): (&[u8], &[u8]) = name.map_or((b"", b""), |name| (name, b"/"));
    let warn = |what: &[u8], error| {
        SVSCAN.warning_because(&[b"unable to ", what, name, slash, b".svscan"], error);
    };
    let records = match ScanRecords::open_or_make(HERE) {
        Ok(records) => records,
        Err(error) => {
            warn(b"open ", error);
            return Ok((None, None, None));
        }
    };
    let lock = match ScanLock::resume_or_acquire(&records, old_lock) {
        Ok(lock) => Some(lock),
        Err(Errno::EAGAIN) => {
            let text: &[&[u8]] = &[b"unable to acquire ", name, slash, b".svscan/lock"];
            return Err(SVSCAN.fatal_because(text, Errno::EAGAIN));
        }
        Err(error) => {
            warn(b"lock ", error);
            None
        }
    };
    mark::remove(&records);
    let control = scan_control::listen(&records, old_control);
    let control = control.map_err(|error| warn(b"listen in ", error)).ok();
    Ok((Some(records), control, lock))
}
