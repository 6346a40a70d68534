//! `/proc/PID/stat`: what identifies a process, and its state.

use super::{number, path_of, read_file};
use crate::sys::Errno;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::process::Pid;
use std::os::fd::{BorrowedFd, OwnedFd};

/// How many clock ticks a second has in /proc, on x86-64 and aarch64.
pub const TICKS: u64 = 100;

/// What `/proc/PID/stat` says, proc(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// One letter; `Z` is a zombie, `X` is dead.
    pub state: u8,
    /// The parent's pid.
    pub parent: Pid,
    /// The process group.
    pub group: Pid,
    /// The session.
    pub session: Pid,
    /// How many threads it has, a zombie leader included.
    pub threads: u32,
    /// When it started, in clock ticks since boot: with the pid, its identity.
    pub start: u64,
}

impl Process {
    /// Reads `/proc/PID/stat`.
    ///
    /// # Errors
    /// ENOENT or ESRCH if there is no such process; ENOSYS if /proc does not have our pids; EINVAL
    /// for a line that is not as in proc(5).
    pub fn read(pid: Pid) -> Result<Self, Errno> {
        let mut path = [0; 32];
        let path = path_of(pid, b"/stat", &mut path)?;
        // A line has at most about 300 bytes: a name of 16 bytes and 50 numbers.
        let mut line = [0; 512];
        let length = read_file(path, &mut line)?;
        parse_stat(line.get(..length).unwrap_or_default()).ok_or(Errno::EINVAL)
    }

    /// Opens `/proc/PID/stat`, to look at this process again and again. The open file never shows a
    /// later process of the same number.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn open(pid: Pid) -> Result<OwnedFd, Errno> {
        let mut path = [0; 32];
        descriptor::open(HERE, path_of(pid, b"/stat", &mut path)?, Purpose::Read)
    }

    /// Reads what [`Self::open`] opened.
    ///
    /// # Errors
    /// ESRCH when the process is gone; EINVAL as in [`Self::read`].
    pub fn read_open(stat: BorrowedFd<'_>) -> Result<Self, Errno> {
        let mut line = [0; 512];
        let length = descriptor::read_at(stat, &mut line, 0)?;
        parse_stat(line.get(..length).unwrap_or_default()).ok_or(Errno::EINVAL)
    }

    /// Whether it still runs: a zombie does only while another thread of it lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, b'X' | b'x') && (self.state != b'Z' || self.threads > 1)
    }
}

/// Whether a process has this name, of 15 bytes at most, as in `/proc/PID/comm`.
#[must_use]
pub fn is_named(pid: Pid, name: &[u8]) -> bool {
    // 2.6.32 has no comm file: take the name in brackets from stat.
    let mut path = [0; 32];
    let Ok(path) = path_of(pid, b"/stat", &mut path) else { return false };
    let mut line = [0; 512];
    let Ok(length) = read_file(path, &mut line) else { return false };
    let line = line.get(..length).unwrap_or_default();
    let open = line.iter().position(|&byte| byte == b'(').map(|at| at + 1);
    let close = line.iter().rposition(|&byte| byte == b')');
    open.zip(close).and_then(|(open, close)| line.get(open..close)) == Some(name)
}

/// Whether an error of [`Process::read`] means that there is no such process; any other means that
/// we could not look (no descriptor left, no memory, a hidden /proc).
#[must_use]
pub fn means_gone(error: Errno) -> bool {
    matches!(error, Errno::ENOENT | Errno::ESRCH)
}

/// The fields of a stat line. The name in brackets may contain anything, even brackets and spaces.
fn parse_stat(line: &[u8]) -> Option<Process> {
    let close = line.iter().rposition(|&byte| byte == b')')?;
    let mut fields = line.get(close + 1..)?.split(|&byte| byte == b' ').filter(|f| !f.is_empty());
    // proc(5) counts from 1; the first field after the name is number 3.
    let mut field = |skip: usize| fields.nth(skip);
    let state = *field(0)?.first()?;
    let parent = number(field(0)?)?;
    let group = number(field(0)?)?;
    let session = number(field(0)?)?;
    let threads = number(field(13)?)?;
    let start = number(field(1)?)?;
    Some(Process {
        state,
        parent: Pid::try_from(parent).ok()?,
        group: Pid::try_from(group).ok()?,
        session: Pid::try_from(session).ok()?,
        threads: u32::try_from(threads).ok()?,
        start,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_past_any_name() {
        let line = b"42 (a) (b) S 7 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 1 2\n";
        let expected =
            Process { state: b'S', parent: 7, group: 42, session: 41, threads: 3, start: 987_654 };
        assert_eq!(parse_stat(line), Some(expected));
        assert_eq!(parse_stat(b"42 (a) S 7"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn we_are_alive_and_known_by_the_same_start_time() {
        let own = std::process::id();
        let first = Process::read(own).unwrap();
        assert!(first.is_alive());
        assert_eq!(first.start, Process::read(own).unwrap().start);
    }

    #[test]
    fn a_zombie_lives_only_through_its_other_threads() {
        let zombie = Process { state: b'Z', parent: 1, group: 1, session: 1, threads: 1, start: 1 };
        assert!(!zombie.is_alive());
        assert!(Process { threads: 2, ..zombie }.is_alive());
    }
}
