//! Finds processes by name, by the directory they work in, or by their group.

use super::descriptors::last_name;
use super::{
    Process, TICKS, any_number, is_named, now_in_ticks, number, numbers, path_of, read_file,
};
use crate::sys::Errno;
use crate::sys::descriptor::HERE;
use crate::sys::file::{self, Facts};
use crate::sys::heap;
use crate::sys::process::{self, Pid};
use crate::sys::signal::SignalNumber;
use core::time::Duration;

/// Whether process `pid` works in the directory of these facts.
#[must_use]
pub fn works_in(pid: Pid, directory: &Facts) -> bool {
    let mut path = [0; 32];
    path_of(pid, b"/cwd", &mut path)
        .and_then(|path| file::facts(HERE, path))
        .is_ok_and(|cwd| (cwd.device, cwd.inode) == (directory.device, directory.inode))
}

/// How many bytes of a program's environment are read.
const ENVIRONMENT: usize = 1 << 17;

/// Whether process `pid` was started in the directory of these facts, going by the PWD of its first
/// environment.
#[must_use]
pub fn was_started_in(pid: Pid, directory: &Facts) -> bool {
    let mut path = [0; 32];
    let Ok(path) = path_of(pid, b"/environ", &mut path) else { return false };
    let Some(mut text) = heap::with_room(ENVIRONMENT) else { return false };
    text.resize(ENVIRONMENT, 0);
    let length = read_file(path, &mut text).unwrap_or(0);
    let mut strings = text.get(..length).unwrap_or_default().split(|&byte| byte == 0);
    let place = strings.find_map(|string| string.strip_prefix(b"PWD="));
    place.is_some_and(|place| {
        file::facts(HERE, place)
            .is_ok_and(|found| (found.device, found.inode) == (directory.device, directory.inode))
    })
}

/// The environment that process `pid` was exec'd with, as far as it is looked at: its strings, a
/// NUL byte after each.
///
/// # Errors
/// Those of open(2) and read(2).
pub fn environment_of(pid: Pid) -> Result<Vec<u8>, Errno> {
    let mut path = [0; 32];
    let path = path_of(pid, b"/environ", &mut path)?;
    let mut text = vec![0; ENVIRONMENT];
    let length = read_file(path, &mut text)?;
    text.truncate(length);
    Ok(text)
}

/// The control groups of process `pid`, a line each.
///
/// # Errors
/// Those of open(2) and read(2).
pub fn control_group_of(pid: Pid) -> Result<Vec<u8>, Errno> {
    let mut path = [0; 32];
    let path = path_of(pid, b"/cgroup", &mut path)?;
    let mut text = vec![0; 4096];
    let length = read_file(path, &mut text)?;
    text.truncate(length);
    Ok(text)
}

/// The path of the program of process `pid`, with ` (deleted)` at the end if that name is gone, and
/// the facts of its file.
///
/// # Errors
/// Those of readlink(2) and stat(2).
pub fn program_of(pid: Pid) -> Result<(Vec<u8>, Facts), Errno> {
    let mut path = [0; 32];
    let path = path_of(pid, b"/exe", &mut path)?;
    Ok((file::link_target(HERE, path)?, file::facts(HERE, path)?))
}

/// Whether process group and session `leader` is still the one that process `leader` made. It is if
/// a member of the group existed at `moment` (in clock ticks since boot), when that process was
/// known to live, or works in the directory of these facts. The kernel gives no pid to a new
/// process while a group has that number, so as long as one old member lives, the group is the old
/// one.
#[must_use]
pub fn is_group_of(leader: Pid, moment: u64, directory: &Facts) -> bool {
    let is_proof = |pid| {
        let found = Process::read(pid);
        found.is_ok_and(|found| {
            (found.group, found.session) == (leader, leader)
                && (found.start <= moment || works_in(pid, directory))
        })
    };
    any_number(b"/proc", is_proof).unwrap_or(false)
}

