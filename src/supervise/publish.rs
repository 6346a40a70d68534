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
    /// Why the last record is not in the journal, if it is not.
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
        if let Some(error) = result.err().filter(|error| is_news(*error, self.journal_error)) {
            let what: [&[u8]; 3] = [b"unable to write ", name, b"/supervise/journal"];
            SUPERVISE.warning_because(&what, error);
        }
        self.journal_error = result.err();
        if self.journal_error.is_some() {
            self.try_again();
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

    /// Notes that a write is to be tried again in a while.
    fn try_again(&mut self) {
        self.again = Some(clock::monotonic().saturating_add(AGAIN));
    }
}

/// Whether to warn of an error in writing the journal, after the error `before` in the write
/// before. ENOENT, which means that the directory is gone, is no news: writing the status fails
/// too, and that failure is handled.
fn is_news(error: Errno, before: Option<Errno>) -> bool {
    error != Errno::ENOENT && matches!(before, None | Some(Errno::ENOENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_errors_in_a_row_the_first_is_said_that_is_not_the_loss_of_the_directory() {
        let [gone, full, broken] = [Errno::ENOENT, Errno::ENOSPC, Errno::EIO];
        assert!(is_news(full, None) && is_news(full, Some(gone)));
        assert!(!is_news(gone, None) && !is_news(gone, Some(full)));
        assert!(!is_news(full, Some(full)) && !is_news(broken, Some(full)));
    }
}
