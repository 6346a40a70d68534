//! setuidgid: runs a program under the ids of an account. Contract: setuidgid(8), contract.md,
//! section 13; `-s` is an addition (encore has it).

use crate::account::{self, BecomeError, Groups};
use crate::args::Usage;
use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::wrapper;

const SETUIDGID: Program = Program::command("setuidgid");
/// How it is used.
pub const USAGE: Usage = Usage::with_line(
    SETUIDGID,
    "setuidgid [-s] account child",
    "setuidgid: usage: setuidgid account child",
);

/// Runs setuidgid.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let (groups, first) = match arguments.bytes(1) {
        Some(b"-s") => (Groups::OfAccount, 2),
        _ => (Groups::Primary, 1),
    };
    let Some(([name], child)) = wrapper::words_and_child(&USAGE, &arguments, first) else {
        return Exit::USAGE;
    };
    let Some(account) = account::find(name) else {
        return SETUIDGID.fatal(&[b"unknown account ", name.to_bytes()]);
    };
    match account.become_it(groups) {
        Ok(()) => child.start(),
        Err(BecomeError::Group(error)) => SETUIDGID.fatal_because(&[b"unable to setgid"], error),
        Err(BecomeError::User(error)) => SETUIDGID.fatal_because(&[b"unable to setuid"], error),
        Err(BecomeError::NotForGood) => {
            SETUIDGID.fatal(&[b"unable to setuid: the former ids can be had back"])
        }
    }
}
