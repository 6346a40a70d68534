//! `control`: the FIFO that carries control bytes to a daemon, in `supervise/` of a service
//! directory to its supervise, in `.svscan/` of a scan directory to its svscan.

use crate::sys::descriptor::{self, Purpose, open};
use crate::sys::file::{self, Kind};
use crate::sys::process::Pid;
use crate::sys::{Errno, clock, directory, poll, proc};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How long a sender waits for room in the FIFO of a supervise that does not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The daemon's side of the FIFO.
#[derive(Debug)]
pub struct Listener {
    read: OwnedFd,
    /// Held so that reading never meets an end of file.
    _write: OwnedFd,
}

/// Which of the two opens failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenError {
    /// Opening to read.
    Read(Errno),
    /// Opening to write.
    Write(Errno),
}

impl Listener {
    /// Makes FIFO `control` in directory `records` if need be and opens both ends.
    ///
    /// # Errors
    /// The open that failed; EEXIST for something in its place that is no FIFO.
    pub fn open(records: BorrowedFd<'_>) -> Result<Self, ListenError> {
        let read = fifo(records, b"control").map_err(ListenError::Read)?;
        let write = open(records, b"control", Purpose::WriteNoLink);
        Ok(Self { read, _write: write.map_err(ListenError::Write)? })
    }

    /// Goes on with the end that an image before us read from, so that no queued byte is lost.
    ///
    /// # Errors
    /// EINVAL if it is not this directory's FIFO; those of openat(2).
    pub fn resume(records: BorrowedFd<'_>, read: OwnedFd) -> Result<Self, Errno> {
        file::same(read.as_fd(), &file::facts_no_link(records, b"control")?)?;
        let write = open(records, b"control", Purpose::WriteNoLink)?;
        Ok(Self { read, _write: write })
    }

    /// The next control byte, if one waits.
    #[must_use]
    pub fn next(&self) -> Option<u8> {
        let mut byte = [0];
        match descriptor::read(self.read.as_fd(), &mut byte) {
            Ok(1) => byte.first().copied(),
            _ => None,
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// Makes FIFO `name` (0600) if it is not there, opens it to read and makes sure it is one.
pub fn fifo(records: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let made = directory::make_fifo(records, name, 0o600);
    let read = open(records, name, Purpose::ReadNoLink)?;
    if file::facts_of(read.as_fd())?.kind != Kind::Fifo {
        return Err(made.err().unwrap_or(Errno::EEXIST));
    }
    Ok(read)
}

/// A sender's side of the FIFO.
#[derive(Debug)]
pub struct Sender {
    write: OwnedFd,
}

/// Opens the control FIFO of the service in `directory` to send.
///
/// # Errors
/// ENXIO when no supervise listens (or no FIFO stands there); those of openat(2).
pub fn connect(directory: BorrowedFd<'_>) -> Result<Sender, Errno> {
    connect_at(directory, b"supervise/control")
}

/// Opens the control FIFO that supervise `pid` listens on through that supervise's own descriptor:
/// for a service whose directory, or `supervise` in it, was removed under it.
///
/// # Errors
/// ENXIO when it listens to none, or is no supervise (yet); those of open(2).
pub fn connect_through(pid: Pid) -> Result<Sender, Errno> {
    through(pid, b"control").map(|write| Sender { write })
}

/// Opens to write the FIFO that supervise `pid` opened as `name`.
pub(super) fn through(pid: Pid, name: &[u8]) -> Result<OwnedFd, Errno> {
    // A child of svscan that is not exec'd yet has svscan's descriptors.
    if !proc::is_named(pid, b"supervise") {
        return Err(Errno::ENXIO);
    }
    let number = proc::descriptor_opened_as(pid, name).ok_or(Errno::ENXIO)?;
    let write = proc::open_anew(pid, number, Purpose::Write)?;
    let is_fifo = file::facts_of(write.as_fd())?.kind == Kind::Fifo;
    if is_fifo { Ok(write) } else { Err(Errno::ENXIO) }
}

/// Opens the control FIFO at `path` below `directory` to send.
pub fn connect_at(directory: BorrowedFd<'_>, path: &[u8]) -> Result<Sender, Errno> {
    let write = open(directory, path, Purpose::Write)?;
    if file::facts_of(write.as_fd())?.kind != Kind::Fifo {
        return Err(Errno::ENXIO);
    }
    Ok(Sender { write })
}

impl AsFd for Sender {
    /// Its poll shows an error once the daemon is gone.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.write.as_fd()
    }
}

impl Sender {
    /// Whether nobody reads the FIFO any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let mut broken = [poll::broken(self.write.as_fd())];
        let _ = poll::wait(&mut broken, Some(Duration::ZERO));
        broken.iter().any(poll::found)
    }

    /// Sends `bytes` in one piece if there is room for them now.
    ///
    /// # Errors
    /// EAGAIN when there is none; those of write(2).
    pub fn offer(&self, bytes: &[u8]) -> Result<(), Errno> {
        descriptor::write(self.write.as_fd(), bytes).map(drop)
    }

    /// Sends `bytes` in one piece, waiting for room if the FIFO is full, at most ten seconds.
    ///
    /// # Errors
    /// ETIMEDOUT when no room was to be had; EPIPE when the supervise left; those of write(2).
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.is_empty() {
            return Ok(());
        }
        let until = clock::monotonic().saturating_add(PATIENCE);
        loop {
            match descriptor::write(self.write.as_fd(), bytes) {
                Err(Errno::EAGAIN) if clock::monotonic() < until => {
                    poll::wait(&mut [poll::writable(self.write.as_fd())], Some(until))?;
                }
                Err(Errno::EAGAIN) => return Err(Errno::ETIMEDOUT),
                other => return other.map(drop),
            }
        }
    }
}
