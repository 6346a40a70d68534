//! The path that this program was started by, as an absolute one: what stands there after an upgrade
//! is the program to become, and the commands beside it are the ones to start. Never
//! `/proc/self/exe`: that is the file behind the links, and after an upgrade the old one.

use crate::sys::{command_line, directory};
use std::ffi::{CStr, CString};
use std::sync::OnceLock;

/// Where we were when we were started, and the path from there: only if that is a relative one.
static NOTED: OnceLock<CString> = OnceLock::new();

/// Notes a relative path. For the start of a daemon, before it changes its directory.
pub fn note() {
    let Some(path) = command_line::program_path().filter(|path| !is_absolute(path)) else { return };
    if let Ok(here) = directory::path_of_current() {
        let path = [&here[..], b"/", path.to_bytes()].concat();
        let _ = CString::new(path).map(|path| NOTED.set(path));
    }
}

/// The path we were started by; nothing for a relative one that was not noted.
#[must_use]
pub fn get() -> Option<&'static CStr> {
    let path = command_line::program_path().filter(|path| is_absolute(path));
    path.or_else(|| NOTED.get().map(CString::as_c_str))
}

/// The directory that it leads to.
#[must_use]
pub fn directory() -> Option<&'static [u8]> {
    let path = get()?.to_bytes();
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    path.get(..slash)
}

fn is_absolute(path: &CStr) -> bool {
    path.to_bytes().first() == Some(&b'/')
}
