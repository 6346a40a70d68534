//! /proc: who a process is, whose lock a file is, which boot this is.
//!
//! Where /proc is not mounted every question answers "not known", and callers do without.

use super::file::{self, Facts};
use super::process::Pid;
use super::{Errno, descriptor};
use descriptor::{HERE, Purpose};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Clock ticks a second in /proc, on every x86-64.
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
    /// ENOENT or ESRCH when there is no such process (or no /proc); EINVAL for a line that does
    /// not read as proc(5) says.
    pub fn read(pid: Pid) -> Result<Self, Errno> {
        let mut path = [0; 32];
        let path = path_of(pid, b"/stat", &mut path)?;
        // A line is at most some 300 bytes: 16 of name, 50 numbers.
        let mut line = [0; 512];
        let length = read_file(path, &mut line)?;
        parse_stat(line.get(..length).unwrap_or_default()).ok_or(Errno::EINVAL)
    }

    /// Whether it still runs: a zombie does only while another thread of it lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, b'X' | b'x') && (self.state != b'Z' || self.threads > 1)
    }
}

/// The name of a process (`/proc/PID/comm`), at most 15 bytes, compared with `name`.
#[must_use]
pub fn is_named(pid: Pid, name: &[u8]) -> bool {
    // 2.6.32 has no comm file: the name stands in brackets in stat.
    let mut path = [0; 32];
    let Ok(path) = path_of(pid, b"/stat", &mut path) else { return false };
    let mut line = [0; 512];
    let Ok(length) = read_file(path, &mut line) else { return false };
    let line = line.get(..length).unwrap_or_default();
    let open = line.iter().position(|&byte| byte == b'(').map(|at| at + 1);
    let close = line.iter().rposition(|&byte| byte == b')');
    open.zip(close).and_then(|(open, close)| line.get(open..close)) == Some(name)
}

/// This boot, as the kernel names it (`/proc/sys/kernel/random/boot_id`), 16 bytes; zeroes where
/// it cannot be had.
#[must_use]
pub fn boot() -> [u8; 16] {
    let mut text = [0; 64];
    let mut id = [0; 16];
    let Ok(length) = read_file(b"/proc/sys/kernel/random/boot_id", &mut text) else { return id };
    let text = text.get(..length).unwrap_or_default();
    let mut digits = text.iter().filter_map(|&byte| char::from(byte).to_digit(16));
    for byte in &mut id {
        let (Some(high), Some(low)) = (digits.next(), digits.next()) else { return [0; 16] };
        *byte = u8::try_from(high * 16 + low).unwrap_or(0);
    }
    id
}

/// When this boot began by the wall clock as it stands (`btime` in /proc/stat), in seconds since
/// 1970; a later step of the clock moves it.
#[must_use]
pub fn boot_time() -> Option<u64> {
    // After the per-processor lines: they may be many.
    let text = std::fs::read("/proc/stat").ok()?;
    let line = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"btime "))?;
    number(line)
}

/// Whether process `pid` works in the directory of these facts.
#[must_use]
pub fn works_in(pid: Pid, directory: &Facts) -> bool {
    let mut path = [0; 32];
    path_of(pid, b"/cwd", &mut path)
        .and_then(|path| file::facts(HERE, path))
        .is_ok_and(|cwd| (cwd.device, cwd.inode) == (directory.device, directory.inode))
}

/// Whether process `pid` was started in the directory of these facts, by the PWD in the
/// environment it was exec'd with.
#[must_use]
pub fn was_started_in(pid: Pid, directory: &Facts) -> bool {
    let mut path = [0; 32];
    let Ok(path) = path_of(pid, b"/environ", &mut path) else { return false };
    let mut text = vec![0; 1 << 17];
    let length = read_file(path, &mut text).unwrap_or(0);
    let mut strings = text.get(..length).unwrap_or_default().split(|&byte| byte == 0);
    let place = strings.find_map(|string| string.strip_prefix(b"PWD="));
    place.is_some_and(|place| {
        file::facts(HERE, place)
            .is_ok_and(|found| (found.device, found.inode) == (directory.device, directory.inode))
    })
}

