//! The descriptors of other processes, looked at and opened anew through /proc.

use super::{numbers, path_of};
use crate::sys::Errno;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::process::{self, Pid};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

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

/// The facts of the file that another process has open as this descriptor.
///
/// # Errors
/// Those of stat(2).
pub fn descriptor_facts(pid: Pid, number: u32) -> Result<Facts, Errno> {
    at(pid, number, |path| file::facts(HERE, path))
}

/// Whether a descriptor of another process is open for reading: the mode of its link in /proc shows
/// this.
#[must_use]
pub fn is_open_for_reading(pid: Pid, number: u32) -> bool {
    at(pid, number, |path| file::facts_no_link(HERE, path))
        .is_ok_and(|facts| facts.mode & 0o400 != 0)
}

/// The descriptor of a file that another process opened under this last name, even if the file has
/// lost that name since.
#[must_use]
pub fn descriptor_opened_as(pid: Pid, name: &[u8]) -> Option<u32> {
    let mut path = [0; 32];
    let path = path_of(pid, b"/fd", &mut path).ok()?;
    numbers(path).unwrap_or_default().into_iter().find(|&number| {
        at(pid, number, |path| file::link_target(HERE, path))
            .is_ok_and(|target| last_name(&target) == name)
    })
}

/// The last name in the target of a link of /proc, without the ` (deleted)` of a file that has lost
/// its name.
pub(super) fn last_name(target: &[u8]) -> &[u8] {
    let path = target.strip_suffix(b" (deleted)").unwrap_or(target);
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// The present path of a descriptor of ours, with ` (deleted)` at the end if it has none any more.
///
/// # Errors
/// Those of readlink(2).
pub fn path_behind(descriptor: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let number = u32::try_from(descriptor.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    at(process::our_pid(), number, |path| file::link_target(HERE, path))
}

/// The last name under which a descriptor of ours was opened.
///
/// # Errors
/// Those of readlink(2).
pub fn name_of(descriptor: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    path_behind(descriptor).map(|path| last_name(&path).to_vec())
}

/// The path of the directory that a process works in, with ` (deleted)` at the end if it has none
/// any more.
///
/// # Errors
/// Those of readlink(2).
pub fn working_directory(pid: Pid) -> Result<Vec<u8>, Errno> {
    let mut path = [0; 32];
    let path = path_of(pid, b"/cwd", &mut path)?;
    file::link_target(HERE, path)
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

/// Opens anew, to write, the FIFO that another process has open as this descriptor.
///
/// # Errors
/// ENXIO if it is no FIFO, or has no reader; those of open(2).
pub fn open_fifo_anew(pid: Pid, number: u32) -> Result<OwnedFd, Errno> {
    let is_fifo = |facts: Facts| if facts.kind == Kind::Fifo { Ok(()) } else { Err(Errno::ENXIO) };
    descriptor_facts(pid, number).and_then(is_fifo)?;
    let write = open_anew(pid, number, Purpose::Write)?;
    file::facts_of(write.as_fd()).and_then(is_fifo).map(|()| write)
}

/// Opens anew, close-on-exec, the file that another process has open as this descriptor.
///
/// # Errors
/// Those of open(2).
pub fn open_anew(pid: Pid, number: u32, purpose: Purpose) -> Result<OwnedFd, Errno> {
    at(pid, number, |path| descriptor::open(HERE, path, purpose))
}

/// Opens an end of the pipe that another process has open as this descriptor: blocking, as pipes
/// are, and close-on-exec.
///
/// # Errors
/// Those of open(2).
pub fn reopen(pid: Pid, number: u32, purpose: Purpose) -> Result<OwnedFd, Errno> {
    let end = open_anew(pid, number, purpose)?;
    descriptor::set_blocking(end.as_fd(), true)?;
    Ok(end)
}

/// Closes all inherited descriptors except the standard ones, such as the pipe through which an
/// init reads its script: no child of ours must hold it open. Call it at the start of a program,
/// before it opens anything.
pub fn close_inherited() {
    let numbers = numbers(b"/proc/self/fd").unwrap_or_else(|_| (0..256).collect());
    for number in numbers.into_iter().filter(|&number| number > 2) {
        drop(i32::try_from(number).ok().and_then(|number| descriptor::inherited(number, |_| true)));
    }
}

/// Calls `look` with the path in /proc of a descriptor of a process.
pub(super) fn at<T>(
    pid: Pid,
    number: u32,
    look: impl FnOnce(&[u8]) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let mut name = [0; 16];
    let room = name.len();
    let mut left = &mut name[..];
    write!(left, "/fd/{number}").map_err(|_| Errno::ENAMETOOLONG)?;
    let used = room - left.len();
    let mut path = [0; 40];
    look(path_of(pid, name.get(..used).unwrap_or_default(), &mut path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_last_name_when_it_is_removed() {
        assert_eq!(last_name(b"/service/a/supervise/control"), b"control");
        assert_eq!(last_name(b"/service/a/supervise/control (deleted)"), b"control");
        assert_eq!(last_name(b"pipe:[12]"), b"pipe:[12]");
    }
}
