//! Running a program by its name, as every wrapper of 0.76 does (contract.md, section 0.4).

use crate::env;
use crate::error::{Exit, Program};
use crate::own_path;
use crate::sys::Errno;
use crate::sys::command_line::Arguments;
use crate::sys::process::{Environment, Words, exec};
use std::ffi::CStr;

/// Where a program is looked for when PATH is not set.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The longest path that the kernel takes, its NUL included (PATH_MAX).
const LONGEST: usize = 4096;

/// Execs `name` with `words` (their first one included), looked up on our own PATH unless it
/// holds a slash. Returns only to say why nothing could be run: what a later PATH element
/// answered about a file that is there outlives "file does not exist".
#[must_use]
pub fn run<'a>(name: &CStr, words: impl Into<Words<'a>>, environment: &Environment<'_>) -> Errno {
    run_on(given_path(), name, words, environment)
}

/// Becomes the program that `arguments` name from number `first` on, as every wrapper ends: returns
/// only with the exit code that goes with the message `unable to run`. No memory is asked for:
/// softlimit may have left none.
#[must_use]
pub fn become_child(
    wrapper: Program,
    arguments: &Arguments,
    first: usize,
    environment: &Environment<'_>,
) -> Exit {
    let name = arguments.get(first).unwrap_or_default();
    let error = run(name, Words::Own(arguments, first), environment);
    wrapper.fatal_because(&[b"unable to run ", name.to_bytes()], error)
}

/// Execs the command of ours that stands beside the path we were started by; where none stands
/// there, the one that is on `path`. So the parts of one installation start each other, whatever
/// others are on PATH.
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

/// The PATH that we were given, as [`run`] goes by it.
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
