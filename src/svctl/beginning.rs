//! The beginning of a file that a user wrote: run scripts, and what starts svscan at boot.

use crate::place;
use daemontools_rs::sys::Errno;
use daemontools_rs::sys::descriptor::{HERE, Purpose, open, read_whole};
use daemontools_rs::sys::entry::{self, Access};
use daemontools_rs::sys::file::{Facts, Kind};
use std::os::fd::AsFd;

/// How much of a file is read.
const LONGEST: usize = 1 << 16;

/// The beginning of a regular file; symbolic links to it are followed. Anything else is not opened:
/// to open a FIFO would wait, and a device may act on it.
///
/// # Errors
/// EINVAL for what is no file; those of open(2) and read(2).
pub fn beginning(path: &[u8]) -> Result<Vec<u8>, Errno> {
    let path = place::real(path).ok_or(Errno::ENOENT)?;
    let at = path.iter().rposition(|&byte| byte == b'/').ok_or(Errno::EINVAL)?;
    let directory = if at == 0 { b"/" } else { path.get(..at).unwrap_or_default() };
    let directory = open(HERE, directory, Purpose::Directory)?;
    let name = path.get(at + 1..).unwrap_or_default();
    let is_file = |facts: &Facts| match facts.kind {
        Kind::Regular => Ok(()),
        _ => Err(Errno::EINVAL),
    };
    let (file, _) = entry::open_if(directory.as_fd(), name, Access::Read, is_file)?;
    read_whole(file.as_fd(), LONGEST)
}
