//! The journal of a service as other processes read it: svscan, a supervise that waits for the
//! lock, and svctl, which shows it. [`trust`](super::trust) decides whether to believe it.

use super::entries::JOURNAL;
use super::journal::{judged, open_file, origin};
use super::record::{Origin, ProcessIdentity, Record};
use super::records::Records;
use super::trust::{Doubt, Finding, Found, doubt, doubt_as_of};
use crate::sys::Errno;
use crate::sys::descriptor::HERE;
use crate::sys::entry::Access;
use crate::sys::file::{self, Facts};
use crate::sys::proc::{self, Process};
use crate::sys::process::Pid;
use std::os::fd::{AsFd, BorrowedFd};

/// The supervise that wrote the journal of a service directory, if it lives. 0.76's writes no
/// journal.
#[must_use]
pub fn recorded_supervise(directory: BorrowedFd<'_>) -> Option<ProcessIdentity> {
    let found = look(directory)?;
    let pid = found.record.supervise.pid;
    // A journal without our mark is believed only if the process is seen to be a supervise of this
    // directory.
    let is_supervise_of_it = || {
        let here = file::facts(directory, b".");
        proc::is_named(pid, b"supervise") && here.is_ok_and(|here| proc::works_in(pid, &here))
    };
    alive(found.record.supervise).filter(|_| found.doubt.is_none() || is_supervise_of_it())
}

/// Whether this supervise has a journal open, even if the journal's name was removed. 0.76's
/// supervise has none.
#[must_use]
pub fn keeps_journal(supervise: Pid) -> bool {
    proc::descriptor_opened_as(supervise, JOURNAL).is_some()
}

/// The process of the service in `directory`, by the journal of that service, if it lives.
#[must_use]
pub fn recorded_service(directory: BorrowedFd<'_>) -> Option<ProcessIdentity> {
    alive(look(directory)?.record.service?)
}

/// Whether the last supervise of the service in `directory` exited after `x`. `None` without a
/// journal to believe.
#[must_use]
pub fn has_left(directory: BorrowedFd<'_>) -> Option<bool> {
    recorded(directory).map(|record| record.left_cleanly)
}

/// What the journal of the service in `directory` says.
#[must_use]
pub fn recorded(directory: BorrowedFd<'_>) -> Option<Record> {
    look(directory).map(|found| found.record)
}

fn look(directory: BorrowedFd<'_>) -> Option<Found> {
    let records = Records::find(directory).ok()?;
    let (file, facts) = open_file(&records, Access::Read).ok()?;
    let doubt = doubt(&facts);
    if let Some(Doubt::Alien(_)) = doubt {
        return None;
    }
    match judged(file.as_fd(), &facts, &origin(directory).ok()?, doubt) {
        Ok(Finding::Found(found)) => Some(found),
        _ => None,
    }
}

/// Reads the journals of many services, to show what they say. It asks the kernel only once which
/// boot this is.
#[derive(Clone, Copy, Debug)]
pub struct Onlooker {
    /// The boot is the present one; the directory is set for each service.
    here: Origin,
}

impl Onlooker {
    /// An onlooker of this boot.
    ///
    /// # Errors
    /// Those of stat(2).
    pub fn new() -> Result<Self, Errno> {
        Ok(Self { here: origin(HERE)? })
    }

    /// What the journal of the service with these records says. It is believed as [`doubt`]
    /// decides, except that any user may own it: the record is only shown, and nothing is signalled
    /// because of it.
    ///
    /// # Errors
    /// ENOENT where there is none, EACCES where we may not read it; those of openat(2).
    pub fn read(&self, records: &Records) -> Result<Finding, Errno> {
        let (file, facts) = open_file(records, Access::Read)?;
        if let Some(Doubt::Alien(reason)) = doubt_as_of(&facts, facts.owner) {
            return Ok(Finding::Ignored(reason));
        }
        let Facts { device, inode, .. } = records.service()?;
        judged(file.as_fd(), &facts, &Origin { device, inode, ..self.here }, None)
    }
}

fn alive(identity: ProcessIdentity) -> Option<ProcessIdentity> {
    let found = Process::read(identity.pid).ok()?;
    (found.start == identity.start && found.is_alive()).then_some(identity)
}
