//! svok: its exit code says whether a supervise runs. Contract: svok(8), contract.md, section 5.

use crate::args::{Usage, instead_of_directory};
use crate::error::{Exit, Program};
use crate::service::presence;
use crate::service::records::Records;
use crate::sys::command_line::Arguments;
use crate::sys::{Errno, directory};

const SVOK: Program = Program::command("svok");
/// How it is used.
pub const USAGE: Usage = Usage::of(SVOK, "svok dir");

/// Runs svok.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let Some(name) = arguments.bytes(1) else { return USAGE.wrong() };
    if let Some(exit) = instead_of_directory(&USAGE, &arguments, 1) {
        return exit;
    }
    if let Err(error) = directory::change(name) {
        return SVOK.fatal_because(&[b"unable to chdir to ", name], error);
    }
    match Records::enter().and_then(|records| presence::look_as_0_76(&records)) {
        Ok(_) => Exit::SUCCESS,
        Err(Errno::ENOENT | Errno::ENXIO) => Exit::USAGE,
        Err(error) => SVOK.fatal_because(&[b"unable to open ", name, b"/supervise/ok"], error),
    }
}
