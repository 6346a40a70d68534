//! envuidgid: runs a program with the ids of an account in its environment. Contract:
//! envuidgid(8), contract.md, section 14.

use crate::account;
use crate::args::Usage;
use crate::env::Changes;
use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::wrapper;

const ENVUIDGID: Program = Program::command("envuidgid");
/// How it is used.
pub const USAGE: Usage = Usage::of(ENVUIDGID, "envuidgid account child");

/// Runs envuidgid.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let Some(([name], child)) = wrapper::words_and_child(&USAGE, &arguments, 1) else {
        return Exit::USAGE;
    };
    let Some(account) = account::find(name) else {
        return ENVUIDGID.fatal(&[b"unknown account ", name.to_bytes()]);
    };
    let mut changes = Changes::default();
    changes.set(b"GID", account.ids.group.to_string().as_bytes());
    changes.set(b"UID", account.ids.user.to_string().as_bytes());
    child.start_with(&changes)
}
