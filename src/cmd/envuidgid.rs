//! envuidgid: runs a program with the ids of an account in its environment. Contract:
//! envuidgid(8), contract.md, section 14.

use crate::account;
use crate::env::Changes;
use crate::error::{Exit, Program};
use crate::exec;
use crate::sys::command_line::{self, Arguments};
use crate::sys::process::Environment;

const ENVUIDGID: Program = Program::command("envuidgid");

/// Runs envuidgid.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let (Some(name), Some(_)) = (arguments.get(1), arguments.get(2)) else {
        return ENVUIDGID.usage("envuidgid account child");
    };
    let Some(account) = account::find(name) else {
        return ENVUIDGID.fatal(&[b"unknown account ", name.to_bytes()]);
    };
    let mut changes = Changes::default();
    changes.set(b"GID", account.ids.group.to_string().as_bytes());
    changes.set(b"UID", account.ids.user.to_string().as_bytes());
    let environment = changes.apply(command_line::environment());
    exec::become_child(ENVUIDGID, &arguments, 2, &Environment::Exactly(&environment))
}
