//! The files of `supervise/` that a supervise holds: opened in the order of the contract, handed over
//! to its next image, and made again where they were removed under it. Whoever looks for a supervise
//! looks there: one that cannot be found would get a second one beside it.

use super::says::SUPERVISE;
use crate::error::Exit;
use crate::reexec::Handed;
use crate::service::control::{ListenError, Listener};
use crate::service::journal::Journal;
use crate::service::records::Records;
use crate::service::{lock, presence};
use crate::sys::descriptor::HERE;
use crate::sys::proc::{self, Process};
use crate::sys::{Errno, clock, file, poll, process};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A child that a killed supervise had just forked bears its name until its exec: worth a wait.
const GRACE: Duration = Duration::from_secs(1);

/// What is open in `supervise/`.
#[derive(Debug)]
pub struct Files {
    /// The directory.
    pub records: Records,
    /// The commands.
    pub control: Listener,
    /// The journal.
    pub journal: Journal,
    lock: OwnedFd,
    /// Once announced; before that, what an image before us handed over.
    presence: Option<OwnedFd>,
}

impl Files {
    /// Opens, or makes, all of them but the presence.
    ///
    /// # Errors
    /// The exit, once the reason is said.
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

    /// Lets it be known that a supervise runs here.
    ///
    /// # Errors
    /// As [`presence::announce`].
    pub fn announce(&mut self) -> Result<(), Errno> {
        let presence = presence::resume_or_announce(&self.records, self.presence.take())?;
        self.presence = Some(presence);
        Ok(())
    }

    /// Whether each of them still has its name, the journal aside, which sees to itself.
    #[must_use]
    pub fn are_in_place(&self) -> bool {
        let presence = self.presence.as_ref();
        self.records.are_in_place()
            && lock::is_in(&self.records, self.lock.as_fd())
            && self.control.is_in(self.records.as_fd())
            && presence.is_some_and(|presence| presence::is_in(&self.records, presence.as_fd()))
    }

    /// Makes again what was removed, the journal and the presence aside: the status comes before
    /// that.
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

    /// What the next image needs of them.
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

/// Whether another supervise works in the service directory though its lock is not there: `supervise`
/// was removed under it. svscan looks for that itself, once for all services.
fn has_another_supervise() -> bool {
    let us = process::our_pid();
    let parent = Process::read(us).map(|process| process.parent);
    let (Ok(parent), Ok(here)) = (parent, file::facts(HERE, b".")) else { return false };
    if proc::is_named(parent, b"svscan") {
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