/// The pid namespace we count pids in (the inode of `/proc/self/ns/pid`); 0 on kernels that do
/// not show it.
#[must_use]
pub fn pid_namespace() -> u64 {
    file::facts(HERE, b"/proc/self/ns/pid").map_or(0, |facts| facts.inode)
}

/// The entries of a directory that are numbers: the pids of /proc, the descriptors of a process.
///
/// # Errors
/// Those of open(2) and getdents(2).
pub fn numbers(path: &[u8]) -> Result<Vec<u32>, Errno> {
    let directory = descriptor::open(HERE, path, Purpose::Directory)?;
    let mut directory = nix::dir::Dir::from_fd(directory)?;
    let names = directory.iter().filter_map(|entry| {
        std::str::from_utf8(entry.ok()?.file_name().to_bytes()).ok()?.parse().ok()
    });
    Ok(names.collect())
}

/// Whether an error of [`Process::read`] means that there is no such process; any other only says
/// that we could not look (no descriptor left, no memory, a hidden /proc).
#[must_use]
pub fn means_gone(error: Errno) -> bool {
    matches!(error, Errno::ENOENT | Errno::ESRCH)
}

/// This moment in the clock ticks since boot that start times are in.
#[must_use]
pub fn now_in_ticks() -> Option<u64> {
    let mut text = [0; 64];
    let length = read_file(b"/proc/uptime", &mut text).ok()?;
    let first = text.get(..length)?.split(|&byte| byte == b' ').next()?;
    let mut parts = first.split(|&byte| byte == b'.');
    // Two digits behind the point: hundredths, which the ticks are.
    Some(number(parts.next()?)? * TICKS + number(parts.next()?)?)
}

/// Whether process group and session `leader` still has a member that was there at `moment`: then
/// its number cannot have been given to anyone else since.
#[must_use]
pub fn has_member_since(leader: Pid, moment: u64) -> bool {
    numbers(b"/proc").unwrap_or_default().into_iter().any(|pid| {
        Process::read(pid).is_ok_and(|found| {
            found.group == leader && found.session == leader && found.start <= moment
        })
    })
}

/// Whether a process is root's or our own: nobody else's name or descriptors mean anything.
#[must_use]
pub fn is_trusted(pid: Pid) -> bool {
    let mut path = [0; 32];
    path_of(pid, b"", &mut path)
        .and_then(|path| file::facts(HERE, path))
        .is_ok_and(|facts| facts.owner == 0 || facts.owner == file::our_user())
}

/// Every process of this name, root's or our own, that works in the directory of these facts. The directory is looked
/// at first: that costs a third of what the name does.
#[must_use]
pub fn workers_in(directory: &Facts, name: &[u8]) -> Vec<Pid> {
    let pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.filter(|&pid| works_in(pid, directory) && is_named(pid, name) && is_trusted(pid)).collect()
}

/// Every process of this name, root's or our own, with the facts of the directory it works in.
#[must_use]
pub fn working_directories(name: &[u8]) -> Vec<(Pid, Facts)> {
    let with_facts = |pid| {
        let mut path = [0; 32];
        let path = path_of(pid, b"/cwd", &mut path).ok()?;
        Some((pid, file::facts(HERE, path).ok()?))
    };
    processes_named(name).into_iter().filter_map(with_facts).collect()
}

/// Every process of this name, root's or our own.
#[must_use]
pub fn processes_named(name: &[u8]) -> Vec<Pid> {
    let pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.filter(|&pid| is_named(pid, name) && is_trusted(pid)).collect()
}

/// Whether process `pid` has the file of these facts open.
#[must_use]
pub fn has_open(pid: Pid, facts: &Facts) -> bool {
    let mut path = [0; 32];
    let Ok(path) = path_of(pid, b"/fd", &mut path) else { return false };
    numbers(path).unwrap_or_default().into_iter().any(|number| {
        descriptor_facts(pid, number)
            .is_ok_and(|found| (found.device, found.inode) == (facts.device, facts.inode))
    })
}

