//! Messages and exit codes.
//!
//! Has the form of every message (`program: fatal: text: reason`, one line, one write), the words
//! for an errno (0.76's own table, not strerror's), and the exit codes. The callers choose the
//! text. Only `cmd` and `main` end the process, and the heap does, through a function from here, if
//! there is no memory.

use crate::fill::fill;
use crate::sys::heap::{self, Hooks};
use crate::sys::{Errno, descriptor, poll, process};
use std::io::IoSlice;
use std::sync::OnceLock;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exit(u8);

impl Exit {
    /// Success: 0.
    pub const SUCCESS: Self = Self(0);
    /// svctl: the result is not what was asked for: 1.
    pub const OTHERWISE: Self = Self(1);
    /// svctl: a service is not up, or not as wanted: 3, as LSB and systemctl have it.
    pub const NOT_UP: Self = Self(3);
    /// svctl: there is no such service: 4.
    pub const NO_SERVICE: Self = Self(4);
    /// Wrong use, or a permanent failure: 100.
    pub const USAGE: Self = Self(100);
    /// A system call failed, or a temporary failure: 111.
    pub const SYSTEM: Self = Self(111);

    /// The exit code of a child, passed on.
    #[must_use]
    pub const fn of_child(code: u8) -> Self {
        Self(code)
    }

    /// The number for exit(3).
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// A program, by its name in messages. The name does not depend on `argv[0]`.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    is_daemon: bool,
}

impl Program {
    /// A program that ends by itself: it waits until stderr takes its messages.
    #[must_use]
    pub const fn command(name: &'static str) -> Self {
        Self { name, is_daemon: false }
    }

    /// A program that must never hang on a full pipe: a message that stderr does not take at once
    /// is dropped.
    #[must_use]
    pub const fn daemon(name: &'static str) -> Self {
        Self { name, is_daemon: true }
    }

    /// `name: text`, if stderr is a terminal; otherwise nothing.
    pub fn notice(self, text: &[&[u8]]) {
        if descriptor::is_terminal(descriptor::standard(2)) {
            self.say(b": ", text, None);
        }
    }

    /// `name: warning: text`
    pub fn warning(self, text: &[&[u8]]) {
        self.say(b": warning: ", text, None);
    }

    /// `name: warning: text: reason`
    pub fn warning_because(self, text: &[&[u8]], reason: Errno) {
        self.say(b": warning: ", text, Some(reason));
    }

    /// `name: fatal: text`, and the exit code 111.
    #[must_use]
    pub fn fatal(self, text: &[&[u8]]) -> Exit {
        self.say(b": fatal: ", text, None);
        Exit::SYSTEM
    }

    /// `name: fatal: text: reason`, and the exit code 111.
    #[must_use]
    pub fn fatal_because(self, text: &[&[u8]], reason: Errno) -> Exit {
        self.say(b": fatal: ", text, Some(reason));
        Exit::SYSTEM
    }

    /// `name: usage: text`, and the exit code 100.
    #[must_use]
    pub fn usage(self, text: &str) -> Exit {
        self.say(b": usage: ", &[text.as_bytes()], None);
        Exit::USAGE
    }

    /// Writes one message. `text` has nine parts at most: further ones would be left out.
    fn say(self, kind: &[u8], text: &[&[u8]], reason: Option<Errno>) {
        let reason = reason.map_or("", words);
        let colon = if reason.is_empty() { "" } else { ": " };
        let mut line: [&[u8]; 14] = [b""; 14];
        let ends = [colon.as_bytes(), reason.as_bytes(), b"\n"];
        let parts = [self.name.as_bytes(), kind].into_iter().chain(text.iter().copied().take(9));
        fill(&mut line, parts.chain(ends));
        write_line(self.is_daemon, &line);
    }
}

/// The program of this process, for messages of the heap, whose callers do not pass it.
static OURSELVES: OnceLock<Program> = OnceLock::new();

/// Lets the heap print messages of `program`, so that lack of memory does not abort it. Called
/// once, before anything else.
pub fn speak_for(program: Program) {
    let _ = OURSELVES.set(program);
    heap::set_hooks(Hooks { end: end_for_want_of_memory, wait: say_that_memory_is_awaited });
}

