//! Writes to standard output. When its reader has closed the pipe, the output ends silently.

use crate::SVCTL;
use daemontools_rs::error::Exit;
use daemontools_rs::sys::{Errno, descriptor, poll};

/// Why nothing more is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The reader has closed the pipe.
    Closed,
    /// Another reason, which was reported.
    Failed(Exit),
}

/// Writes all of `bytes`.
///
/// # Errors
/// Why they could not be written.
pub fn put(bytes: &[u8]) -> Result<(), Ended> {
    let mut left = bytes;
    while !left.is_empty() {
        left = left.get(put_some(left)?..).unwrap_or_default();
        if !left.is_empty() {
            // Another program has made standard output non-blocking: wait for its reader.
            let _ = poll::wait(&mut [poll::writable(descriptor::standard(1))], None);
        }
    }
    Ok(())
}

/// Writes some of `bytes`, and returns how many: 0 if the reader has to be waited for.
///
/// # Errors
/// Why they could not be written.
pub fn put_some(bytes: &[u8]) -> Result<usize, Ended> {
    match descriptor::write(descriptor::standard(1), bytes) {
        Ok(taken) => Ok(taken),
        Err(Errno::EAGAIN) => Ok(0),
        Err(Errno::EPIPE) => Err(Ended::Closed),
        Err(error) => {
            let text: &[u8] = b"unable to write to standard output";
            Err(Ended::Failed(SVCTL.fatal_because(&[text], error)))
        }
    }
}

/// As [`put`]; the exit code is `exit`, or 111 if the bytes cannot be written.
#[must_use]
pub fn write(bytes: &[u8], exit: Exit) -> Exit {
    match put(bytes) {
        Ok(()) | Err(Ended::Closed) => exit,
        Err(Ended::Failed(failed)) => failed,
    }
}

/// As [`write`], for lines: a newline is added to each.
#[must_use]
pub fn write_lines(lines: &[String], exit: Exit) -> Exit {
    if lines.is_empty() {
        return exit;
    }
    write((lines.join("\n") + "\n").as_bytes(), exit)
}
