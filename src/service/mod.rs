//! The on-disk contract of a service directory: the only room that knows a file name in it.
//!
//! The admin writes `run`, and perhaps `down`, `log`, `kill-group` and the files of [`stopping`].
//! supervise writes the directory `supervise`: `lock`, `control`, `ok`, `status` as in 0.76
//! (contract.md, section 3.2), and `journal`; [`entries`] has these names. supervise keeps that
//! directory open and works relative to the descriptor ([`records`]). svc, svok, svstat and svscan
//! find the same directory by the same rule for links ([`trail`]). The records of a scan directory,
//! `.svscan`, are in `scandir`. Manual pages: service(7), scandir(7).

pub mod control;
pub mod entries;
pub mod fields;
pub mod journal;
pub mod lock;
pub mod onlooker;
pub mod presence;
pub mod record;
pub mod records;
pub mod request;
pub mod slot;
pub mod status;
pub mod stopping;
pub mod trail;
pub mod trust;

use crate::sys::{Errno, file};
use std::os::fd::BorrowedFd;

/// The program of the service, as supervise executes it in the service directory.
pub const RUN: &std::ffi::CStr = c"./run";

/// The descriptor at which svscan passes supervise a read end of the message pipe, which leads to
/// readproctitle, if svscanboot started svscan.
pub const MESSAGES_NUMBER: i32 = 3;

/// Whether `directory` has a file named `down`, of any type: then the service starts down.
///
/// # Errors
/// Those of stat(2), ENOENT excepted.
pub fn is_marked_down(directory: BorrowedFd<'_>) -> Result<bool, Errno> {
    exists(directory, b"down")
}

/// Whether `directory` has a file named `kill-group`: then the service gets a session of its own,
/// and supervise kills what is left of its process group before the next start. If we cannot find
/// out, it counts as having none. An addition of ours.
#[must_use]
pub fn wants_group_killed(directory: BorrowedFd<'_>) -> bool {
    exists(directory, b"kill-group").unwrap_or(false)
}

/// Whether the service in directory `name` has a logger: an entry `log` of any type.
///
/// # Errors
/// Those of stat(2), ENOENT excepted.
pub fn has_logger(directory: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
    exists(directory, &[name, b"/log"].concat())
}

/// Whether the service in `directory` has a logger. If we cannot find out, it counts as having
/// none.
#[must_use]
pub fn has_log(directory: BorrowedFd<'_>) -> bool {
    exists(directory, b"log").unwrap_or(false)
}

/// Whether the service in directory `name` looks complete: its `run` may be executed, and so may
/// that of its `log` if it has one.
#[must_use]
pub fn is_ready(directory: BorrowedFd<'_>, name: &[u8]) -> bool {
    let runs = |path: &[u8]| {
        file::facts(directory, path)
            .is_ok_and(|facts| facts.kind == file::Kind::Regular && facts.mode & 0o111 != 0)
    };
    runs(&[name, b"/run"].concat())
        && match has_logger(directory, name) {
            Ok(true) => runs(&[name, b"/log/run"].concat()),
            Ok(false) => true,
            Err(_) => false,
        }
}

fn exists(directory: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
    match file::facts(directory, name) {
        Ok(_) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}
