//! svscanboot: what an init starts. Contract: svscanboot(8), reference section 2.

use crate::error::Exit;
use crate::svscan::boot::{self, Options};
use crate::sys::start::Arguments;

/// Runs svscanboot.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let is_fallback = arguments.bytes(1) == Some(b"--fallback");
    let directory = arguments.get(if is_fallback { 2 } else { 1 }).unwrap_or(c"/service");
    let called_by = arguments.bytes(0).unwrap_or_default();
    boot::run(Options { directory, is_fallback, called_by })
}
