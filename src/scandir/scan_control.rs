//! `.svscan/control`: how svscanboot speaks to the svscan of a scan directory.

use super::records::ScanRecords;
use super::word::Word;
use crate::service::control::{self, ListenError, Listener, Sender};
use crate::sys::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// Sends a word to the svscan behind `sender`, if the FIFO has room for it now.
///
/// # Errors
/// EAGAIN when there is none; those of write(2).
pub fn say(sender: &Sender, word: Word) -> Result<(), Errno> {
    sender.offer(&[word.byte()])
}

/// Listens for words, on the read end that the image before us handed over, if there is one.
///
/// # Errors
/// Those of openat(2).
pub fn listen(records: &ScanRecords, old: Option<OwnedFd>) -> Result<Listener, Errno> {
    let resumed = old.and_then(|read| Listener::resume(records.as_fd(), read).ok());
    if let Some(listener) = resumed {
        return Ok(listener);
    }
    Listener::open(records.as_fd()).map_err(|error| match error {
        ListenError::Read(error) | ListenError::Write(error) => error,
    })
}

/// Opens the control FIFO of the svscan that runs here. A poll of it shows an error as soon as that
/// svscan is gone.
///
/// # Errors
/// ENXIO when none runs; those of openat(2).
pub fn connect(records: &ScanRecords) -> Result<Sender, Errno> {
    control::connect_at(records.as_fd())
}
