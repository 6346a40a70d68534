//! svscan: starts a supervise for every service in a directory. Contract: svscan(8), contract.md,
//! section 1. Further arguments are ignored, as in 0.76.

use crate::args::{Usage, instead_of_directory};
use crate::error::{Exit, Program};
use crate::reexec::{QUESTION, is_handed_over, reads};
use crate::svscan::driver::{self, ScanCall};
use crate::sys::command_line::Arguments;

const SVSCAN: Program = Program::command("svscan");
/// How it is used.
pub const USAGE: Usage = Usage::of(SVSCAN, "svscan [--stop-on-term] [dir]");

/// Runs svscan.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if arguments.get(1) == Some(QUESTION) && reads(arguments.bytes(2)) {
        // An svscan that was sent HUP asks the new program this question.
        return Exit::SUCCESS;
    }
    let stop_on_term = arguments.bytes(1) == Some(b"--stop-on-term");
    let place = if stop_on_term { 2 } else { 1 };
    // A new image is in the scan directory already.
    if !is_handed_over() {
        if let Some(exit) = instead_of_directory(&USAGE, &arguments, place) {
            return exit;
        }
    }
    driver::run(ScanCall { directory: arguments.get(place), stop_on_term })
}
