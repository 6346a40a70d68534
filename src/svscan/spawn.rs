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

/// What every supervise is started with.
#[derive(Debug)]
pub struct Conditions {
    /// The limit on open files that svscan itself was started with, if it has another one now.
    pub limit: Option<OpenFiles>,
    /// Whether each gets a process group of its own, out of reach of the terminal's Ctrl-C.
    pub own_group: bool,
    /// A read end of the message pipe, for each supervise to hold.
    pub messages: Option<OwnedFd>,
}

/// Forks the supervise of `role`.
///
/// # Errors
/// Those of fork(2).
pub fn spawn(entry: &Entry, role: Role, given: &Conditions) -> Result<Pid, Errno> {
    // Not by vfork(2): that is quicker on an idle machine, but on a busy one svscan would wait for
    // each child's turn.
    match process::fork()? {
        Side::Child => process::leave(become_supervise(entry, role, given).number()),
        Side::Parent(pid) => Ok(pid),
    }
}

/// In the child: everything as svscan got it, the pipe's end in its place, and the exec.
fn become_supervise(entry: &Entry, role: Role, given: &Conditions) -> Exit {
    // supervise gets what svscan was given, as 0.76's does; it resets the rest for the service.
    signal::as_given();
    let told = |what: &[u8], error: Errno| {
        SVSCAN.warning_because(&[b"unable to ", what, &entry.name, role.suffix()], error);
        Exit::SYSTEM
    };
    if given.own_group {
        // A fresh child leads no session: this cannot fail.
        let _ = process::new_group();
    }
    if let Some(limit) = given.limit {
        // Only ever lowered: this cannot fail either.
        let _ = limit.set();
    }
    if let Some(messages) = &given.messages {
        let _ = descriptor::place_at(messages.as_fd(), MESSAGES_NUMBER);
    }
    let end = match (&entry.pipe, role) {
        (Some(LogPipe { write: Some(write), .. }), Role::Main) => Some((write.as_fd(), 1)),
        (Some(LogPipe { read, .. }), Role::Log) => Some((read.as_fd(), 0)),
        _ => None,
    };
    if let Some((end, number)) = end {
        if let Err(error) = descriptor::place_at(end, number) {
            return told(b"set up descriptors for ", error);
        }
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
    told(b"start supervise ", error)
}
