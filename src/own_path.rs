//! The absolute path by which this program was started. After an upgrade the new program is there,
//! for HUP to execute, and beside it are the commands to start. `/proc/self/exe` would be wrong: it
//! is the file to which the links lead, and after an upgrade the old one.

use crate::sys::{command_line, directory};
use std::ffi::{CStr, CString};
use std::sync::OnceLock;

/// If we were started by a relative path: our first directory and that path.
static NOTED: OnceLock<CString> = OnceLock::new();

/// Notes a relative path. Call it at the start of a daemon, before it changes its directory.
pub fn note() {
    let Some(path) = command_line::program_path().filter(|path| !is_absolute(path)) else { return };
    if let Ok(here) = directory::path_of_current() {
        let path = [&here[..], b"/", path.to_bytes()].concat();
        // A path has no NUL byte, and this is the first call.
        let _ = CString::new(path).map(|path| NOTED.set(path));
    }
}

/// The path that we were started by; `None` for a relative one that was not noted.
#[must_use]
pub fn get() -> Option<&'static CStr> {
    let path = command_line::program_path().filter(|path| is_absolute(path));
    path.or_else(|| NOTED.get().map(CString::as_c_str))
}

/// The directory of that path.
#[must_use]
pub fn directory() -> Option<&'static [u8]> {
    let path = get()?.to_bytes();
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    path.get(..slash)
}

fn is_absolute(path: &CStr) -> bool {
    path.to_bytes().first() == Some(&b'/')
}