/// Called by the heap to end the process, since the code that needs memory has no way to return an
/// exit code.
fn end_for_want_of_memory() -> ! {
    if let Some(program) = OURSELVES.get() {
        let _ = program.fatal(&[b"out of memory"]);
    }
    process::leave(Exit::SYSTEM.number())
}

/// Called by the heap before it waits for memory: only prints that it waits.
fn say_that_memory_is_awaited() {
    if let Some(program) = OURSELVES.get() {
        program.warning(&[b"out of memory, pausing"]);
    }
}

/// Writes `line` to stderr unchanged, in one write, for texts that do not have the form `program:
/// kind: `.
pub fn write_raw(line: &[&[u8]]) {
    write_line(false, line);
}

fn write_line(is_daemon: bool, line: &[&[u8]]) {
    let stderr = descriptor::standard(2);
    if is_daemon && !poll::is_ready(poll::writable(stderr)) {
        return;
    }
    let mut slices = [IoSlice::new(b""); 14];
    fill(&mut slices, line.iter().map(|part| IoSlice::new(part)));
    // A failure of stderr itself cannot be reported.
    let _ = descriptor::write_parts(stderr, &slices);
}

/// A number in a message, in decimal digits, without the heap.
#[must_use]
pub fn decimal(number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut left = number;
    let mut used = 0;
    for digit in room.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    room.get(room.len() - used..).unwrap_or_default()
}

/// The text for an errno: the table of 0.76 (contract.md, section 0.2).
#[must_use]
pub const fn words(error: Errno) -> &'static str {
    match error {
        Errno::EINTR => "interrupted system call",
        Errno::ENOMEM => "out of memory",
        Errno::ENOENT => "file does not exist",
        Errno::ETXTBSY => "text busy",
        Errno::EIO => "input/output error",
        Errno::EEXIST => "file already exists",
        Errno::ETIMEDOUT => "timed out",
        Errno::EINPROGRESS => "operation in progress",
        Errno::EAGAIN => "temporary failure",
        Errno::EPIPE => "broken pipe",
        Errno::EPERM => "permission denied",
        Errno::EACCES => "access denied",
        Errno::ENXIO => "device not configured",
        Errno::EPROTO => "protocol error",
        Errno::EISDIR => "is a directory",
        Errno::ECONNREFUSED => "connection refused",
        Errno::ENOTDIR => "not a directory",
        Errno::ESRCH => "no such process",
        Errno::E2BIG => "argument list too long",
        Errno::ENOEXEC => "exec format error",
        Errno::EBADF => "file descriptor not open",
        Errno::ECHILD => "no child processes",
        Errno::EDEADLK => "operation would cause deadlock",
        Errno::EFAULT => "bad address",
        Errno::ENOTBLK => "not a block device",
        Errno::EBUSY => "device busy",
        Errno::EXDEV => "cross-device link",
        Errno::ENODEV => "device does not support operation",
        Errno::EINVAL => "invalid argument",
        Errno::ENFILE => "system cannot open more files",
        Errno::EMFILE => "process cannot open more files",
        Errno::ENOTTY => "not a tty",
        Errno::EFBIG => "file too big",
        Errno::ENOSPC => "out of disk space",
        Errno::ESPIPE => "unseekable descriptor",
        Errno::EROFS => "read-only file system",
        Errno::EMLINK => "too many links",
        Errno::EDOM => "input out of range",
        Errno::ERANGE => "output out of range",
        Errno::ELOOP => "symbolic link loop",
        Errno::ENAMETOOLONG => "file name too long",
        Errno::ENOTEMPTY => "directory not empty",
        Errno::EUSERS => "too many users",
        Errno::EDQUOT => "disk quota exceeded",
        Errno::ESTALE => "stale NFS file handle",
        Errno::ENOLCK => "no locks available",
        Errno::ENOSYS => "system call not available",
        Errno::ENOBUFS => "out of buffer space",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_fits_into_the_room_for_its_digits() {
        for number in [0, 7, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }

    #[test]
    fn the_two_refusals_are_not_swapped() {
        assert_eq!(words(Errno::EPERM), "permission denied");
        assert_eq!(words(Errno::EACCES), "access denied");
        assert_eq!(words(Errno::EL2HLT), "unknown error");
    }
}
