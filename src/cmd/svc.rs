//! svc: sends control bytes to services. Contract: svc(8), contract.md, section 4.
//!
//! It exits with 0 even if a service could not be reached, as 0.76 does. Scripts look at its
//! stderr, or use svok and svstat.

use crate::args::{Options, Usage, illegal_option, last_part};
use crate::error::{Exit, Program};
use crate::service::control;
use crate::service::records::Records;
use crate::sys::command_line::Arguments;
use crate::sys::descriptor::HERE;
use crate::sys::file::{self, Kind};
use crate::sys::{Errno, clock, directory, signal};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd};

const SVC: Program = Program::command("svc");
/// How it is used.
pub const USAGE: Usage = Usage::with_line(
    SVC,
    "svc [-udopchaitkx12q] dir ...",
    "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, \
     a alarm, i interrupt, t term, k kill",
);
/// How long after it was made a name counts as new.
const YOUTH: Duration = Duration::from_secs(2);
/// How long svc waits for the supervises of new names, all together.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two looks for a supervise.
const LOOK: Duration = Duration::from_millis(5);
/// All option letters. Each is sent as the control byte. The last three, for signals that 0.76
/// cannot send, are not in the usage line, which is 0.76's. `w` is left out: other tools use it for
/// a time limit.
const LETTERS: &[u8] = b"udopchaitkx12q";

/// Runs svc.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    // The requested bytes in their order, each once.
    let mut asked = [0; LETTERS.len()];
    let mut count = 0;
    let mut options = Options::new(&arguments);
    while let Some(letter) = options.next_letter() {
        if !LETTERS.contains(&letter) {
            return illegal_option(&arguments, letter, &USAGE);
        }
        if !asked.contains(&letter) {
            if let Some(slot) = asked.get_mut(count) {
                *slot = letter;
                count += 1;
            }
        }
    }
    let bytes = asked.get(..count).unwrap_or_default();
    signal::ignore_broken_pipes();
    let start = match directory::current() {
        Ok(start) => start,
        Err(error) => return SVC.fatal_because(&[b"unable to open current directory"], error),
    };
    let mut patience = PATIENCE;
    for name in arguments.from(options.operands()) {
        control(start.as_fd(), name.to_bytes(), bytes, &mut patience);
        if let Err(error) = directory::change_to(start.as_fd()) {
            return SVC.fatal_because(&[b"unable to set directory"], error);
        }
    }
    Exit::SUCCESS
}

/// Sends `bytes` to the service in directory `name`. If the name is new, waits for its supervise,
/// at most `patience`, which is made shorter by the wait.
fn control(start: BorrowedFd<'_>, name: &[u8], bytes: &[u8], patience: &mut Duration) {
    let begun = clock::monotonic();
    let waited = || clock::monotonic().saturating_sub(begun);
    let is_new = is_new(name);
    let connected = loop {
        if let Err(error) = directory::change(name) {
            return SVC.warning_because(&[b"unable to chdir to ", name], error);
        }
        match Records::enter().and_then(|records| control::connect(&records)) {
            Err(Errno::ENOENT | Errno::ENXIO) if is_new && waited() < *patience => {
                clock::rest(LOOK);
                if let Err(error) = directory::change_to(start) {
                    break Err(error);
                }
            }
            other => break other,
        }
    };
    if is_new {
        *patience = patience.saturating_sub(waited());
    }
    match connected {
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

/// Whether this name is new, so that svscan may not have started its supervise yet: a young link,
/// or a directory without `supervise`.
fn is_new(name: &[u8]) -> bool {
    // Look at the link itself, even if a shell has completed its name with a slash.
    let slashes = name.iter().rev().take_while(|&&byte| byte == b'/').count();
    let name = name.get(..name.len() - slashes).unwrap_or_default();
    if matches!(last_part(name), b"" | b"." | b"..") {
        return false;
    }
    let is_candidate = match file::facts_no_link(HERE, name).map(|facts| facts.kind) {
        Ok(Kind::Link) => true,
        Ok(Kind::Directory) => Records::are_missing(name),
        _ => false,
    };
    let age = || clock::wall().checked_sub(file::facts_no_link(HERE, name).ok()?.changed);
    is_candidate && age().is_some_and(|age| age < YOUTH)
}
