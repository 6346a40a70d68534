//! svscan: starts a supervise for every service in a directory. Contract: svscan(8), reference
//! section 1. It has no usage text: further arguments are ignored.

use crate::error::Exit;
use crate::reexec::{QUESTION, reads};
use crate::svscan::driver::{self, Call};
use crate::sys::start::Arguments;

/// Runs svscan.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if arguments.get(1) == Some(QUESTION) && reads(arguments.bytes(2)) {
        // An svscan that was sent HUP asks its successor.
        return Exit::SUCCESS;
    }
    let stop_on_term = arguments.bytes(1) == Some(b"--stop-on-term");
    let directory = arguments.get(if stop_on_term { 2 } else { 1 });
    driver::run(Call { directory, stop_on_term })
}
