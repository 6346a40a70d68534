//! `.svscan` in a scan directory, ours alone (0700): `lock`, one svscan per scan directory;
//! `control`, its control FIFO; `stopped`, the mark of an orderly stop; `pipes`, which pipe joins
//! which service to its logger ([`pipe_records`]); `messages`, which pipe leads to
//! readproctitle; `boot-lock` and `boot-ok`, the first of several svscanboots. 0.76 skips the name for
//! its dot. An addition of ours. Manual page: scandir(7).

pub mod pipe_records;

use crate::service::control::{self, ListenError, Listener, Sender};
use crate::sys::descriptor::{self, Purpose, open};
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Kind};
use crate::sys::{Errno, clock, directory, lock, poll, proc};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NAME: &[u8] = b".svscan";
/// A child that a killed svscan had just forked holds the lock until its exec: worth a wait.
const GRACE: Duration = Duration::from_millis(100);
/// Where svscanboot hands the held lock to svscan.
pub const LOCK_NUMBER: i32 = 3;
/// The control byte that asks for the orderly stop. Several may ask for it: at a halt an init and the
/// script of its own do.
pub const STOP: &[u8] = b"t";
/// The control byte that asks for the orderly stop, and for hurry with it: what has not ended is
/// killed.
pub const HURRY: &[u8] = b"h";
/// The control byte that says that the scan is wanted again: a stop that is on its way goes on, and
/// leaves no mark. Behind a request to stop that nobody has read yet, it keeps its place.
pub const WANTED: &[u8] = b"u";

/// The open `.svscan` directory of a scan directory.
#[derive(Debug)]
pub struct ScanRecords {
    descriptor: OwnedFd,
}

/// The scan directory's lock, held.
#[derive(Debug)]
pub struct ScanLock {
    /// The open file that holds it.
    pub file: OwnedFd,
    /// Whether svscanboot took it for us, and keeps us.
    pub was_handed_down: bool,
}

fn take(file: OwnedFd) -> Result<OwnedFd, Errno> {
    let until = clock::monotonic().saturating_add(GRACE);
    loop {
        match lock::take(file.as_fd()) {
            Err(Errno::EAGAIN) if clock::monotonic() < until => {
                poll::pause(Duration::from_millis(5));
            }
            other => return other.map(|()| file),
        }
    }
}

impl AsFd for ScanRecords {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl ScanRecords {
    /// Opens `.svscan` in the scan directory, and makes it if it is not there.
    ///
    /// # Errors
    /// Those of mkdir(2) and open(2); EPERM for one that is another user's or open to others.
    pub fn open_or_make(scan_directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        match directory::make(scan_directory, NAME, 0o700) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
        Self::open(scan_directory)
    }

    /// Opens `.svscan` in the scan directory.
    ///
    /// # Errors
    /// Those of open(2); EPERM for one that is another user's or open to others.
    pub fn open(scan_directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let descriptor = open(scan_directory, NAME, Purpose::DirectoryNoLink)?;
        let facts = file::facts_of(descriptor.as_fd())?;
        if facts.owner != file::our_user() || facts.mode & 0o022 != 0 {
            return Err(Errno::EPERM);
        }
        Ok(Self { descriptor })
    }

    /// Takes the lock: the one that an image before us handed over or that svscanboot handed
    /// down, or else a new one.
    ///
    /// # Errors
    /// EAGAIN when another svscan or svscanboot holds it; those of openat(2).
    pub fn acquire(&self, old: Option<OwnedFd>) -> Result<ScanLock, Errno> {
        let file = entry::open(self.descriptor.as_fd(), b"lock", Access::Append, Shape::File)?;
        let facts = file::facts_of(file.as_fd())?;
        let old = old.filter(|old| file::same(old.as_fd(), &facts).is_ok());
        let handed_down = descriptor::inherited(LOCK_NUMBER, |other| {
            old.is_none() && file::same(other, &facts).is_ok()
        });
        let was_handed_down = handed_down.is_some();
        let file = take(old.or(handed_down).unwrap_or(file))?;
        Ok(ScanLock { file, was_handed_down })
    }