/// The facts of what is behind a descriptor of another process.
///
/// # Errors
/// Those of stat(2).
pub fn descriptor_facts(pid: Pid, number: u32) -> Result<Facts, Errno> {
    file::facts(HERE, &descriptor_path(pid, number))
}

/// Whether a descriptor of another process is open for reading: the mode of its link says so.
#[must_use]
pub fn is_open_for_reading(pid: Pid, number: u32) -> bool {
    file::facts_no_link(HERE, &descriptor_path(pid, number))
        .is_ok_and(|facts| facts.mode & 0o400 != 0)
}

/// The descriptor of another process on the file that it opened under this last name, whether or
/// not the file still has it.
#[must_use]
pub fn descriptor_opened_as(pid: Pid, name: &[u8]) -> Option<u32> {
    let mut path = [0; 32];
    let path = path_of(pid, b"/fd", &mut path).ok()?;
    numbers(path).unwrap_or_default().into_iter().find(|&number| {
        file::link_target(HERE, &descriptor_path(pid, number))
            .is_ok_and(|target| last_name(&target) == name)
    })
}

/// The last name on the path behind a link of /proc, which says so if the file has lost it.
fn last_name(target: &[u8]) -> &[u8] {
    let path = target.strip_suffix(b" (deleted)").unwrap_or(target);
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// The last name of what a descriptor of ours was opened as.
///
/// # Errors
/// Those of readlink(2).
pub fn name_of(descriptor: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let number = u32::try_from(descriptor.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let target = file::link_target(HERE, &descriptor_path(std::process::id(), number))?;
    Ok(last_name(&target).to_vec())
}

/// Opens the directory that a process works in, or one at `rest` from there.
///
/// # Errors
/// Those of open(2).
pub fn open_working_directory(pid: Pid, rest: &[u8]) -> Result<OwnedFd, Errno> {
    let mut path = [0; 32];
    let path = path_of(pid, &[b"/cwd", rest].concat(), &mut path)?;
    descriptor::open(HERE, path, Purpose::Directory)
}

/// Opens anew what is behind a descriptor of another process, close-on-exec.
///
/// # Errors
/// Those of open(2).
pub fn open_anew(pid: Pid, number: u32, purpose: Purpose) -> Result<OwnedFd, Errno> {
    descriptor::open(HERE, &descriptor_path(pid, number), purpose)
}

/// Opens a pipe end of its own on the pipe behind a descriptor of another process, blocking as
/// pipes are, close-on-exec.
///
/// # Errors
/// Those of open(2).
pub fn reopen(pid: Pid, number: u32, purpose: Purpose) -> Result<OwnedFd, Errno> {
    let end = open_anew(pid, number, purpose)?;
    descriptor::set_blocking(end.as_fd(), true)?;
    Ok(end)
}

fn descriptor_path(pid: Pid, number: u32) -> Vec<u8> {
    format!("/proc/{pid}/fd/{number}").into_bytes()
}

fn read_file(path: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
    let file = descriptor::open(HERE, path, Purpose::Read)?;
    descriptor::read(file.as_fd(), buffer)
}

/// Writes `/proc/PID` and `rest` into `buffer`.
///
/// # Errors
/// ENAMETOOLONG when the buffer is too small.
pub fn path_of<'a>(pid: Pid, rest: &[u8], buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    use std::io::Write;
    let room = buffer.len();
    let mut left = &mut *buffer;
    write!(left, "/proc/{pid}").map_err(|_| Errno::ENAMETOOLONG)?;
    left.write_all(rest).map_err(|_| Errno::ENAMETOOLONG)?;
    let used = room - left.len();
    buffer.get(..used).ok_or(Errno::ENAMETOOLONG)
}

/// The fields of a stat line; the name, in brackets, may hold anything, brackets and spaces too.
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

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim_end().parse().ok()
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
    fn a_file_keeps_its_last_name_when_it_is_removed() {
        assert_eq!(last_name(b"/service/a/supervise/control"), b"control");
        assert_eq!(last_name(b"/service/a/supervise/control (deleted)"), b"control");
        assert_eq!(last_name(b"pipe:[12]"), b"pipe:[12]");
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
