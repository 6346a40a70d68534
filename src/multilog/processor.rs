//! A processor: `/bin/sh -c COMMAND` in the log directory, from `previous` to `processed` and from
//! `state` to `newstate` (reference, section 10.7).

use super::logdir::MULTILOG;
use crate::error::Exit;
use crate::sys::descriptor::{self, Purpose};
use crate::sys::process::{self, End, Environment, Side};
use crate::sys::{Errno, directory, signal};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const SHELL: &CStr = c"/bin/sh";

/// What a processor is given, in the order of 0, 1, 4 and 5.
#[derive(Debug)]
pub struct Files {
    /// What it reads: `previous`.
    pub previous: OwnedFd,
    /// What it writes: `processed`.
    pub processed: OwnedFd,
    /// What it knew: `state`.
    pub state: OwnedFd,
    /// What it shall know next time: `newstate`.
    pub newstate: OwnedFd,
}

/// Why a processor did not come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// fork(2) failed.
    Fork(Errno),
    /// wait(2) failed.
    Wait(Errno),
}

/// Runs `command` and waits for its end.
///
/// # Errors
/// See [`RunError`].
pub fn run(command: &[u8], place: BorrowedFd<'_>, files: &Files) -> Result<End, RunError> {
    match process::fork().map_err(RunError::Fork)? {
        Side::Child => process::leave(become_shell(command, place, files).number()),
        Side::Parent(pid) => process::wait_for(pid).map_err(RunError::Wait),
    }
}

fn become_shell(command: &[u8], place: BorrowedFd<'_>, files: &Files) -> Exit {
    signal::as_given();
    if let Err(error) = directory::change_to(place) {
        return MULTILOG.fatal_because(&[b"unable to switch to the directory of a log"], error);
    }
    // Copies beyond all the numbers first: one of ours may stand where another has to go.
    let placed =
        [(&files.previous, 0), (&files.processed, 1), (&files.state, 4), (&files.newstate, 5)]
            .map(|(file, number)| (descriptor::copy_from(file.as_fd(), 10), number));
    for (copy, number) in placed {
        let result = copy.and_then(|copy| {
            descriptor::set_blocking(copy.as_fd(), true)?;
            descriptor::place_at(copy.as_fd(), number)
        });
        if let Err(error) = result {
            return MULTILOG.fatal_because(&[b"unable to set up descriptors"], error);
        }
    }
    let Ok(command) = CString::new(command) else { return Exit::SYSTEM };
    let error = process::exec(SHELL, &[SHELL, c"-c", &command], &Environment::Inherited);
    MULTILOG.fatal_because(&[b"unable to run ", SHELL.to_bytes()], error)
}

/// Opens the files of a processor in a log directory.
///
/// # Errors
/// The name that could not be opened, and why.
pub fn open(place: BorrowedFd<'_>) -> Result<Files, (&'static [u8], Errno)> {
    let open = |name: &'static [u8], purpose| {
        descriptor::open(place, name, purpose).map_err(|error| (name, error))
    };
    Ok(Files {
        previous: open(b"previous", Purpose::Read)?,
        processed: open(b"processed", Purpose::Truncate)?,
        state: open(b"state", Purpose::Read)?,
        newstate: open(b"newstate", Purpose::Truncate)?,
    })
}
