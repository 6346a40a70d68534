//! Running a program by its name, as every wrapper of 0.76 does (reference, section 0.4).

use crate::env;
use crate::sys::Errno;
use crate::sys::process::{Environment, exec};
use std::ffi::{CStr, CString};

/// Where a program is looked for when PATH is not set.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// Execs `name` with `arguments` (their first word included), looked up on our own PATH unless it
/// holds a slash. Returns only to say why nothing could be run: what a later PATH element
/// answered about a file that is there outlives "file does not exist".
#[must_use]
pub fn run(name: &CStr, arguments: &[&CStr], environment: &Environment<'_>) -> Errno {
    let path = env::value("PATH").unwrap_or_else(|| DEFAULT_PATH.to_vec());
    run_on(&path, name, arguments, environment)
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
    for directory in path.split(|&byte| byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        let Ok(program) = CString::new([directory, b"/", name.to_bytes()].concat()) else {
            continue;
        };
        match exec(&program, arguments, environment) {
            Errno::ENOENT => {}
            error @ (Errno::EACCES | Errno::EPERM | Errno::EISDIR) => remembered = error,
            error => return error,
        }
    }
    remembered
}
