//! /proc: what a process is, what it has open, which boot this is.
//!
//! If /proc is not mounted, or is of another pid namespace, every answer is "not known"
//! ([`is_ours`]), and callers do without. [`stat`] reads one process, [`search`] looks for
//! processes, [`descriptors`] looks at what they have open, [`ports`] finds out who listens on a
//! port, [`boot`](mod@boot) knows this boot and its clock. [`census`](mod@census) counts all
//! processes.

pub mod boot;
pub mod census;
pub mod descriptors;
pub mod ports;
pub mod search;
pub mod stat;

pub use boot::*;
pub use census::*;
pub use descriptors::*;
pub use ports::*;
pub use search::*;
pub use stat::*;

use super::descriptor::{self, HERE, Purpose};
use super::process::{self, Pid};
use super::{Errno, directory, file};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// The entries of a directory that are numbers, such as the pids of /proc or the descriptors of a
/// process.
///
/// # Errors
/// Those of open(2) and getdents(2).
pub fn numbers(path: &[u8]) -> Result<Vec<u32>, Errno> {
    let mut numbers = Vec::new();
    any_number(path, |number| {
        numbers.push(number);
        false
    })?;
    Ok(numbers)
}

/// Whether `is_it` holds for any number in a directory, as [`numbers`] lists them. Makes no list.
///
/// # Errors
/// Those of open(2) and getdents(2).
pub fn any_number(path: &[u8], mut is_it: impl FnMut(u32) -> bool) -> Result<bool, Errno> {
    let directory = descriptor::open(HERE, path, Purpose::Directory)?;
    directory::any_in(directory.as_fd(), |entry| {
        let number = number(entry.name).and_then(|number| u32::try_from(number).ok());
        number.is_some_and(&mut is_it)
    })
}

pub(super) fn read_file(path: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
    let file = descriptor::open(HERE, path, Purpose::Read)?;
    descriptor::read(file.as_fd(), buffer)
}

/// Whether /proc has the pids of our own namespace. A sandbox may have no /proc, or that of the
/// system around it, where each number belongs to another process.
#[must_use]
pub fn is_ours() -> bool {
    // Once true it is not asked again: that would cost a read for each path.
    static IS_OURS: AtomicBool = AtomicBool::new(false);
    if IS_OURS.load(Ordering::Relaxed) {
        return true;
    }
    let mut link = [0; 32];
    let link = file::link_target_in(HERE, c"/proc/self", &mut link).unwrap_or_default();
    let is_ours = number(link) == Some(u64::from(process::our_pid()));
    IS_OURS.store(is_ours, Ordering::Relaxed);
    is_ours
}

/// Writes `/proc/PID` and `rest` into `buffer`. Every path of a process in /proc is made here.
///
/// # Errors
/// ENOSYS when /proc is not ours; ENAMETOOLONG when the buffer is too small.
pub fn path_of<'a>(pid: Pid, rest: &[u8], buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    use std::io::Write;
    if !is_ours() {
        return Err(Errno::ENOSYS);
    }
    let room = buffer.len();
    let mut left = &mut *buffer;
    write!(left, "/proc/{pid}").map_err(|_| Errno::ENAMETOOLONG)?;
    left.write_all(rest).map_err(|_| Errno::ENAMETOOLONG)?;
    let used = room - left.len();
    buffer.get(..used).ok_or(Errno::ENAMETOOLONG)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim_end().parse().ok()
}
