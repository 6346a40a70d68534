//! Descriptors: open, read, write, pipe, duplicate. Everything opened here is close-on-exec.

use super::Errno;
use nix::fcntl::{AT_FDCWD, FcntlArg, FdFlag, OFlag, SpliceFFlags, fcntl, openat, splice, tee};
use nix::sys::stat::Mode;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

/// The current directory, for the functions that take a directory descriptor.
pub const HERE: BorrowedFd<'static> = AT_FDCWD;

/// How much of a file [`read_whole`] reads first, and how much at most at a time. Most files are
/// small, and softlimit may have left tai64nlocal little memory.
const FIRST: usize = 1 << 12;
const MOST: usize = 1 << 16;

/// What an [`open`] is for. All but [`DirectoryNoLink`](Purpose::DirectoryNoLink) follow links:
/// they are for paths that a user typed, for /dev and /proc. An entry that another user may have
/// planted is opened through [`entry`](super::entry) instead. O_NONBLOCK, O_NOCTTY and O_CLOEXEC
/// are always set too: no FIFO can block us, and no terminal behind a link becomes our controlling
/// terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// O_RDONLY
    Read,
    /// O_WRONLY
    Write,
    /// O_WRONLY, O_APPEND, O_CREAT with mode 0600 less the umask
    Append,
    /// O_RDONLY and O_DIRECTORY
    Directory,
    /// O_RDONLY, O_DIRECTORY and O_NOFOLLOW
    DirectoryNoLink,
}

/// openat(2) of `path` relative to `directory`.
///
/// # Errors
/// Those of openat(2), EINTR excepted.
pub fn open(directory: BorrowedFd<'_>, path: &[u8], purpose: Purpose) -> Result<OwnedFd, Errno> {
    let (flags, mode) = match purpose {
        Purpose::Read => (OFlag::O_RDONLY, 0),
        Purpose::Write => (OFlag::O_WRONLY, 0),
        Purpose::Append => (OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT, 0o600),
        Purpose::Directory => (OFlag::O_RDONLY | OFlag::O_DIRECTORY, 0),
        Purpose::DirectoryNoLink => (OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW, 0),
    };
    open_with(directory, path, flags, mode)
}

/// openat(2) with `flags` and those that every open of ours has. For [`entry`](super::entry).
pub(super) fn open_with(
    directory: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlag,
    mode: u32,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    retry(|| openat(directory, path, flags, Mode::from_bits_truncate(mode)))
}

/// read(2): the number of bytes read, 0 at the end.
///
/// # Errors
/// Those of read(2), EINTR excepted.
pub fn read(descriptor: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    retry(|| nix::unistd::read(descriptor, buffer))
}

/// The `N` bytes that a file begins with; `None` if it is shorter. For records of a fixed size,
/// which are written in one piece: one read is enough.
///
/// # Errors
/// Those of read(2), EINTR excepted.
pub fn read_array<const N: usize>(file: BorrowedFd<'_>) -> Result<Option<[u8; N]>, Errno> {
    let mut bytes = [0; N];
    Ok((read(file, &mut bytes)? == N).then_some(bytes))
}

/// Reads a file to its end, or `most` bytes of it: a device may have no end.
///
/// # Errors
/// Those of read(2), EINTR excepted.
pub fn read_whole(file: BorrowedFd<'_>, most: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    loop {
        let filled = bytes.len();
        bytes.resize(most.min(filled + filled.clamp(FIRST, MOST)), 0);
        let count = match bytes.get_mut(filled..) {
            Some(room) if !room.is_empty() => read(file, room)?,
            _ => 0,
        };
        bytes.truncate(filled + count);
        if count == 0 {
            return Ok(bytes);
        }
    }
}

/// pread(2) at `offset` bytes from the start.
///
/// # Errors
/// Those of pread(2), EINTR excepted.
pub fn read_at(descriptor: BorrowedFd<'_>, buffer: &mut [u8], offset: i64) -> Result<usize, Errno> {
    retry(|| nix::sys::uio::pread(descriptor, buffer, offset))
}

/// write(2): the number of bytes written.
///
/// # Errors
/// Those of write(2), EINTR excepted.
pub fn write(descriptor: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
    retry(|| nix::unistd::write(descriptor, bytes))
}

