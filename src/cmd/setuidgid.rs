//! setuidgid: runs a program under the ids of an account. Contract: setuidgid(8), contract.md,
//! section 13; `-s` is an addition (encore has it).

use crate::account::{self, BecomeError, Groups};
use crate::error::{Exit, Program};
use crate::exec;
use crate::sys::command_line::Arguments;
use crate::sys::process::Environment;

const SETUIDGID: Program = Program::command("setuidgid");

/// Runs setuidgid.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let (groups, first) = match arguments.bytes(1) {
        Some(b"-s") => (Groups::OfAccount, 2),
        _ => (Groups::Primary, 1),
    };
    let (Some(name), Some(_)) = (arguments.get(first), arguments.get(first + 1)) else {
        return SETUIDGID.usage("setuidgid account child");
    };
    let Some(account) = account::find(name) else {
        return SETUIDGID.fatal(&[b"unknown account ", name.to_bytes()]);
    };
    match account.become_it(groups) {
        Ok(()) => exec::become_child(SETUIDGID, &arguments, first + 1, &Environment::Inherited),
        Err(BecomeError::Group(error)) => SETUIDGID.fatal_because(&[b"unable to setgid"], error),
        Err(BecomeError::User(error)) => SETUIDGID.fatal_because(&[b"unable to setuid"], error),
        Err(BecomeError::NotForGood) => {
            SETUIDGID.fatal(&[b"unable to setuid: the former ids can be had back"])
        }
    }
}
