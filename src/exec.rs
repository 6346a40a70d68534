//! Running a program by its name, as every wrapper of 0.76 does (contract.md, section 0.4).

use crate::env;
use crate::fill::fill;
use crate::own_path;
use crate::sys::Errno;
use crate::sys::process::{Environment, Words, exec};
use std::ffi::CStr;

/// The PATH that is used if PATH is not set.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The longest path that the kernel takes, its NUL included (PATH_MAX).
const LONGEST: usize = 4096;

/// Executes `name` with `words` (`argv[0]` included), looked up in our own PATH unless it contains
/// a slash. Returns only if that failed, with the reason. If some directory of PATH has the file
/// but it cannot be executed, that error is returned rather than "file does not exist".
#[must_use]
pub fn run<'a>(name: &CStr, words: impl Into<Words<'a>>, environment: &Environment<'_>) -> Errno {
    run_on(given_path(), name, words, environment)
}

/// Executes the command `name` in the directory of the path that we were started by; if it is not
/// there, looks it up in `path`. So the commands of one installation start each other, even if PATH
/// leads to another one.
#[must_use]
pub fn run_beside(
    path: &[u8],
    name: &CStr,
    words: &[&CStr],
    environment: &Environment<'_>,
) -> Errno {
    let mut room = [0; LONGEST];
    let beside = own_path::directory().and_then(|directory| join(&mut room, directory, name));
    if let Some(program) = beside {
        let error = exec(program, words, environment);
        if error != Errno::ENOENT {
            return error;
        }
    }
    run_on(path, name, words, environment)
}

/// The PATH of our environment, or the default, as [`run`] uses it.
#[must_use]
pub fn given_path() -> &'static [u8] {
    env::value(b"PATH").unwrap_or(DEFAULT_PATH)
}

/// As [`run`], looked up on `path`.
#[must_use]
pub fn run_on<'a>(
    path: &[u8],
    name: &CStr,
    words: impl Into<Words<'a>>,
    environment: &Environment<'_>,
) -> Errno {
    let words = words.into();
    if name.to_bytes().contains(&b'/') {
        return exec(name, words, environment);
    }
    let mut remembered = Errno::ENOENT;
    let mut room = [0; LONGEST];
    for directory in path.split(|&byte| byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        let Some(program) = join(&mut room, directory, name) else { return Errno::ENAMETOOLONG };
        match exec(program, words, environment) {
            Errno::ENOENT => {}
            error @ (Errno::EACCES | Errno::EPERM | Errno::EISDIR) => remembered = error,
            error => return error,
        }
    }
    remembered
}

/// `directory/name` in `room`: no heap is used between a fork and an exec. `None` for a path too
/// long for the kernel.
fn join<'a>(room: &'a mut [u8; LONGEST], directory: &[u8], name: &CStr) -> Option<&'a CStr> {
    let length = directory.len() + 1 + name.count_bytes();
    let room = room.get_mut(..=length)?;
    let parts = directory.iter().chain(b"/").chain(name.to_bytes_with_nul());
    fill(room, parts.copied());
    CStr::from_bytes_with_nul(room).ok()
}