    /// Becomes the first of the svscanboots of this scan directory, as long as what it returns is
    /// held: its presence, which shows an error to those who wait when we are gone.
    ///
    /// # Errors
    /// EAGAIN when another svscanboot is; those of openat(2).
    pub fn lead(&self) -> Result<(OwnedFd, OwnedFd), Errno> {
        let place = self.descriptor.as_fd();
        let lock = take(entry::open(place, b"boot-lock", Access::Append, Shape::File)?)?;
        Ok((lock, control::fifo(place, b"boot-ok")?))
    }

    /// Looks for the first of the svscanboots: a descriptor whose poll shows an error as soon as
    /// it is gone.
    ///
    /// # Errors
    /// ENXIO when there is none; those of openat(2).
    pub fn find_leader(&self) -> Result<OwnedFd, Errno> {
        open(self.descriptor.as_fd(), b"boot-ok", Purpose::WriteNoLink)
    }

    /// Listens for control bytes, on the end that an image before us handed over if there is one.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn listen(&self, old: Option<OwnedFd>) -> Result<Listener, Errno> {
        let resumed = old.and_then(|read| Listener::resume(self.descriptor.as_fd(), read).ok());
        if let Some(listener) = resumed {
            return Ok(listener);
        }
        Listener::open(self.descriptor.as_fd()).map_err(|error| match error {
            ListenError::Read(error) | ListenError::Write(error) => error,
        })
    }

    /// Opens the control FIFO of the svscan that runs here. Its poll shows an error as soon as
    /// that svscan is gone.
    ///
    /// # Errors
    /// ENXIO when none runs; those of openat(2).
    pub fn connect(&self) -> Result<Sender, Errno> {
        control::connect_at(self.descriptor.as_fd(), b"control")
    }

    /// Marks that the scan was stopped in order, in this boot.
    ///
    /// # Errors
    /// Those of openat(2) and write(2).
    pub fn mark_stopped(&self) -> Result<(), Errno> {
        self.remove_mark();
        let mark = open(self.descriptor.as_fd(), b"stopped", Purpose::New(0o600))?;
        descriptor::write(mark.as_fd(), &proc::boot()).map(drop)
    }

    /// Whether the scan was stopped in order in this boot, and not started since.
    #[must_use]
    pub fn is_marked_stopped(&self) -> bool {
        let Ok(mark) = open(self.descriptor.as_fd(), b"stopped", Purpose::ReadNoLink) else {
            return false;
        };
        let mut boot = [0; 16];
        let is_file = file::facts_of(mark.as_fd()).is_ok_and(|facts| facts.kind == Kind::Regular);
        is_file
            && descriptor::read(mark.as_fd(), &mut boot) == Ok(boot.len())
            && boot == proc::boot()
    }

    /// The inode of the message pipe that was recorded in this boot.
    #[must_use]
    pub fn message_pipe(&self) -> Option<u64> {
        let file = open(self.descriptor.as_fd(), b"messages", Purpose::ReadNoLink).ok()?;
        let mut bytes = [0; 24];
        if descriptor::read(file.as_fd(), &mut bytes) != Ok(bytes.len()) {
            return None;
        }
        let (boot, inode) = bytes.split_first_chunk::<16>()?;
        (*boot == proc::boot()).then_some(u64::from_le_bytes(inode.try_into().ok()?))
    }

    /// Records the inode of the message pipe.
    ///
    /// # Errors
    /// Those of openat(2), write(2) and renameat(2).
    pub fn record_message_pipe(&self, inode: u64) -> Result<(), Errno> {
        let place = self.descriptor.as_fd();
        let _ = directory::remove(place, b"messages.new");
        let file = open(place, b"messages.new", Purpose::New(0o600))?;
        let bytes = [&proc::boot()[..], &inode.to_le_bytes()].concat();
        if descriptor::write(file.as_fd(), &bytes)? != bytes.len() {
            return Err(Errno::ENOSPC);
        }
        directory::rename(place, b"messages.new", b"messages")
    }

    /// Removes the mark: the scan is wanted.
    pub fn remove_mark(&self) {
        let _ = directory::remove(self.descriptor.as_fd(), b"stopped");
    }
}
