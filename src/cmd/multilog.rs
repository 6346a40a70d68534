//! multilog: logs its input, as a script says. Contract: multilog(8), contract.md, section 10.

use crate::args::Usage;
use crate::error::{Exit, Program};
use crate::multilog::driver;
use crate::multilog::script::Script;
use crate::sys::command_line::Arguments;

/// How it is used. As in 0.76 it never prints that.
pub const USAGE: Usage = Usage::of(Program::command("multilog"), "multilog action ...");

/// Runs multilog.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    driver::run(Script::parse(arguments.from(1).map(std::ffi::CStr::to_bytes)))
}
