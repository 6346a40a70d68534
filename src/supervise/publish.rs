//! What a supervise writes down: the journal, for its successor, then the status, for everybody.
//! Trouble is a warning, since the service comes first; and what could not be saved is tried again
//! every few seconds, so that a disk that was full leaves nothing wrong behind.

use super::files::Files;
use super::says::{SUPERVISE, warn_unpublished};
use crate::service::record::Record;
use crate::service::status::{self, PublishError, Status};
use crate::sys::{Errno, clock};
use core::time::Duration;

/// Between two tries to save what could not be saved.
const AGAIN: Duration = Duration::from_secs(3);

/// How saving goes.
#[derive(Debug, Default)]
pub struct Publisher {
    /// When to try again what could not be saved.
    again: Option<Duration>,
    /// Whether the last record is not in the journal, which was said.
    journal_error: Option<Errno>,
}

/// What could not be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The directory has gone: its files are to be made again.
    Vanished,
    /// Anything else.
    Failed,
}

impl Publisher {
    /// When to publish again, if that has to be.
    #[must_use]
    pub fn again(&self) -> Option<Duration> {
        self.again
    }

    /// Why the last record is not in the journal, if it is not: without it a new image of ours, or a
    /// successor, would not know the service.
    #[must_use]
    pub fn journal_error(&self) -> Option<Errno> {
        self.journal_error
    }

    /// Writes the journal.
    pub fn record(&mut self, files: &mut Files, name: &[u8], record: &Record) {
        let result = files.journal.write(&files.records, record);
        match (result, self.journal_error) {
            // The directory has gone: what becomes of the status tells.
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

    /// Writes the journal, then the status. A status that fails is said if `is_news`.
    ///
    /// # Errors
    /// What kind of trouble it was, once it is said.
    pub fn publish(
        &mut self,
        files: &mut Files,
        name: &[u8],
        record: &Record,
        status: Status,
        is_news: bool,
    ) -> Result<(), Trouble> {
        self.again = None;
        self.record(files, name, record);
        let Err(error) = status::publish(&files.records, status) else { return Ok(()) };
        if error == PublishError::Open(Errno::ENOENT) && !files.records.are_in_place() {
            return Err(Trouble::Vanished);
        }
        if is_news {
            warn_unpublished(name, error);
        }
        self.try_again();
        Err(Trouble::Failed)
    }

    /// Tries again in a while.
    pub fn try_again(&mut self) {
        self.again = Some(clock::monotonic().saturating_add(AGAIN));
    }
}