/// write(2) of all `bytes` in one call, for a record in a new file.
///
/// # Errors
/// Those of write(2), EINTR excepted; ENOSPC if only a part could be written.
pub fn write_all_of(file: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    if write(file, bytes)? == bytes.len() { Ok(()) } else { Err(Errno::ENOSPC) }
}

/// pwrite(2) at `offset` bytes from the start.
///
/// # Errors
/// Those of pwrite(2), EINTR excepted.
pub fn write_at(descriptor: BorrowedFd<'_>, bytes: &[u8], offset: i64) -> Result<usize, Errno> {
    retry(|| nix::sys::uio::pwrite(descriptor, bytes, offset))
}

/// writev(2): all `parts` in one call, so that a short line reaches a pipe whole.
///
/// # Errors
/// Those of writev(2), EINTR excepted.
pub fn write_parts(descriptor: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
    retry(|| nix::sys::uio::writev(descriptor, parts))
}

/// pipe2(2), both ends close-on-exec: the read end, then the write end.
///
/// # Errors
/// Those of pipe2(2).
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC)
}

/// tee(2): copies at most `length` bytes of pipe `from` to pipe `to` and leaves them in `from`.
/// Returns how many; 0 at the end. Never waits.
///
/// # Errors
/// Those of tee(2), EINTR excepted: EINVAL if `from` is no pipe, EAGAIN if it is empty.
pub fn mirror(from: BorrowedFd<'_>, to: BorrowedFd<'_>, length: usize) -> Result<usize, Errno> {
    retry(|| tee(from, to, length, SpliceFFlags::SPLICE_F_NONBLOCK))
}

/// splice(2): moves at most `length` bytes of pipe `from` to /dev/null. Returns how many.
///
/// # Errors
/// Those of splice(2), EINTR excepted.
pub fn discard(from: BorrowedFd<'_>, null: BorrowedFd<'_>, length: usize) -> Result<usize, Errno> {
    retry(|| splice(from, None, null, None, length, SpliceFFlags::SPLICE_F_NONBLOCK))
}

/// fcntl(F_SETPIPE_SZ): lets a pipe hold `bytes`.
///
/// # Errors
/// Those of fcntl(2): EINVAL before Linux 2.6.35, EPERM beyond the limits of pipe(7).
pub fn set_capacity(pipe: BorrowedFd<'_>, bytes: usize) -> Result<(), Errno> {
    let bytes = i32::try_from(bytes).map_err(|_| Errno::EINVAL)?;
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes)).map(drop)
}

/// Sets or clears O_NONBLOCK on the open file behind `descriptor`.
///
/// # Errors
/// Those of fcntl(2).
pub fn set_blocking(descriptor: BorrowedFd<'_>, blocking: bool) -> Result<(), Errno> {
    let flags = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL)?);
    let flags = if blocking { flags - OFlag::O_NONBLOCK } else { flags | OFlag::O_NONBLOCK };
    fcntl(descriptor, FcntlArg::F_SETFL(flags)).map(drop)
}

/// Puts a copy of `descriptor` at `number`, not close-on-exec, in place of what is there: for a
/// child about to exec, and for our own standard descriptors.
///
/// # Errors
/// Those of dup2(2) and fcntl(2).
pub fn place_at(descriptor: BorrowedFd<'_>, number: i32) -> Result<(), Errno> {
    if descriptor.as_raw_fd() == number {
        return fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).map(drop);
    }
    // SAFETY: `number` is 0, 1 or 2, which nothing in this program owns, or it is a number in a
    // child about to exec, which uses no descriptor of that number any more.
    let placed = unsafe { nix::unistd::dup2_raw(descriptor, number) }?;
    // Left open on purpose, for the executed program.
    let _ = placed.into_raw_fd();
    Ok(())
}

