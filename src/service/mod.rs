//! The on-disk contract of a service directory: the only room that knows a file name in it.
//!
//! A service directory holds `run`, perhaps `down`, `log` and `kill-group`, which the admin writes
//! (and the words of [`stopping`]), and `supervise`, which is ours: `lock`, `control`, `ok`,
//! `status` as in 0.76 (contract.md, section 3.2), and `journal`. supervise works relative to one
//! descriptor of that directory ([`records`]); svc, svok, svstat and svscan come from outside: they
//! find the same directory by the same rule ([`trail`]). The names in it stand in [`entries`]. The
//! records of a scan directory, `.svscan`, stand in `scandir`. Manual pages: service(7),
//! scandir(7).

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

/// The program that is the service, as it is exec'd from its directory.
pub const RUN: &std::ffi::CStr = c"./run";

/// Where svscan hands a read end of the message pipe to supervise, if svscanboot keeps both.
pub const MESSAGES_NUMBER: i32 = 3;

/// Whether `directory` has a file named `down`, of any type: then the service starts down.
///
/// # Errors
/// Those of stat(2), ENOENT excepted.
pub fn is_marked_down(directory: BorrowedFd<'_>) -> Result<bool, Errno> {
    exists(directory, b"down")
}

/// Whether `directory` has a file named `kill-group`: then the service gets a session of its
/// own, and what it leaves behind is killed before the next start. An addition of ours.
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

/// Whether the service in `directory` itself has a logger; not known is none.
#[must_use]
pub fn has_log(directory: BorrowedFd<'_>) -> bool {
    exists(directory, b"log").unwrap_or(false)
}

/// Whether the service in directory `name` looks complete: `run` may be executed, and that of
/// `log` too if there is one.
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
