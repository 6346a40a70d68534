//! Directories: where we stand, what stands in one, and new and vanishing names.

use super::{Errno, descriptor};
use nix::sys::stat::Mode;
use std::os::fd::{BorrowedFd, OwnedFd};

/// chdir(2)
///
/// # Errors
/// Those of chdir(2).
pub fn change(path: &[u8]) -> Result<(), Errno> {
    nix::unistd::chdir(path)
}

/// fchdir(2)
///
/// # Errors
/// Those of fchdir(2).
pub fn change_to(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    nix::unistd::fchdir(directory)
}

/// The current directory, held open.
///
/// # Errors
/// Those of open(2).
pub fn current() -> Result<OwnedFd, Errno> {
    descriptor::open(descriptor::HERE, b".", descriptor::Purpose::Directory)
}

/// getcwd(2)
///
/// # Errors
/// Those of getcwd(2): ENOENT for a directory that was removed.
pub fn path_of_current() -> Result<Vec<u8>, Errno> {
    use std::os::unix::ffi::OsStringExt;
    nix::unistd::getcwd().map(|path| path.into_os_string().into_vec())
}

/// The names in the current directory, in the kernel's order, `.` and `..` left out.
///
/// # Errors
/// Those of open(2) and getdents(2); a listing that could not be read to its end is no listing.
pub fn names() -> Result<Vec<Vec<u8>>, Errno> {
    names_in(descriptor::HERE)
}

/// As [`names`], of `directory`.
///
/// # Errors
/// As [`names`].
pub fn names_in(directory: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Errno> {
    let own = descriptor::open(directory, b".", descriptor::Purpose::Directory)?;
    let mut directory = nix::dir::Dir::from_fd(own)?;
    let mut names = Vec::new();
    for entry in directory.iter() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// mkdirat(2) with `mode` less the umask.
///
/// # Errors
/// Those of mkdirat(2).
pub fn make(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<(), Errno> {
    nix::sys::stat::mkdirat(directory, name, Mode::from_bits_truncate(mode))
}

/// mkfifoat(2) with `mode` less the umask.
///
/// # Errors
/// Those of mkfifoat(2).
pub fn make_fifo(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<(), Errno> {
    nix::unistd::mkfifoat(directory, name, Mode::from_bits_truncate(mode))
}

/// unlinkat(2) of a file.
///
/// # Errors
/// Those of unlinkat(2).
pub fn remove(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    nix::unistd::unlinkat(directory, name, nix::unistd::UnlinkatFlags::NoRemoveDir)
}

/// renameat(2) within one directory.
///
/// # Errors
/// Those of renameat(2).
pub fn rename(directory: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> Result<(), Errno> {
    nix::fcntl::renameat(directory, from, directory, to)
}

/// linkat(2) within one directory.
///
/// # Errors
/// Those of linkat(2).
pub fn link(directory: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> Result<(), Errno> {
    let flags = nix::fcntl::AtFlags::empty();
    nix::unistd::linkat(directory, from, directory, to, flags)
}
