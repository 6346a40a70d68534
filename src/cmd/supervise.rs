//! supervise: starts a service and starts it again when it ends. Contract: supervise(8),
//! contract.md, section 3.

use crate::args::{Usage, instead_of_directory};
use crate::error::{Exit, Program};
use crate::reexec::{QUESTION, is_handed_over, reads};
use crate::supervise::driver;
use crate::sys::command_line::Arguments;

const SUPERVISE: Program = Program::command("supervise");
/// How it is used.
pub const USAGE: Usage = Usage::of(SUPERVISE, "supervise dir");

/// Runs supervise.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    match arguments.get(1) {
        // A new image is in the service directory already.
        Some(word) if arguments.count() == 2 && is_handed_over() => driver::run(word),
        Some(word) if arguments.count() == 2 => {
            let odd = instead_of_directory(&USAGE, &arguments, 1);
            odd.unwrap_or_else(|| driver::run(word))
        }
        // A supervise that was sent HUP asks the new program this question.
        Some(word) if word == QUESTION && reads(arguments.bytes(2)) => Exit::SUCCESS,
        _ => USAGE.wrong(),
    }
}
