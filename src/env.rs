//! The environment we were started with.

use std::os::unix::ffi::OsStringExt;

/// The value of `name`, if it is set.
#[must_use]
pub fn value(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(OsStringExt::into_vec)
}
