//! The files of `supervise/` that a supervise holds open. It opens them in the order of the
//! contract, hands them over to its next image, and makes them again when they were removed while
//! it runs. Clients and other supervises look for a supervise in these files: if they are missing,
//! svscan would start a second supervise beside the first.

use super::says::SUPERVISE;
use crate::error::Exit;
use crate::reexec::Handed;
use crate::service::control::{ListenError, Listener};
use crate::service::journal::Journal;
use crate::service::records::Records;
use crate::service::{lock, presence};
use crate::sys::descriptor::HERE;
use crate::sys::{Errno, clock, file, poll, proc, process};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How long to wait for another supervise to go away. A child that a killed supervise had just
/// forked is named "supervise" until it executes `./run`.
const GRACE: Duration = Duration::from_secs(1);

/// What is open in `supervise/`.
#[derive(Debug)]
pub struct Files {
    /// The directory.
    pub records: Records,
    /// The FIFO of the control bytes.
    pub control: Listener,
    /// The journal.
    pub journal: Journal,
    lock: OwnedFd,
    /// The presence: set once it is announced, or handed over by the image before us.
    presence: Option<OwnedFd>,
}

impl Files {
    /// Opens or makes all of them except the presence.
    ///
    /// # Errors
    /// The exit code; the reason has been printed.
    pub fn open(name: &[u8], handed: Handed<OwnedFd>) -> Result<Self, Exit> {
        let fatal = |text: &[&[u8]], error| SUPERVISE.fatal_because(text, error);
        let unlocked = |error| fatal(&[b"unable to acquire ", name, b"/supervise/lock"], error);
        let handed_records = handed.records.and_then(Records::resume);
        let records = handed_records.map_or_else(Records::open_or_make, Ok).map_err(unlocked)?;
        let is_new = lock::facts(&records) == Err(Errno::ENOENT);
        let lock = lock::resume_or_acquire(&records, handed.lock).map_err(unlocked)?;
        if is_new && has_another_supervise() {
            return Err(unlocked(Errno::EAGAIN));
        }
        let journal = Journal::open(&records, handed.journal)
            .map_err(|error| fatal(&[b"unable to open ", name, b"/supervise/journal"], error))?;
        let control = handed.control.and_then(|read| Listener::resume(records.as_fd(), read).ok());
        let control = control.map_or_else(|| Listener::open(records.as_fd()), Ok);
        let control = control.map_err(|error| match error {
            ListenError::Read(error) => {
                fatal(&[b"unable to read ", name, b"/supervise/control"], error)
            }
            ListenError::Write(error) => {
                fatal(&[b"unable to write ", name, b"/supervise/control"], error)
            }
        })?;
        Ok(Self { records, control, journal, lock, presence: handed.presence })
    }

    /// Announces that a supervise runs here: opens the FIFO `ok`.
    ///
    /// # Errors
    /// As [`presence::announce`].
    pub fn announce(&mut self) -> Result<(), Errno> {
        let presence = presence::resume_or_announce(&self.records, self.presence.take())?;
        self.presence = Some(presence);
        Ok(())
    }

    /// Whether each file is still there under its name. The journal is left out: writing it makes
    /// it again.
    #[must_use]
    pub fn are_in_place(&self) -> bool {
        let presence = self.presence.as_ref();
        self.records.are_in_place()
            && lock::is_in(&self.records, self.lock.as_fd())
            && self.control.is_in(self.records.as_fd())
            && presence.is_some_and(|presence| presence::is_in(&self.records, presence.as_fd()))
    }

    /// Makes again what was removed, except the journal and the presence: the status must be
    /// written before the presence.
    ///
    /// # Errors
    /// EAGAIN where another supervise has begun in the new directory; those of openat(2).
    pub fn make_again(&mut self) -> Result<(), Errno> {
        if !self.records.are_in_place() {
            let records = Records::open_or_make()?;
            let lock = lock::acquire(&records)?;
            (self.records, self.lock) = (records, lock);
        } else if !lock::is_in(&self.records, self.lock.as_fd()) {
            self.lock = lock::acquire(&self.records)?;
        }
        if !self.control.is_in(self.records.as_fd()) {
            let control = Listener::open(self.records.as_fd());
            let control = control.map_err(|error| match error {
                ListenError::Read(error) | ListenError::Write(error) => error,
            })?;
            control.take_queue_of(&self.control);
            self.control = control;
        }
        Ok(())
    }

    /// The descriptors of these files, for our next image.
    #[must_use]
    pub fn to_hand_over(&self) -> Handed<BorrowedFd<'_>> {
        Handed {
            lock: Some(self.lock.as_fd()),
            control: Some(self.control.as_fd()),
            presence: self.presence.as_ref().map(AsFd::as_fd),
            records: Some(self.records.as_fd()),
            journal: self.journal.descriptor(),
            ..Handed::default()
        }
    }
}

/// Whether another supervise works in the service directory although the lock file is gone, because
/// an admin removed `supervise/` while that supervise ran. If svscan started us, svscan has made
/// this search itself, once for all services.
fn has_another_supervise() -> bool {
    let us = process::our_pid();
    let Ok(here) = file::facts(HERE, b".") else { return false };
    if !proc::is_ours() || proc::is_named(process::our_parent(), b"svscan") {
        return false;
    }
    let until = clock::monotonic().saturating_add(GRACE);
    while proc::workers_in(&here, b"supervise").iter().any(|&pid| pid != us) {
        if clock::monotonic() >= until {
            return true;
        }
        poll::pause(Duration::from_millis(5));
    }
    false
}
