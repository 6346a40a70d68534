//! svscanboot: what an init starts. Contract: svscanboot(8), reference section 2.

use crate::error::Exit;
use crate::svscanboot::driver::{self, Call};
use crate::svscanboot::stop_client;
use crate::sys::start::Arguments;

/// Runs svscanboot.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let option = arguments.bytes(1).filter(|word| [&b"--fallback"[..], b"--stop"].contains(word));
    let is_fallback = option == Some(b"--fallback");
    let directory = arguments.get(if option.is_some() { 2 } else { 1 }).unwrap_or(c"/service");
    if option == Some(b"--stop") {
        return stop_client::stop(directory);
    }
    let called_by = arguments.bytes(0).unwrap_or_default();
    driver::run(Call { directory, is_fallback, called_by })
}
