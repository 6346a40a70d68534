//! What goes to standard output. A reader that closes the pipe ends it, without a word.

use crate::SVCTL;
use daemontools_rs::error::Exit;
use daemontools_rs::sys::{Errno, descriptor, poll};

/// Writes all of `bytes`; the exit code is `exit`, or 111 when they cannot be written.
#[must_use]
pub fn write(bytes: &[u8], exit: Exit) -> Exit {
    let mut left = bytes;
    let stdout = descriptor::standard(1);
    while !left.is_empty() {
        match descriptor::write(stdout, left) {
            Ok(taken) => left = left.get(taken..).unwrap_or_default(),
            Err(Errno::EPIPE) => return exit,
            // It does not wait for its reader: we do.
            Err(Errno::EAGAIN) => {
                let _ = poll::wait(&mut [poll::writable(stdout)], None);
            }
            Err(error) => {
                return SVCTL.fatal_because(&[b"unable to write to standard output"], error);
            }
        }
    }
    exit
}

/// As [`write`], lines.
#[must_use]
pub fn write_lines(lines: &[String], exit: Exit) -> Exit {
    if lines.is_empty() {
        return exit;
    }
    write((lines.join("\n") + "\n").as_bytes(), exit)
}
