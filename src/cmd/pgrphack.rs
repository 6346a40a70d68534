//! pgrphack: runs a program in a session and process group of its own. Contract: pgrphack(8),
//! contract.md, section 8.

use crate::args::Usage;
use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::sys::process;
use crate::wrapper;

const PGRPHACK: Program = Program::command("pgrphack");
/// How it is used.
pub const USAGE: Usage = Usage::of(PGRPHACK, "pgrphack child");

/// Runs pgrphack.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let Some(([], child)) = wrapper::words_and_child(&USAGE, &arguments, 1) else {
        return Exit::USAGE;
    };
    // This fails for a process that leads its group already; it goes on, as in 0.76.
    let _ = process::new_session();
    child.start()
}
