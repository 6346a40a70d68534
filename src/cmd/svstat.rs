//! svstat: prints the state of services, and for how long they have been in it. Contract:
//! svstat(8), contract.md, section 6.
//!
//! One line for each service on stdout, even for an error, and exit code 0: scripts read the line.

use crate::args::{Usage, instead_of_directory};
use crate::error::{Exit, Program, words};
use crate::service::records::Records;
use crate::service::request::Want;
use crate::service::status::{self, ReadError, Status};
use crate::service::{self, presence};
use crate::sys::command_line::Arguments;
use crate::sys::descriptor::{self, HERE};
use crate::sys::{Errno, clock, directory};
use crate::tai64n::Label;
use std::fmt::Write;
use std::os::fd::AsFd;

const SVSTAT: Program = Program::command("svstat");
/// How it is used.
pub const USAGE: Usage = Usage::of(SVSTAT, "svstat [dir ...]");
/// How many bytes are gathered before they are written.
const BUFFER: usize = 1024;
/// How many bytes the text after a name has at most.
const LINE: usize = 128;

/// Runs svstat.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if let Some(exit) = instead_of_directory(&USAGE, &arguments, 1) {
        return exit;
    }
    let start = match directory::current() {
        Ok(start) => start,
        Err(error) => return SVSTAT.fatal_because(&[b"unable to open current directory"], error),
    };
    let mut output = Vec::with_capacity(BUFFER);
    // Allocated once: a new one for each line would cost two more system calls.
    let mut text = String::with_capacity(LINE);
    for name in arguments.from(1) {
        text.clear();
        match describe(name.to_bytes()) {
            Ok((status, marked_down)) => {
                phrase(&mut text, status, marked_down, Label::of_unix(clock::wall()));
            }
            Err(NoStatus::Unable(action, error)) => {
                let _ = write!(text, "unable to {action}: {}", words(error));
            }
            Err(NoStatus::Said(said)) => text.push_str(said),
        }
        for part in [name.to_bytes(), b": ", text.as_bytes(), b"\n"] {
            output.extend_from_slice(part);
        }
        if output.len() >= BUFFER {
            flush(&mut output);
        }
        if let Err(error) = directory::change_to(start.as_fd()) {
            flush(&mut output);
            return SVSTAT.fatal_because(&[b"unable to set directory"], error);
        }
    }
    flush(&mut output);
    Exit::SUCCESS
}

/// Writes the gathered lines. A failed write is ignored, as in 0.76.
fn flush(output: &mut Vec<u8>) {
    let mut left = output.as_slice();
    while let Ok(taken @ 1..) = descriptor::write(descriptor::standard(1), left) {
        left = left.get(taken..).unwrap_or_default();
    }
    output.clear();
}

/// What is printed in place of a state.
enum NoStatus {
    Unable(&'static str, Errno),
    Said(&'static str),
}

/// The status of a service, and whether it is normally down.
fn describe(name: &[u8]) -> Result<(Status, bool), NoStatus> {
    directory::change(name).map_err(|error| NoStatus::Unable("chdir", error))?;
    let marked_down = service::is_marked_down(HERE);
    let marked_down = marked_down.map_err(|error| NoStatus::Unable("stat down", error))?;
    let records = Records::enter();
    let looked = records.and_then(|records| {
        presence::look_as_0_76(&records)?;
        Ok(records)
    });
    let records = match looked {
        Ok(records) => records,
        Err(Errno::ENXIO) => return Err(NoStatus::Said("supervise not running")),
        Err(error) => return Err(NoStatus::Unable("open supervise/ok", error)),
    };
    match status::read(&records) {
        Ok(status) => Ok((status, marked_down)),
        Err(ReadError::Open(error)) => Err(NoStatus::Unable("open supervise/status", error)),
        Err(ReadError::Read(error)) => Err(NoStatus::Unable("read supervise/status", error)),
        Err(ReadError::BadFormat) => {
            Err(NoStatus::Said("unable to read supervise/status: bad format"))
        }
    }
}

/// The line after the name. It says `1 seconds`, because scripts match `seconds`.
fn phrase(text: &mut String, status: Status, marked_down: bool, now: Label) {
    let seconds = status.label.seconds_until(now);
    let is_up = status.pid != 0;
    // Writing to a string does not fail.
    let _ = match is_up {
        true => write!(text, "up (pid {}) {seconds} seconds", status.pid),
        false => write!(text, "down {seconds} seconds"),
    };
    let suffixes = [
        (is_up && marked_down, ", normally down"),
        (!is_up && !marked_down, ", normally up"),
        (is_up && status.is_paused, ", paused"),
        (!is_up && status.want == Want::Up, ", want up"),
        (is_up && status.want == Want::Down, ", want down"),
    ];
    text.extend(suffixes.iter().filter(|(said, _)| *said).map(|(_, suffix)| *suffix));
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    /// contract.md, section 6: the table of suffixes, written out.
    #[test]
    fn every_combination_says_what_the_table_says() {
        let label = Label::of_unix(Duration::from_secs(100));
        let now = Label::of_unix(Duration::from_secs(107));
        let said = |pid, is_paused, want, marked_down| {
            let mut text = String::new();
            phrase(&mut text, Status { label, pid, is_paused, want }, marked_down, now);
            text
        };
        assert_eq!(said(9, false, Want::Up, false), "up (pid 9) 7 seconds");
        assert_eq!(said(9, false, Want::Up, true), "up (pid 9) 7 seconds, normally down");
        assert_eq!(said(9, true, Want::Down, false), "up (pid 9) 7 seconds, paused, want down");
        assert_eq!(said(9, false, Want::Once, false), "up (pid 9) 7 seconds");
        assert_eq!(said(0, false, Want::Down, false), "down 7 seconds, normally up");
        assert_eq!(said(0, true, Want::Up, true), "down 7 seconds, want up");
        assert_eq!(said(0, false, Want::Once, true), "down 7 seconds");
    }
}
