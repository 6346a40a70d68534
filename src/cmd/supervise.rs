//! supervise: starts a service and starts it again when it ends. Contract: supervise(8),
//! reference section 3.

use crate::error::{Exit, Program};
use crate::supervise::driver;
use crate::sys::start::Arguments;

const SUPERVISE: Program = Program::command("supervise");

/// Runs supervise.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    match arguments.bytes(1) {
        Some(name) if arguments.count() == 2 => driver::run(name),
        _ => SUPERVISE.usage("supervise dir"),
    }
}
