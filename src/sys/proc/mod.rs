//! /proc: who a process is, whose lock a file is, which boot this is.
//!
//! Where /proc is not mounted every question answers "not known", and callers do without. [`stat`]
//! reads one process, [`search`] looks for processes, [`descriptors`] looks at what they have open,
//! [`boot`](mod@boot) knows this boot and its clock.

pub mod boot;
pub mod descriptors;
pub mod search;
pub mod stat;

pub use boot::*;
pub use descriptors::*;
pub use search::*;
pub use stat::*;

use super::Errno;
use super::descriptor::{self, HERE, Purpose};
use super::process::Pid;
use std::os::fd::AsFd;

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

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim_end().parse().ok()
}
