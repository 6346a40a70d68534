//! Directories: the current one, the entries of one, and making and removing names.

use super::file::{self, Kind};
use super::{Errno, descriptor};
use core::num::NonZeroU64;
use nix::sys::stat::Mode;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

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

/// The entries of a directory, their names one after the other in one piece of memory: ten thousand
/// take two requests of the heap and not ten thousand.
#[derive(Debug)]
pub struct Listing {
    device: u64,
    text: Vec<u8>,
    /// Where each name ends, and the inode number, if the entry is a directory.
    entries: Vec<(usize, Option<NonZeroU64>)>,
}

/// In bytes.
const USUAL_LENGTH: usize = 8;

impl Listing {
    /// The names in the current directory that do not begin with a dot, in the kernel's order.
    /// There is room for `expected` of them at first.
    ///
    /// # Errors
    /// As [`names`].
    pub fn undotted(expected: usize) -> Result<Self, Errno> {
        let mut listing = Self {
            device: file::facts(descriptor::HERE, b".")?.device,
            text: Vec::with_capacity(expected.saturating_mul(USUAL_LENGTH)),
            entries: Vec::with_capacity(expected),
        };
        each_in(descriptor::HERE, |entry| {
            if entry.name.first() != Some(&b'.') {
                let is_directory = entry.kind == Some(Kind::Directory);
                let inode = NonZeroU64::new(entry.inode).filter(|_| is_directory);
                listing.text.extend_from_slice(entry.name);
                listing.entries.push((listing.text.len(), inode));
            }
        })?;
        Ok(listing)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Each name, with the device and inode number of the directory, if the entry is one. Where
    /// something is mounted on it, these are those of the directory below.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Option<(u64, u64)>)> {
        let mut from = 0;
        self.entries.iter().map(move |&(end, inode)| {
            let name = self.text.get(from..end).unwrap_or_default();
            from = end;
            (name, inode.map(|inode| (self.device, inode.get())))
        })
    }
}

/// The names in the current directory, in the kernel's order, `.` and `..` left out.
///
/// # Errors
/// Those of open(2) and getdents(2); a listing that could not be read to its end is an error.
pub fn names() -> Result<Vec<Vec<u8>>, Errno> {
    names_in(descriptor::HERE)
}

/// As [`names`], of `directory`.
///
/// # Errors
/// As [`names`].
pub fn names_in(directory: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = Vec::new();
    each_in(directory, |entry| names.push(entry.name.to_vec()))?;
    Ok(names)
}

/// Calls `look` with each entry of `directory`, in the kernel's order, `.` and `..` left out.
/// Allocates no memory.
///
/// # Errors
/// As [`names`].
pub fn each_in(directory: BorrowedFd<'_>, mut look: impl FnMut(Listed<'_>)) -> Result<(), Errno> {
    any_in(directory, |entry| {
        look(entry);
        false
    })
    .map(drop)
}

/// Whether `is_it` holds for any entry of `directory`, in the kernel's order, `.` and `..` left
/// out. Looks no further than that entry. Allocates no memory.
///
/// # Errors
/// As [`names`].
pub fn any_in(
    directory: BorrowedFd<'_>,
    mut is_it: impl FnMut(Listed<'_>) -> bool,
) -> Result<bool, Errno> {
    let own = descriptor::open(directory, b".", descriptor::Purpose::Directory)?;
    let mut entries = Entries([0; BLOCK]);
    loop {
        let Entries(block) = &mut entries;
        let (pointer, size) = (block.as_mut_ptr(), block.len());
        let call = libc::SYS_getdents64;
        // SAFETY: the kernel writes at most `size` bytes to the block, which is as large.
        let filled = unsafe { libc::syscall(call, own.as_raw_fd(), pointer, size) };
        let filled = usize::try_from(Errno::result(filled)?).unwrap_or(0);
        if filled == 0 {
            return Ok(false);
        }
        let mut rest = block.get(..filled).unwrap_or_default();
        while let Some((entry, later)) = split_entry(rest) {
            rest = later;
            if entry.name != b"." && entry.name != b".." && is_it(entry) {
                return Ok(true);
            }
        }
    }
}

/// The buffer size for getdents64(2).
const BLOCK: usize = 4096;

/// Entries as the kernel writes them, each at a multiple of eight bytes.
#[repr(align(8))]
struct Entries([u8; BLOCK]);

/// An entry as a listing has it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its kind, if the file system says it.
    pub kind: Option<Kind>,
    /// Its inode number. Where something is mounted on it, that of the directory below.
    pub inode: u64,
}

/// The first of some entries, and the rest. An entry is an inode number and an offset of eight
/// bytes each, its own length in two bytes, its kind in one, and its name, which ends in a NUL.
fn split_entry(entries: &[u8]) -> Option<(Listed<'_>, &[u8])> {
    let (inode, _) = entries.split_first_chunk()?;
    let inode = u64::from_ne_bytes(*inode);
    let (_, from_length) = entries.split_at_checked(16)?;
    let (length, from_kind) = from_length.split_first_chunk()?;
    let length = usize::from(u16::from_ne_bytes(*length));
    let (entry, later) = entries.split_at_checked(length.max(20))?;
    let kind = match *from_kind.first()? {
        libc::DT_REG => Some(Kind::Regular),
        libc::DT_DIR => Some(Kind::Directory),
        libc::DT_FIFO => Some(Kind::Fifo),
        libc::DT_LNK => Some(Kind::Link),
        libc::DT_UNKNOWN => None,
        _ => Some(Kind::Other),
    };
    let name = entry.get(19..)?.split(|byte| *byte == 0).next()?;
    Some((Listed { name, kind, inode }, later))
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
