//! The environment we were started with.

use crate::sys::start;

/// The value of `name`, if it is set.
#[must_use]
pub fn value(name: &[u8]) -> Option<&'static [u8]> {
    start::environment().find_map(|string| string.to_bytes().strip_prefix(name)?.strip_prefix(b"="))
}
