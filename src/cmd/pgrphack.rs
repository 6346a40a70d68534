//! pgrphack: runs a program in a session and process group of its own. Contract: pgrphack(8),
//! reference section 8.

use crate::error::{Exit, Program};
use crate::exec;
use crate::sys::process::{self, Environment};
use crate::sys::start::Arguments;
use std::ffi::CStr;

const PGRPHACK: Program = Program::command("pgrphack");

/// Runs pgrphack.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let words: Vec<&CStr> = arguments.from(1).collect();
    if words.is_empty() {
        return PGRPHACK.usage("pgrphack child");
    }
    // A process that leads its group already stays where it is, as in 0.76.
    let _ = process::new_session();
    exec::become_child(PGRPHACK, &words, &Environment::Inherited)
}
