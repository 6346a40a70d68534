//! setlock: runs a program while a file is locked. Contract: setlock(8), contract.md, section 17.

use crate::args::{Options, Usage, illegal_option};
use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::flock;
use crate::wrapper;
use std::os::fd::AsFd;

const SETLOCK: Program = Program::command("setlock");
/// How it is used.
pub const USAGE: Usage = Usage::with_line(
    SETLOCK,
    "setlock [-nNxX] file program [arg ...]",
    "setlock: usage: setlock [ -nNxX ] file program [ arg ... ]",
);

/// Runs setlock.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let (mut waits, mut complains) = (true, true);
    let mut options = Options::new(&arguments);
    while let Some(letter) = options.next_letter() {
        match letter {
            b'n' => waits = false,
            b'N' => waits = true,
            b'x' => complains = false,
            b'X' => complains = true,
            _ => return illegal_option(&arguments, letter, &USAGE),
        }
    }
    let words = wrapper::words_and_child(&USAGE, &arguments, options.operands());
    let Some(([name], child)) = words else { return Exit::USAGE };
    let name = name.to_bytes();
    let refused = |text: &[u8], error| {
        if complains { SETLOCK.fatal_because(&[text, name], error) } else { Exit::SUCCESS }
    };
    let file = match descriptor::open(HERE, name, Purpose::Append) {
        Ok(file) => file,
        Err(error) => return refused(b"unable to open ", error),
    };
    let locked = if waits { flock::wait_for(file.as_fd()) } else { flock::take(file.as_fd()) };
    // The program and its children are to hold the lock.
    match locked.and_then(|()| descriptor::keep_on_exec(file.as_fd(), true)) {
        Ok(()) => child.start(),
        Err(error) => refused(b"unable to lock ", error),
    }
}
