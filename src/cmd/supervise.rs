//! supervise: starts a service and starts it again when it ends. Contract: supervise(8),
//! reference section 3.

use crate::error::{Exit, Program};
use crate::reexec::{QUESTION, reads};
use crate::supervise::driver;
use crate::sys::start::Arguments;

const SUPERVISE: Program = Program::command("supervise");

/// Runs supervise.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    match arguments.get(1) {
        Some(word) if arguments.count() == 2 => driver::run(word),
        // A supervise that was sent HUP asks its successor.
        Some(word) if word == QUESTION && reads(arguments.bytes(2)) => Exit::SUCCESS,
        _ => SUPERVISE.usage("supervise dir"),
    }
}
