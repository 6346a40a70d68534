//! Which processes of ours hold the write end of a pipe, found in /proc.
//!
//! A process can pass a descriptor to any other over a socket. So a process that holds the pipe
//! need not be one of ours.

use super::descriptor::HERE;
use super::proc::{self, Process, numbers};
use super::process::{self, Pid};
use super::signal::SignalNumber;
use super::{Errno, file};
use nix::fcntl::OFlag;
use std::os::fd::BorrowedFd;

/// How to recognise the processes that came from our child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    /// By descent from us: their orphans become our children.
    Descent,
    /// By likeness, where orphans become children of process 1: they started no earlier than this
    /// child of ours, and have the real and effective user that it has, or had when it ended.
    Likeness(Pid),
}

/// How many generations of parents are followed.
const GENERATIONS: usize = 1000;
/// How often to begin anew if a parent ends meanwhile.
const TRIES: usize = 3;

/// A process that holds the write end.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// Its pid.
    pub pid: Pid,
    /// Its parent's.
    pub parent: Pid,
    /// Its start time: with the pid, its identity.
    pub start: u64,
}

impl Holder {
    /// Sends it a signal, if no other process has its pid now.
    pub fn send(&self, signal: SignalNumber) {
        if Process::read(self.pid).is_ok_and(|found| found.start == self.start) {
            let _ = process::kill(self.pid, signal);
        }
    }
}

/// All processes of this kinship, except ourselves, that hold the write end of the pipe that `read`
/// reads. Also whether there were processes that we may not look into.
///
/// # Errors
/// Those of fstat(2); those of open(2) without /proc; ENOSYS if /proc is of another pid namespace.
pub fn holders(read: BorrowedFd<'_>, kinship: Kinship) -> Result<(Vec<Holder>, bool), Errno> {
    let pipe = file::facts_of(read)?;
    let mut found = Vec::new();
    let mut unreadable = false;
    if !proc::is_ours() {
        return Err(Errno::ENOSYS);
    }
    for pid in numbers(b"/proc")? {
        if pid == process::our_pid() || !is_kin(pid, kinship) {
            continue;
        }
        match holds(pid, pipe.device, pipe.inode) {
            Ok(true) => {
                if let Ok(process) = Process::read(pid) {
                    found.push(Holder { pid, parent: process.parent, start: process.start });
                }
            }
            Ok(false) => {}
            Err(Errno::EACCES | Errno::EPERM) => unreadable = true,
            Err(_) => {}
        }
    }
    Ok((found, unreadable))
}

fn is_kin(pid: Pid, kinship: Kinship) -> bool {
    match kinship {
        Kinship::Descent => (0..TRIES).find_map(|_| descends(pid)).unwrap_or(false),
        Kinship::Likeness(child) => {
            let users = |pid| proc::users_of(pid).map(|[real, effective, _]| [real, effective]);
            let start = |pid| Process::read(pid).map(|process| process.start);
            users(pid).is_some_and(|found| users(child) == Some(found))
                && start(pid).is_ok_and(|found| start(child).is_ok_and(|child| child <= found))
        }
    }
}

/// Whether a process descends from us. `None` if one of its ancestors ended while we looked: then
/// the next one has another parent now.
fn descends(pid: Pid) -> Option<bool> {
    let mut at = pid;
    for _ in 0..GENERATIONS {
        match Process::read(at) {
            Ok(process) if process.parent == process::our_pid() => return Some(true),
            Ok(process) if process.parent == 0 => return Some(false),
            Ok(process) => at = process.parent,
            Err(_) if at == pid => return Some(false),
            Err(_) => return None,
        }
    }
    Some(false)
}

fn holds(pid: Pid, device: u64, inode: u64) -> Result<bool, Errno> {
    let mut path = [0; 64];
    let directory = proc::path_of(pid, b"/fd", &mut path)?.to_vec();
    for number in numbers(&directory)? {
        let link = [&directory[..], b"/", number.to_string().as_bytes()].concat();
        let Ok(facts) = file::facts(HERE, &link) else { continue };
        if (facts.device, facts.inode) == (device, inode) && is_open_to_write(pid, number) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The access mode of a descriptor: the octal `flags:` line of fdinfo, proc(5).
fn is_open_to_write(pid: Pid, number: u32) -> bool {
    let mut path = [0; 64];
    let rest = format!("/fdinfo/{number}");
    let Ok(path) = proc::path_of(pid, rest.as_bytes(), &mut path) else { return false };
    let mut text = [0; 256];
    let Ok(length) = proc::read_file(path, &mut text) else { return false };
    let text = String::from_utf8_lossy(text.get(..length).unwrap_or_default());
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & OFlag::O_ACCMODE.bits() == OFlag::O_WRONLY.bits())
}