/// Whether a process belongs to root or to us alone. Only then do we trust its name, its directory
/// and its descriptors.
///
/// Its effective user alone proves nothing: any user can start `su`, which runs as root, under a
/// name and in a directory of the user's choice. So the real, the effective and the saved user must
/// all be root or we, and the program must have no set-id bit. A process that we may not look at is
/// not trusted.
#[must_use]
pub fn is_trusted(pid: Pid) -> bool {
    let us = file::our_user();
    users_of(pid).is_some_and(|users| users.iter().all(|&user| user == 0 || user == us))
        && !runs_set_id(pid)
}

/// The real, effective and saved user id of a process: the `Uid:` line of `/proc/PID/status`. A
/// zombie still has them.
#[must_use]
pub fn users_of(pid: Pid) -> Option<[u32; 3]> {
    let mut path = [0; 32];
    let path = path_of(pid, b"/status", &mut path).ok()?;
    // The line is among the first ten.
    let mut text = [0; 1024];
    let length = read_file(path, &mut text).ok()?;
    users_in(text.get(..length)?)
}

fn users_in(status: &[u8]) -> Option<[u32; 3]> {
    // The process's name cannot forge such a line: a newline in it is shown as `\n`.
    let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    let mut ids = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let mut id = || u32::try_from(number(ids.next()?)?).ok();
    Some([id()?, id()?, id()?])
}

/// Whether the program of a process has a set-user-id or set-group-id bit, or cannot be looked at.
fn runs_set_id(pid: Pid) -> bool {
    let mut path = [0; 32];
    path_of(pid, b"/exe", &mut path)
        .and_then(|path| file::facts(HERE, path))
        .map_or(true, |facts| facts.mode & 0o6000 != 0)
}

/// Whether a process has our root directory: then a path means the same for it and for us.
#[must_use]
pub fn has_our_root(pid: Pid) -> bool {
    let root = |pid: Pid| {
        let mut path = [0; 32];
        file::facts(HERE, path_of(pid, b"/root", &mut path)?)
    };
    let is_same =
        |ours: Facts, other: Facts| (ours.device, ours.inode) == (other.device, other.inode);
    root(process::our_pid()).is_ok_and(|ours| root(pid).is_ok_and(|other| is_same(ours, other)))
}

/// Whether a process blocks a signal, as our daemons do to read it from a descriptor: then sending
/// it does no harm. The `SigBlk:` line of `/proc/PID/status`.
#[must_use]
pub fn blocks(pid: Pid, signal: SignalNumber) -> bool {
    has_in_mask(pid, signal, BLOCKED)
}

/// Whether a process ignores a signal. The `SigIgn:` line of `/proc/PID/status`.
#[must_use]
pub fn ignores(pid: Pid, signal: SignalNumber) -> bool {
    has_in_mask(pid, signal, IGNORED)
}

/// The titles of two lines of `/proc/PID/status`: a bit for each signal that is blocked or ignored.
const BLOCKED: &[u8] = b"SigBlk:";
const IGNORED: &[u8] = b"SigIgn:";

fn has_in_mask(pid: Pid, signal: SignalNumber, title: &[u8]) -> bool {
    let mut path = [0; 32];
    let Ok(path) = path_of(pid, b"/status", &mut path) else { return false };
    let mut text = [0; 4096];
    let length = read_file(path, &mut text).unwrap_or(0);
    mask_in(text.get(..length).unwrap_or_default(), title)
        .is_some_and(|mask| mask >> signal.saturating_sub(1) & 1 == 1)
}

fn mask_in(status: &[u8], title: &[u8]) -> Option<u64> {
    let mask = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(title))?;
    u64::from_str_radix(std::str::from_utf8(mask).ok()?.trim(), 16).ok()
}

/// Every trusted process of this name that works in the directory of these facts. It checks the
/// directory first, which costs a third of checking the name.
#[must_use]
pub fn workers_in(directory: &Facts, name: &[u8]) -> Vec<Pid> {
    let pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.filter(|&pid| is_worker_in(pid, directory, name)).collect()
}

