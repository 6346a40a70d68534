//! What svscan takes before its first look at the scan directory: its records with the lock and the
//! control FIFO, and a read end of the message pipe.

use super::SVSCAN;
use crate::error::Exit;
use crate::scandir::pipe_records::PipeRecords;
use crate::scandir::scan_lock::ScanLock;
use crate::scandir::word::Word;
use crate::scandir::{ScanRecords, mark, scan_control, scanner};
use crate::service::control::Listener;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file::{self, Kind};
use crate::sys::limit::OpenFiles;
use crate::sys::{Errno, proc, process};
use std::os::fd::OwnedFd;

/// What svscan has open of a scan directory. If no records can be made, svscan warns once, goes on
/// as 0.76 does, without a lock, and tries again at each tick. If descriptors are few, it opens the
/// lock alone.
#[derive(Debug)]
pub struct ScanClaim {
    records: Option<ScanRecords>,
    /// The read end of `.svscan/control`.
    pub control: Option<Listener>,
    /// The lock.
    pub lock: Option<ScanLock>,
}

impl ScanClaim {
    /// Takes the current directory. `name` is its name for messages.
    ///
    /// # Errors
    /// The exit code, if another svscan holds the lock.
    pub fn take(
        name: Option<&[u8]>,
        old_lock: Option<OwnedFd>,
        old_control: Option<OwnedFd>,
    ) -> Result<Self, Exit> {
        let (name, slash): (&[u8], &[u8]) = name.map_or((b"", b""), |name| (name, b"/"));
        let warn = |what: &[u8], error| {
            SVSCAN.warning_because(&[b"unable to ", what, name, slash, b".svscan"], error);
        };
        let records = match ScanRecords::open_or_make(HERE) {
            Ok(records) => records,
            Err(error) => {
                warn(b"open ", error);
                return Ok(Self { records: None, control: None, lock: None });
            }
        };
        let lock = match ScanLock::resume_or_wait(&records, old_lock) {
            Ok(lock) => Some(lock),
            Err(Errno::EAGAIN) => {
                let other = scanner::workers(HERE).first().map(|pid| format!(" (pid {pid})"));
                let other =
                    other.map_or(String::new(), |pid| format!(", another svscan{pid} has it"));
                let text: &[&[u8]] =
                    &[b"unable to acquire ", name, slash, b".svscan/lock", other.as_bytes()];
                return Err(SVSCAN.fatal_because(text, Errno::EAGAIN));
            }
            Err(error) => {
                warn(b"lock ", error);
                None
            }
        };
        mark::remove(&records);
        if OpenFiles::are_few() {
            // The other descriptors are for the services. Instead of the control FIFO, a signal can
            // ask for the stop.
            return Ok(Self { records: None, control: None, lock });
        }
        let control = scan_control::listen(&records, old_control);
        let control = control.map_err(|error| warn(b"listen in ", error)).ok();
        Ok(Self { records: Some(records), control, lock })
    }

    /// Makes the records again if they were removed, or makes them at last if that failed before,
    /// and takes what could not be taken at the start. Returns whether there are new records. What
    /// fails is tried again at the next tick. If descriptors are few, does nothing.
    pub fn renew(&mut self) -> bool {
        if OpenFiles::are_few() {
            return false;
        }
        match &self.records {
            Some(records) if records.are_of(HERE) => {
                let lock = self.lock.take().or_else(|| ScanLock::acquire(records).ok());
                let control = self.control.take();
                self.control = control.or_else(|| scan_control::listen(records, None).ok());
                self.lock = lock;
                false
            }
            Some(_) | None => self.begin_anew(),
        }
    }

    fn begin_anew(&mut self) -> bool {
        let Ok(records) = ScanRecords::open_or_make(HERE) else { return false };
        let Ok(lock) = ScanLock::acquire(&records) else { return false };
        self.control = scan_control::listen(&records, None).ok();
        self.lock = Some(lock);
        self.records = Some(records);
        true
    }

    /// The records, if there are any.
    #[must_use]
    pub const fn records(&self) -> Option<&ScanRecords> {
        self.records.as_ref()
    }

    /// The record of the services that an svscan before us held.
    #[must_use]
    pub fn open_pipe_records(&self) -> PipeRecords {
        let Some(records) = &self.records else { return PipeRecords::none() };
        let (pipes, written) = PipeRecords::open(records);
        if let Err(error) = written {
            SVSCAN.warning_because(&[b"unable to write .svscan/pipes"], error);
        }
        pipes
    }

    /// A read end of the pipe at our descriptor 2, if svscanboot started us and that is a pipe.
    /// With it open, no service dies of SIGPIPE even if readproctitle and svscanboot are both dead.
    #[must_use]
    pub fn message_pipe(&self) -> Option<OwnedFd> {
        self.lock.as_ref().filter(|lock| lock.was_handed_down)?;
        let facts = file::facts_of(descriptor::standard(2)).ok()?;
        let is_pipe = facts.kind == Kind::Fifo;
        is_pipe.then(|| proc::reopen(process::our_pid(), 2, Purpose::Read).ok()).flatten()
    }

    /// The next word in the control FIFO.
    #[must_use]
    pub fn next_word(&self) -> Option<Word> {
        // Bytes that stand for no word are ignored.
        std::iter::from_fn(|| self.control.as_ref()?.next()).find_map(Word::of)
    }

    /// Marks that an orderly stop was made.
    pub fn mark_stopped(&self) {
        if let Some(Err(error)) = self.records.as_ref().map(mark::put) {
            SVSCAN.warning_because(&[b"unable to write .svscan/stopped"], error);
        }
    }

    /// Removes that mark, because svscan is wanted again.
    pub fn remove_mark(&self) {
        self.records.iter().for_each(mark::remove);
    }
}
