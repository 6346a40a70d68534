//! multilog: logs its input, as a script says. Contract: multilog(8), contract.md, section 10.

use crate::error::Exit;
use crate::multilog::driver;
use crate::multilog::script::Script;
use crate::sys::command_line::Arguments;

/// Runs multilog.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    driver::run(Script::parse(arguments.from(1).map(std::ffi::CStr::to_bytes)))
}
