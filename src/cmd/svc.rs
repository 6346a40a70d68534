//! svc: sends control bytes to services. Contract: svc(8), reference section 4.
//!
//! It leaves with 0 whatever became of a service, as 0.76 does: scripts look at its stderr, or
//! ask svok and svstat.

use crate::args::{Options, illegal_option};
use crate::error::{Exit, Program};
use crate::service::control;
use crate::service::records::Records;
use crate::sys::start::Arguments;
use crate::sys::{Errno, directory, signal};
use std::os::fd::AsFd;

const SVC: Program = Program::command("svc");
const USAGE: &str = "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, \
                     a alarm, i interrupt, t term, k kill";
/// Every letter there is; each is the control byte itself. The last three, for signals that 0.76
/// cannot send, are not in the usage that it prints. `w` is none: elsewhere it is a time limit.
const LETTERS: &[u8] = b"udopchaitkx12q";

/// Runs svc.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    // The asked-for bytes in their order, each once.
    let mut asked = [0; LETTERS.len()];
    let mut count = 0;
    let mut options = Options::new(&arguments);
    while let Some(letter) = options.next_letter() {
        if !LETTERS.contains(&letter) {
            return illegal_option(&arguments, letter, USAGE);
        }
        if !asked.contains(&letter)
            && let Some(slot) = asked.get_mut(count)
        {
            *slot = letter;
            count += 1;
        }
    }
    let bytes = asked.get(..count).unwrap_or_default();
    signal::ignore_broken_pipes();
    let start = match directory::current() {
        Ok(start) => start,
        Err(error) => return SVC.fatal_because(&[b"unable to open current directory"], error),
    };
    for name in arguments.from(options.operands()) {
        control(name.to_bytes(), bytes);
        if let Err(error) = directory::change_to(start.as_fd()) {
            return SVC.fatal_because(&[b"unable to set directory"], error);
        }
    }
    Exit::SUCCESS
}

fn control(name: &[u8], bytes: &[u8]) {
    if let Err(error) = directory::change(name) {
        return SVC.warning_because(&[b"unable to chdir to ", name], error);
    }
    match Records::enter().and_then(|records| control::connect(&records)) {
        Err(Errno::ENXIO) => {
            SVC.warning(&[b"unable to control ", name, b": supervise not running"]);
        }
        Err(error) => SVC.warning_because(&[b"unable to control ", name], error),
        Ok(sender) => {
            if let Err(error) = sender.send(bytes) {
                SVC.warning_because(&[b"error writing commands to ", name], error);
            }
        }
    }
}
