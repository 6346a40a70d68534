//! Facts about a file, from stat(2).

use super::Errno;
use core::time::Duration;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::AccessFlags;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A FIFO, or the pipe behind a descriptor.
    Fifo,
    /// A symbolic link, seen as itself.
    Link,
    /// Anything else.
    Other,
}

/// What identifies a file, and what says who may write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// The device that holds it.
    pub device: u64,
    /// Its inode number there.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Its owner's user id.
    pub owner: u32,
    /// Its group's id.
    pub group: u32,
    /// The twelve mode bits.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// When it was made or last changed, by the wall clock: of a directory, also when a name in it
    /// came or went.
    pub changed: Duration,
}

/// fstatat(2), links followed.
///
/// # Errors
/// Those of fstatat(2).
pub fn facts(directory: BorrowedFd<'_>, path: &[u8]) -> Result<Facts, Errno> {
    fstatat(directory, path, AtFlags::empty()).map(|stat| Facts::from(&stat))
}

/// fstatat(2) of the last component itself, a link not followed.
///
/// # Errors
/// Those of fstatat(2).
pub fn facts_no_link(directory: BorrowedFd<'_>, path: &[u8]) -> Result<Facts, Errno> {
    fstatat(directory, path, AtFlags::AT_SYMLINK_NOFOLLOW).map(|stat| Facts::from(&stat))
}

/// fstat(2)
///
/// # Errors
/// Those of fstat(2).
pub fn facts_of(descriptor: BorrowedFd<'_>) -> Result<Facts, Errno> {
    fstat(descriptor).map(|stat| Facts::from(&stat))
}

/// Makes sure that `descriptor` is the file of these facts.
///
/// # Errors
/// EINVAL if it is another one; those of fstat(2).
pub fn same(descriptor: BorrowedFd<'_>, facts: &Facts) -> Result<(), Errno> {
    let found = facts_of(descriptor)?;
    let is_same = (found.device, found.inode) == (facts.device, facts.inode);
    if is_same { Ok(()) } else { Err(Errno::EINVAL) }
}

/// readlinkat(2): where a link points.
///
/// # Errors
/// Those of readlinkat(2).
pub fn link_target(directory: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<u8>, Errno> {
    use std::os::unix::ffi::OsStringExt;
    nix::fcntl::readlinkat(directory, path).map(OsStringExt::into_vec)
}

/// As [`link_target`], without memory: a link longer than the buffer is cut.
///
/// # Errors
/// Those of readlinkat(2).
pub fn link_target_in<'a>(
    directory: BorrowedFd<'_>,
    path: &CStr,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], Errno> {
    let (place, room) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the path ends in a NUL, and the kernel writes at most `room` bytes to the buffer.
    let length = unsafe { libc::readlinkat(directory.as_raw_fd(), path.as_ptr(), place, room) };
    let length = usize::try_from(Errno::result(length)?).unwrap_or(0);
    Ok(buffer.get(..length).unwrap_or_default())
}

/// geteuid(2): the user whose files are ours.
#[must_use]
pub fn our_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

impl From<&FileStat> for Facts {
    fn from(stat: &FileStat) -> Self {
        let kind = match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFREG => Kind::Regular,
            SFlag::S_IFDIR => Kind::Directory,
            SFlag::S_IFIFO => Kind::Fifo,
            SFlag::S_IFLNK => Kind::Link,
            _ => Kind::Other,
        };
        Self {
            kind,
            device: stat.st_dev,
            inode: stat.st_ino,
            // The field has another width on other architectures.
            #[allow(clippy::useless_conversion)]
            links: stat.st_nlink.into(),
            owner: stat.st_uid,
            group: stat.st_gid,
            mode: stat.st_mode & 0o7777,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            changed: Duration::new(
                u64::try_from(stat.st_ctime).unwrap_or(0),
                u32::try_from(stat.st_ctime_nsec).unwrap_or(0),
            ),
        }
    }
}

/// What is left on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many bytes root may still write.
    pub bytes: u64,
    /// How many bytes a user other than root may still write.
    pub bytes_for_all: u64,
    /// Whether no further file can be made.
    pub has_no_inode: bool,
    /// Whether nothing at all can be written.
    pub is_read_only: bool,
}

/// fstatvfs(3): what is left where a file or directory is.
///
/// # Errors
/// Those of statfs(2).
pub fn room(descriptor: BorrowedFd<'_>) -> Result<Room, Errno> {
    let found = nix::sys::statvfs::fstatvfs(descriptor)?;
    let block = found.fragment_size();
    Ok(Room {
        bytes: found.blocks_free().saturating_mul(block),
        bytes_for_all: found.blocks_available().saturating_mul(block),
        // Some file systems count none.
        has_no_inode: found.files() > 0 && found.files_free() == 0,
        is_read_only: found.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY),
    })
}

/// ftruncate(2) to nothing.
///
/// # Errors
/// Those of ftruncate(2).
pub fn empty(file: BorrowedFd<'_>) -> Result<(), Errno> {
    nix::unistd::ftruncate(file, 0)
}

/// ftruncate(2) to `length` bytes.
///
/// # Errors
/// Those of ftruncate(2).
pub fn cut(file: BorrowedFd<'_>, length: u64) -> Result<(), Errno> {
    let length = i64::try_from(length).map_err(|_| Errno::EFBIG)?;
    nix::unistd::ftruncate(file, length)
}

/// fchmod(2)
///
/// # Errors
/// Those of fchmod(2).
pub fn set_mode(file: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    nix::sys::stat::fchmod(file, Mode::from_bits_truncate(mode))
}

/// fchmod(2) of a pipe, so that a service of any user can open `/dev/stdout` or `/dev/stderr` to
/// write, if that is this pipe. Only its owner can open it to read.
pub fn let_all_write(pipe: BorrowedFd<'_>) {
    // This fails for a pipe of another user, which stays as it is.
    let _ = set_mode(pipe, 0o622);
}

/// fsync(2)
///
/// # Errors
/// Those of fsync(2).
pub fn sync(file: BorrowedFd<'_>) -> Result<(), Errno> {
    nix::unistd::fsync(file)
}

/// faccessat(2): whether entries of `directory` may be made and removed, by its mode and its file
/// system.
#[must_use]
pub fn may_write(directory: BorrowedFd<'_>) -> bool {
    nix::unistd::faccessat(directory, ".", AccessFlags::W_OK, AtFlags::empty()).is_ok()
}

/// umask(2): the mode bits that new files do not get.
pub fn set_mask(mode: u32) {
    let _ = nix::sys::stat::umask(Mode::from_bits_truncate(mode));
}
