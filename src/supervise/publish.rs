//! Writes the journal, for a successor of this supervise, and then the status, for all clients. A
//! failure is only a warning, since the service matters more. supervise tries again every few
//! seconds, so that both files are right again soon after a full disk has room.

use super::files::Files;
use super::says::{SUPERVISE, warn_unpublished};
use crate::service::record::Record;
use crate::service::status::{self, PublishError, Status};
use crate::sys::{Errno, clock};
use core::time::Duration;

/// Time between two tries to write.
const AGAIN: Duration = Duration::from_secs(3);

/// What the last write came to.
#[derive(Debug, Default)]
pub struct Publisher {
    /// When to try again what could not be written.
    again: Option<Duration>,
    /// Why the last record is not in the journal, if it is not. A warning has been printed.
    journal_error: Option<Errno>,
}

/// Why the status could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishTrouble {
    /// The directory is gone: its files have to be made again.
    Vanished,
    /// Anything else.
    Failed,
}

impl Publisher {
    /// When to publish again, if the last write failed.
    #[must_use]
    pub fn again(&self) -> Option<Duration> {
        self.again
    }

    /// Why the last record is not in the journal, if it is not: without it a new image of ours, or
    /// a successor, would not know the service.
    #[must_use]
    pub fn journal_error(&self) -> Option<Errno> {
        self.journal_error
    }

    /// Writes the journal.
    pub fn record(&mut self, files: &mut Files, name: &[u8], record: &Record) {
        let result = files.journal.write(&files.records, record);
        match (result, self.journal_error) {
            // The directory is gone. Writing the status fails too, and that failure is handled.
            (Err(Errno::ENOENT), _) => {}
            (Err(error), None) => {
                let what: [&[u8]; 3] = [b"unable to write ", name, b"/supervise/journal"];
                SUPERVISE.warning_because(&what, error);
            }
            _ => {}
        }
        self.journal_error = result.err();
        if self.journal_error.is_some() {
            self.again = Some(clock::monotonic().saturating_add(AGAIN));
        }
    }

    /// Writes the journal, then the status. Warns of a status that could not be written if
    /// `is_news`.
    ///
    /// # Errors
    /// The kind of failure, after any warning is printed.
    pub fn publish(
        &mut self,
        files: &mut Files,
        name: &[u8],
        record: &Record,
        status: Status,
        is_news: bool,
    ) -> Result<(), PublishTrouble> {
        self.again = None;
        self.record(files, name, record);
        let Err(error) = status::publish(&files.records, status) else { return Ok(()) };
        if error == PublishError::Open(Errno::ENOENT) && !files.records.are_in_place() {
            return Err(PublishTrouble::Vanished);
        }
        if is_news {
            warn_unpublished(name, error);
        }
        self.try_again();
        Err(PublishTrouble::Failed)
    }

    /// Tries again in a while.
    pub fn try_again(&mut self) {
        self.again = Some(clock::monotonic().saturating_add(AGAIN));
    }
}