/// A copy of `descriptor` with the lowest free number from `least` on, close-on-exec.
///
/// # Errors
/// Those of fcntl(2).
pub fn copy_from(descriptor: BorrowedFd<'_>, least: i32) -> Result<OwnedFd, Errno> {
    let number = fcntl(descriptor, FcntlArg::F_DUPFD_CLOEXEC(least))?;
    // SAFETY: the kernel just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A further copy of `descriptor`, not close-on-exec and never closed. For fghack.
///
/// # Errors
/// Those of dup(2).
pub fn leave_open_copy(descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    let copy = nix::unistd::dup(descriptor)?;
    let _ = copy.into_raw_fd();
    Ok(())
}

/// A standard descriptor: 0, 1 or 2, borrowed for the life of the process.
#[must_use]
pub fn standard(number: u8) -> BorrowedFd<'static> {
    // SAFETY: nothing in this program closes 0, 1 or 2; `fill_standard` makes sure that they
    // are there, and on a closed one the calls answer EBADF.
    unsafe { BorrowedFd::borrow_raw(i32::from(number.min(2))) }
}

/// Takes over descriptor `number`, passed to us by the program that executed us, if `is_it`
/// recognises it. Makes it close-on-exec.
#[must_use]
pub fn inherited(number: i32, is_it: impl FnOnce(BorrowedFd<'_>) -> bool) -> Option<OwnedFd> {
    // SAFETY: on a closed number every call answers EBADF and touches nothing.
    let probe = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(probe, FcntlArg::F_GETFD).ok()?;
    if !is_it(probe) {
        return None;
    }
    fcntl(probe, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: the number is open and was opened by our parent: nothing else here owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Some(owned)
}

/// Whether a descriptor is a terminal, where a person may read our messages.
#[must_use]
pub fn is_terminal(descriptor: BorrowedFd<'_>) -> bool {
    std::io::IsTerminal::is_terminal(&descriptor)
}

/// Sets or clears "stays open over exec".
///
/// # Errors
/// Those of fcntl(2).
pub fn keep_on_exec(descriptor: BorrowedFd<'_>, keep: bool) -> Result<(), Errno> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(descriptor, FcntlArg::F_SETFD(flags)).map(drop)
}

/// Opens something on each of 0, 1, 2 that is closed. Called before anything else is opened:
/// otherwise a file of ours could get such a number, and we would read input from it or write
/// messages into it.
///
/// They still behave as closed ones: 0 can only be written and 1 and 2 only be read, so that reads
/// and messages fail, and all are close-on-exec.
pub fn fill_standard() {
    for number in 0..=2 {
        if fcntl(standard(number), FcntlArg::F_GETFD) != Err(Errno::EBADF) {
            continue;
        }
        let access = if number == 0 { OFlag::O_WRONLY } else { OFlag::O_RDONLY };
        let flags = access | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        // This number is the lowest free one. Without /dev a directory serves: it can be neither
        // read nor written.
        let filled = nix::fcntl::open("/dev/null", flags, Mode::empty()).or_else(|_| {
            let flags = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            nix::fcntl::open("/", flags, Mode::empty())
        });
        if let Ok(filled) = filled {
            let _ = filled.into_raw_fd();
        }
    }
}

/// ioctl(FIONREAD): how many bytes wait in a pipe or FIFO.
///
/// # Errors
/// Those of ioctl(2).
pub fn waiting_bytes(descriptor: BorrowedFd<'_>) -> Result<usize, Errno> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to the pointer, which is valid for the call.
    let done = unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    Errno::result(done)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Repeats a call as long as a signal interrupts it.
fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn filled(bytes: &[u8]) -> OwnedFd {
        let (read, write) = pipe().unwrap();
        assert_eq!(super::write(write.as_fd(), bytes), Ok(bytes.len()));
        read
    }

    #[test]
    fn a_file_is_read_to_its_end_or_to_the_bound() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        for (most, length) in
            [(20_000, 10_000), (10_000, 10_000), (4096, 4096), (5000, 5000), (0, 0)]
        {
            let found = read_whole(filled(&bytes).as_fd(), most).unwrap();
            assert_eq!(found, bytes[..length], "{most}");
        }
        assert_eq!(read_whole(filled(b"").as_fd(), 100), Ok(Vec::new()));
    }

    #[test]
    fn a_record_that_is_too_short_is_none() {
        assert_eq!(read_array(filled(b"abcd").as_fd()), Ok(Some(*b"abc")));
        assert_eq!(read_array::<3>(filled(b"ab").as_fd()), Ok(None));
        assert_eq!(read_array::<3>(filled(b"").as_fd()), Ok(None));
    }
}