/// Whether any trusted process of this name works in the directory of these facts. It stops at the
/// first.
#[must_use]
pub fn has_worker_in(directory: &Facts, name: &[u8]) -> bool {
    let mut pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.any(|pid| is_worker_in(pid, directory, name))
}

fn is_worker_in(pid: Pid, directory: &Facts, name: &[u8]) -> bool {
    works_in(pid, directory) && is_named(pid, name) && is_trusted(pid)
}

/// A process and the directory it works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its pid.
    pub pid: Pid,
    /// The directory that it works in.
    pub directory: Facts,
    /// The last name of that directory, even if the directory has been removed.
    pub name: Vec<u8>,
    /// The parent of that directory.
    pub around: Option<Facts>,
}

impl Worker {
    /// Process `pid`, if it may be looked at.
    #[must_use]
    pub fn of(pid: Pid) -> Option<Self> {
        let mut path = [0; 32];
        let path = path_of(pid, b"/cwd", &mut path).ok()?;
        let target = file::link_target(HERE, path).ok()?;
        Some(Self {
            pid,
            directory: file::facts(HERE, path).ok()?,
            name: last_name(&target).to_vec(),
            around: file::facts(HERE, &[path, b"/.."].concat()).ok(),
        })
    }
}

/// Every trusted process of this name, and where it works.
#[must_use]
pub fn workers(name: &[u8]) -> Vec<Worker> {
    processes_named(name).into_iter().filter_map(Worker::of).collect()
}

/// Every trusted process that has one of these names and is not older than `age`.
#[must_use]
pub fn processes_since(age: Duration, names: &[&[u8]]) -> Vec<Pid> {
    let moment = now_in_ticks().unwrap_or(0).saturating_sub(age.as_secs() * TICKS);
    let is_young = |pid| Process::read(pid).is_ok_and(|found| found.start >= moment);
    let pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.filter(|&pid| {
        is_young(pid) && names.iter().any(|name| is_named(pid, name)) && is_trusted(pid)
    })
    .collect()
}

/// Every trusted process of this name.
#[must_use]
pub fn processes_named(name: &[u8]) -> Vec<Pid> {
    let pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.filter(|&pid| is_named(pid, name) && is_trusted(pid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_users_are_read_from_their_own_line() {
        let status = b"Name:\tUid:\\n0\nUmask:\t0022\nUid:\t1000\t0\t7\t0\nGid:\t1\t2\t3\t4\n";
        assert_eq!(users_in(status), Some([1000, 0, 7]));
        // 2.6.32 has no Umask line. A line that is cut off is not believed.
        assert_eq!(users_in(b"Name:\tx\nUid:\t0\t0\t0\t0\n"), Some([0, 0, 0]));
        for status in [&b"Name:\tx\n"[..], b"Uid:\t0\t0\n", b"Uid:\t0\t0\t4294967296\n"] {
            assert_eq!(users_in(status), None);
        }
    }

    #[test]
    fn the_mask_of_blocked_signals_is_read_from_its_own_line() {
        let status = b"Name:\tSigBlk:\\n1\nSigQ:\t0/62\nSigBlk:\t0000000020000000\nSigIgn:\t1\n";
        assert_eq!(mask_in(status, BLOCKED), Some(1 << 29));
        assert_eq!(mask_in(status, IGNORED), Some(1));
        assert_eq!(mask_in(b"Name:\tx\n", BLOCKED), None);
        let us = std::process::id();
        // The C library blocks all signals for the moment in which it starts a thread, and the
        // first thread of a test program starts many.
        assert!((0..1000).any(|_| !blocks(us, crate::sys::signal::SIGPWR)));
        assert!(has_our_root(us));
    }

    #[test]
    fn we_trust_ourselves_and_no_process_that_has_ended() {
        assert!(is_trusted(std::process::id()));
        assert!(!is_trusted(u32::MAX));
    }
}
