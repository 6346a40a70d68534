//! `control`: the FIFO that carries control bytes to a daemon, in `supervise/` of a service
//! directory to its supervise, in `.svscan/` of a scan directory to its svscan.

use super::entries::CONTROL;
use super::records::Records;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file;
use crate::sys::process::Pid;
use crate::sys::{Errno, clock, descriptor, directory, poll, proc};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How long a sender waits for room in the FIFO of a supervise that does not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The daemon's side of the FIFO.
#[derive(Debug)]
pub struct Listener {
    read: OwnedFd,
    /// Our own write end: with it open, a read never meets an end of file.
    write: OwnedFd,
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
    /// Opens both ends of the FIFO `control` in directory `records`, and makes it first if need be.
    ///
    /// # Errors
    /// Which open failed; EEXIST if something other than a FIFO has the name.
    pub fn open(records: BorrowedFd<'_>) -> Result<Self, ListenError> {
        let read = fifo(records, CONTROL).map_err(ListenError::Read)?;
        Self::with_both_ends(records, read).map_err(ListenError::Write)
    }

    /// Goes on with the read end of the image before us, so that no queued byte is lost.
    ///
    /// # Errors
    /// EINVAL if it is not this directory's FIFO; those of openat(2).
    pub fn resume(records: BorrowedFd<'_>, read: OwnedFd) -> Result<Self, Errno> {
        Self::with_both_ends(records, read)
    }

    /// Opens the write end of the same FIFO. With the write end of another one, each read would
    /// meet an end of file, and the loop would spin.
    fn with_both_ends(records: BorrowedFd<'_>, read: OwnedFd) -> Result<Self, Errno> {
        let own = file::facts_of(read.as_fd())?;
        let is_it = |found: &file::Facts| {
            let is_same = (found.device, found.inode) == (own.device, own.inode);
            if is_same { Ok(()) } else { Err(Errno::EINVAL) }
        };
        let (write, _) = entry::open_if(records, CONTROL, Access::Write, is_it)?;
        Ok(Self { read, write })
    }

    /// Whether the FIFO is still there under its name.
    #[must_use]
    pub fn is_in(&self, records: BorrowedFd<'_>) -> bool {
        file::facts_no_link(records, CONTROL)
            .is_ok_and(|facts| file::same(self.read.as_fd(), &facts).is_ok())
    }

    /// Takes over the bytes queued in another listener's FIFO, which has lost its name.
    pub fn take_queue_of(&self, other: &Self) {
        while let Some(byte) = other.next() {
            // This fails only if our new FIFO is full of bytes that other processes have sent.
            let _ = descriptor::write(self.write.as_fd(), &[byte]);
        }
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

/// Makes FIFO `name` (0600) in `records` if it is not there, and opens it to read. The caller holds
/// the lock of these records. A link, or a FIFO with a second name (it may be another daemon's), is
/// replaced by a new FIFO.
///
/// # Errors
/// EEXIST if something else has the name; those of mkfifoat(2), unlinkat(2) and openat(2).
pub fn fifo(records: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let made = directory::make_fifo(records, name, 0o600);
    match entry::open(records, name, Access::Read, Shape::Fifo) {
        Err(Errno::ELOOP | Errno::EMLINK) => {
            directory::remove(records, name)?;
            directory::make_fifo(records, name, 0o600)?;
            entry::open(records, name, Access::Read, Shape::Fifo)
        }
        Err(Errno::EINVAL | Errno::EISDIR) => Err(made.err().unwrap_or(Errno::EEXIST)),
        // It is not there because making it failed: report that error.
        Err(Errno::ENOENT) => Err(made.err().unwrap_or(Errno::ENOENT)),
        other => other,
    }
}

/// A sender's side of the FIFO.
#[derive(Debug)]
pub struct Sender {
    write: OwnedFd,
}

/// Opens the control FIFO of the service with these records to send.
///
/// # Errors
/// ENXIO if no supervise listens (or there is no FIFO); ELOOP for a link, EMLINK for a FIFO with a
/// second name; those of openat(2).
pub fn connect(records: &Records) -> Result<Sender, Errno> {
    let write = open_to_send(records, CONTROL).map_err(|error| match error {
        Errno::EINVAL => Errno::ENXIO,
        other => other,
    })?;
    Ok(Sender { write })
}

/// Opens the FIFO `name` of these records to write. Opens nothing that is not a FIFO.
pub(super) fn open_to_send(records: &Records, name: &[u8]) -> Result<OwnedFd, Errno> {
    let is_its_own = |facts: &file::Facts| match Shape::Fifo.fits(facts) {
        Err(Errno::EMLINK) if records.are_heard_through(facts) => Ok(()),
        other => other,
    };
    entry::open_if(records.as_fd(), name, Access::Write, is_its_own).map(|(write, _)| write)
}

/// Opens the control FIFO of supervise `pid` through that supervise's own descriptor in /proc. This
/// is for a service whose directory (or `supervise` in it) was removed while it ran, or has been
/// replaced by something else.
///
/// # Errors
/// ENXIO if it has no control FIFO open, or is no supervise (yet); those of open(2).
pub fn connect_through(pid: Pid) -> Result<Sender, Errno> {
    through(pid, CONTROL).map(|write| Sender { write })
}

/// Opens to write the FIFO that supervise `pid` has open as `name`.
pub(super) fn through(pid: Pid, name: &[u8]) -> Result<OwnedFd, Errno> {
    // A child of svscan that has not executed supervise yet has svscan's descriptors.
    if !proc::is_named(pid, b"supervise") {
        return Err(Errno::ENXIO);
    }
    let number = proc::descriptor_opened_as(pid, name).ok_or(Errno::ENXIO)?;
    proc::open_fifo_anew(pid, number)
}

/// Opens the control FIFO in `records`, a directory that only we can write, to send.
///
/// # Errors
/// ENXIO if no daemon listens; those of openat(2).
pub fn connect_at(records: BorrowedFd<'_>) -> Result<Sender, Errno> {
    entry::open(records, CONTROL, Access::Write, Shape::Fifo).map(|write| Sender { write })
}

impl AsFd for Sender {
    /// A poll of it shows an error once the daemon is gone.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.write.as_fd()
    }
}

impl Sender {
    /// Whether no process reads the FIFO any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        poll::is_ready(poll::broken(self.write.as_fd()))
    }

    /// Sends `bytes` in one piece if there is room for them now.
    ///
    /// # Errors
    /// EAGAIN when there is none; those of write(2).
    pub fn offer(&self, bytes: &[u8]) -> Result<(), Errno> {
        descriptor::write(self.write.as_fd(), bytes).map(drop)
    }

    /// Sends `bytes` in one piece. If the FIFO is full, it waits for room for at most ten seconds.
    ///
    /// # Errors
    /// ETIMEDOUT if the FIFO stayed full; EPIPE if the supervise has exited; those of write(2) and
    /// poll(2).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_fifo_from_being_made_is_said_and_not_that_it_is_not_there() {
        // No FIFO can be made in sysfs.
        let place = std::fs::File::open("/sys").unwrap();
        let error = fifo(place.as_fd(), b"no-such-fifo").unwrap_err();
        assert_ne!(error, Errno::ENOENT);
    }
}
