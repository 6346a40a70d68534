//! Running a program by its name, as every wrapper of 0.76 does (reference, section 0.4).

use crate::env;
use crate::error::{Exit, Program};
use crate::sys::Errno;
use crate::sys::process::{Environment, exec};
use std::ffi::CStr;

/// Where a program is looked for when PATH is not set.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The longest path that the kernel takes, its NUL included (PATH_MAX).
const LONGEST: usize = 4096;

/// Execs `name` with `arguments` (their first word included), looked up on our own PATH unless it
/// holds a slash. Returns only to say why nothing could be run: what a later PATH element
/// answered about a file that is there outlives "file does not exist".
#[must_use]
pub fn run(name: &CStr, arguments: &[&CStr], environment: &Environment<'_>) -> Errno {
    let path = env::value(b"PATH").unwrap_or(DEFAULT_PATH);
    run_on(path, name, arguments, environment)
}

/// Becomes the program that the words name, as every wrapper ends: returns only with the exit code
/// that goes with the message `unable to run`.
#[must_use]
pub fn become_child(wrapper: Program, words: &[&CStr], environment: &Environment<'_>) -> Exit {
    let name = words.first().copied().unwrap_or_default();
    let error = run(name, words, environment);
    wrapper.fatal_because(&[b"unable to run ", name.to_bytes()], error)
}

/// As [`run`], looked up on `path`.
#[must_use]
pub fn run_on(
    path: &[u8],
    name: &CStr,
    arguments: &[&CStr],
    environment: &Environment<'_>,
) -> Errno {
    if name.to_bytes().contains(&b'/') {
        return exec(name, arguments, environment);
    }
    let mut remembered = Errno::ENOENT;
    let mut room = [0; LONGEST];
    for directory in path.split(|&byte| byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        let Some(program) = join(&mut room, directory, name) else { return Errno::ENAMETOOLONG };
        match exec(program, arguments, environment) {
            Errno::ENOENT => {}
            error @ (Errno::EACCES | Errno::EPERM | Errno::EISDIR) => remembered = error,
            error => return error,
        }
    }
    remembered
}

/// `directory/name` in `room`: no heap is used between a fork and an exec. None for a path that
/// the kernel would not take.
fn join<'a>(room: &'a mut [u8; LONGEST], directory: &[u8], name: &CStr) -> Option<&'a CStr> {
    let length = directory.len() + 1 + name.count_bytes();
    let room = room.get_mut(..=length)?;
    let parts = directory.iter().chain(b"/").chain(name.to_bytes_with_nul());
    for (byte, part) in room.iter_mut().zip(parts) {
        *byte = *part;
    }
    CStr::from_bytes_with_nul(room).ok()
}
