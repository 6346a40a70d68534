//! `svscanboot --stop`: asks the svscan of a scan directory for the orderly stop and waits for its
//! end. For the scripts that an init runs before it kills what is left.

use super::SVSCANBOOT;
use super::services::{Kinds, supervised};
use crate::error::Exit;
use crate::scandir::word::Word;
use crate::scandir::{ScanRecords, scan_control};
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::{Errno, clock, poll};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

/// After which it is said what is waited for: at a halt, on the console.
const TELL_AFTER: Duration = Duration::from_secs(5);
/// After which a stop is hurried: what has not ended is killed.
const HURRY_AFTER: Duration = Duration::from_secs(30);
/// After which it is not waited for any longer: a hurried stop takes five seconds.
const GIVE_UP_AFTER: Duration = Duration::from_secs(40);

/// Stops the scan of `directory`, or waits for the end of a stop that is on its way.
#[must_use]
pub fn stop(directory: &CStr) -> Exit {
    let name = directory.to_bytes();
    let place = match open(HERE, name, Purpose::Directory) {
        Ok(place) => place,
        Err(error) => return SVSCANBOOT.fatal_because(&[b"unable to open ", name], error),
    };
    let records = match ScanRecords::open(place.as_fd()) {
        Ok(records) => records,
        // No svscan of ours was ever there.
        Err(Errno::ENOENT) => return Exit::SUCCESS,
        Err(error) => {
            return SVSCANBOOT.fatal_because(&[b"unable to open ", name, b"/.svscan"], error);
        }
    };
    let Ok(sender) = scan_control::connect(&records) else { return Exit::SUCCESS };
    let _ = scan_control::say(&sender, Word::Stop);
    let begun = clock::monotonic();
    let mut has_told = false;
    let mut is_hurried = false;
    while !sender.is_gone() {
        let age = clock::monotonic().saturating_sub(begun);
        if age >= GIVE_UP_AFTER {
            SVSCANBOOT.warning(&[b"svscan of ", name, b" does not end, giving up"]);
            return Exit::SYSTEM;
        }
        if age >= TELL_AFTER && !has_told {
            has_told = true;
            tell_of(place.as_fd());
        }
        if age >= HURRY_AFTER && !is_hurried {
            is_hurried = true;
            let _ = scan_control::say(&sender, Word::Hurry);
        }
        let next = match (has_told, is_hurried) {
            (false, _) => TELL_AFTER,
            (true, false) => HURRY_AFTER,
            (true, true) => GIVE_UP_AFTER,
        };
        let mut watched = [poll::broken(sender.as_fd())];
        let _ = poll::wait(&mut watched, Some(begun.saturating_add(next)));
    }
    Exit::SUCCESS
}

/// Says which services have not ended yet; where only loggers are left, which of those.
fn tell_of(place: BorrowedFd<'_>) {
    let mut left = supervised(place, Kinds::Services);
    if left.is_empty() {
        left = supervised(place, Kinds::Loggers);
    }
    let names: Vec<&[u8]> = left.iter().map(|one| one.name.as_slice()).collect();
    let names = if names.is_empty() { b"svscan".to_vec() } else { names.join(&b' ') };
    SVSCANBOOT.warning(&[b"waiting up to 40 seconds for the end of: ", &names]);
}
