//! The forked child that becomes a supervise.

use super::SVSCAN;
use super::entry::{Entry, LogPipe};
use super::plan::Role;
use crate::error::Exit;
use crate::exec;
use crate::service::MESSAGES_NUMBER;
use crate::sys::descriptor;
use crate::sys::limit::OpenFiles;
use crate::sys::process::{self, Environment, Pid, Side};
use crate::sys::{Errno, directory, signal};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

/// The conditions in which every supervise is started.
#[derive(Debug)]
pub struct Conditions {
    /// The limit on open files with which svscan was started, if it has changed its own.
    pub limit: Option<OpenFiles>,
    /// Whether each supervise gets a process group of its own, so that a Ctrl-C at the terminal
    /// does not reach it.
    pub own_group: bool,
    /// A read end of the message pipe, for each supervise to keep open.
    pub messages: Option<OwnedFd>,
}

/// Forks the supervise of `role`.
///
/// # Errors
/// Those of fork(2).
pub fn spawn(entry: &Entry, role: Role, given: &Conditions) -> Result<Pid, Errno> {
    // vfork(2) would be faster on an idle machine, but on a busy one svscan would wait until each
    // child gets the processor.
    match process::fork()? {
        Side::Child => process::leave(become_supervise(entry, role, given).number()),
        Side::Parent(pid) => Ok(pid),
    }
}

/// What the child does: undoes what svscan changed for itself, puts its end of the log pipe in its
/// place, and executes supervise. Returns only if one of these failed.
fn become_supervise(entry: &Entry, role: Role, given: &Conditions) -> Exit {
    // supervise gets the dispositions with which svscan was started, as in 0.76, and the defaults
    // of the signals that svscan listens for. It resets all of them for the service.
    signal::ready_for_exec();
    let failed = |what: &[u8], error: Errno| {
        SVSCAN.warning_because(&[b"unable to ", what, &entry.name, role.suffix()], error);
        Exit::SYSTEM
    };
    if given.own_group {
        // A fresh child leads no session: this cannot fail.
        let _ = process::new_group();
    }
    if let Some(limit) = given.limit {
        // The limit is only lowered: this cannot fail either.
        let _ = limit.set();
    }
    let end = match (&entry.pipe, role) {
        (Some(LogPipe { write: Some(write), .. }), Role::Main) => Some((write.as_fd(), 1)),
        (Some(LogPipe { read, .. }), Role::Log) => Some((read.as_fd(), 0)),
        _ => None,
    };
    if let Some((end, number)) = end {
        if let Err(error) = descriptor::place_at(end, number) {
            return failed(b"set up descriptors for ", error);
        }
    }
    // After the pipe's end, which may itself have this number: the copy replaces what has it.
    if let Some(messages) = &given.messages {
        // Without it supervise lacks only this read end.
        let _ = descriptor::place_at(messages.as_fd(), MESSAGES_NUMBER);
    }
    if role == Role::Log {
        if let Err(error) = directory::change(&entry.name) {
            SVSCAN.warning_because(&[b"unable to switch to ", &entry.name], error);
            return Exit::SYSTEM;
        }
    }
    let name = match role {
        Role::Main => CString::new(entry.name.as_slice()).unwrap_or_default(),
        Role::Log => c"log".to_owned(),
    };
    let supervise = c"supervise";
    let words = [supervise, name.as_c_str()];
    let path = exec::given_path();
    let error = exec::run_beside(path, supervise, &words, &Environment::Inherited);
    failed(b"start supervise ", error)
}
