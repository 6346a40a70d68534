//! pgrphack: runs a program in a session and process group of its own. Contract: pgrphack(8),
//! contract.md, section 8.

use crate::error::{Exit, Program};
use crate::exec;
use crate::sys::command_line::Arguments;
use crate::sys::process::{self, Environment};

const PGRPHACK: Program = Program::command("pgrphack");

/// Runs pgrphack.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if arguments.count() < 2 {
        return PGRPHACK.usage("pgrphack child");
    }
    // This fails for a process that leads its group already; it goes on, as in 0.76.
    let _ = process::new_session();
    exec::become_child(PGRPHACK, &arguments, 1, &Environment::Inherited)
}
