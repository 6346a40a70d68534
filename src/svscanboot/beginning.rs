//! The beginning of svscanboot: it waits until the scan directory exists, opens its records, and
//! records that svscan is wanted.

use super::SVSCANBOOT;
use crate::error;
use crate::scandir::word::Word;
use crate::scandir::{ScanRecords, mark, scan_control};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::signal::{SIGTERM, Signals};
use crate::sys::{Errno, clock, file, poll};
use core::time::Duration;
use std::os::fd::AsFd;

/// Time between two tries to open a missing scan directory.
const RETRY: Duration = Duration::from_secs(5);

/// Waits until the scan directory exists, and opens its records. Returns `None` if TERM came first.
/// If there can be no records, and so no lock, it warns once, and we go on as 0.76 does.
pub fn open_records(name: &[u8], signals: &Signals) -> Option<Option<ScanRecords>> {
    let mut has_warned = false;
    let directory = loop {
        match open(HERE, name, Purpose::Directory) {
            Ok(directory) => break directory,
            Err(error) if !has_warned => {
                warn(&[b"unable to open ", name, b", waiting"], error);
                has_warned = true;
            }
            Err(_) => {}
        }
        if comes_term(signals, RETRY) {
            return None;
        }
    };
    let records = ScanRecords::open_or_make(directory.as_fd());
    let warn = |error| warn(&[b"unable to open ", name, b"/.svscan"], error);
    Some(records.map_err(warn).ok())
}

/// Records that svscan is wanted again. Sends this to a running svscan too, which may still have to
/// read a request to stop.
pub fn want(records: &ScanRecords) {
    mark::remove(records);
    if let Ok(sender) = scan_control::connect(records) {
        // This fails if svscan has just ended: then it needs no word.
        let _ = scan_control::say(&sender, Word::Wanted);
    }
}

/// Prints a warning before there is a readproctitle. If our stderr is /dev/null, as under Upstart,
/// the warning would be lost: then it goes to the kernel's messages, and so to syslog and console.
fn warn(text: &[&[u8]], error: Errno) {
    SVSCANBOOT.warning_because(text, error);
    let null = file::facts(HERE, b"/dev/null");
    let is_null = |facts: file::Facts| {
        null.is_ok_and(|null| (null.device, null.inode) == (facts.device, facts.inode))
    };
    if !file::facts_of(descriptor::standard(2)).is_ok_and(is_null) {
        return;
    }
    let Ok(messages) = open(HERE, b"/dev/kmsg", Purpose::Write) else { return };
    // Priority 4 (warning) of the facility for daemons.
    let line =
        [b"<28>svscanboot: warning: ", &text.concat()[..], b": ", error::words(error).as_bytes()];
    // There is no further place for it.
    let _ = descriptor::write(messages.as_fd(), &[&line.concat()[..], b"\n"].concat());
}

/// Whether TERM comes within `length`.
fn comes_term(signals: &Signals, length: Duration) -> bool {
    let until = clock::monotonic().saturating_add(length);
    if poll::wait(&mut [poll::readable(signals.as_fd())], Some(until)).is_err() {
        poll::pause(length);
    }
    let mut term = false;
    while let Some(signal) = signals.next() {
        term |= signal == SIGTERM;
    }
    term
}
