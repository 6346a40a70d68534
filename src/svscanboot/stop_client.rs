//! `svscanboot --stop`: asks the svscan of a scan directory for the orderly stop and waits for its
//! end. For scripts that an init runs before it kills all processes.

use super::SVSCANBOOT;
use super::driver::say_how_to_start;
use super::place::ScanPlace;
use super::services::{Kinds, supervised};
use crate::error::Exit;
use crate::scandir::ScanRecords;
use crate::scandir::scanner::Scanner;
use crate::scandir::word::Word;
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::{Errno, clock, poll};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

/// How long to wait before printing what we wait for: at a halt, on the console.
const TELL_AFTER: Duration = Duration::from_secs(5);
/// How long to wait before making svscan hurry: then it kills what has not ended.
const HURRY_AFTER: Duration = Duration::from_secs(30);
/// How long to wait in all. A hurried stop takes five seconds.
const GIVE_UP_AFTER: Duration = Duration::from_secs(40);
/// How long to wait for an svscan that does not listen, and for an svscanboot to start another
/// svscan after a killed one.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks, where there is nothing to poll.
const PACE: Duration = Duration::from_millis(50);

/// Stops the svscan of `directory`, or waits for the end of a stop that has begun. Returns when no
/// svscan works there.
#[must_use]
pub fn stop(directory: &CStr) -> Exit {
    let name = directory.to_bytes();
    let opened = open(HERE, name, Purpose::Directory).map_err(|error| (&b""[..], error));
    let records = opened.as_ref().map_err(|error| *error).and_then(|place| {
        ScanRecords::open(place.as_fd()).map_err(|error| (&b"/.svscan"[..], error))
    });
    let error = records.as_ref().err().copied();
    let place = ScanPlace::new(directory, records.ok());
    match error {
        // No svscan of this program was ever there.
        None | Some((b"/.svscan", Errno::ENOENT)) => {}
        Some((what, error)) if place.workers().is_empty() => {
            return SVSCANBOOT.fatal_because(&[b"unable to open ", name, what], error);
        }
        Some(_) => {}
    }
    let scan_directory = opened.as_ref().ok().map(AsFd::as_fd);
    let mut stop = AskedStop { begun: clock::monotonic(), has_told: false, is_hurried: false };
    let mut has_asked = false;
    let mut since = clock::monotonic();
    loop {
        if let Some(svscan) = place.find_svscan() {
            has_asked = true;
            if !stop.ask(&svscan, scan_directory) {
                SVSCANBOOT.warning(&[b"svscan of ", name, b" does not end, giving up"]);
                return Exit::SYSTEM;
            }
            since = clock::monotonic();
            continue;
        }
        let is_late = clock::monotonic() >= since.saturating_add(PATIENCE);
        match place.workers().first() {
            Some(pid) if is_late => {
                let pid = pid.to_string();
                let text: &[&[u8]] = &[b"unable to stop svscan (pid ", pid.as_bytes(), b") of "];
                return SVSCANBOOT.fatal(&[text, &[name, b": it is not ours"]].concat());
            }
            // This svscan may have just started, and will soon listen.
            Some(_) => {}
            None if is_late || !has_asked || !starts_again(&place) => {
                if has_asked {
                    say_how_to_start(name);
                }
                return Exit::SUCCESS;
            }
            None => {}
        }
        poll::pause(PACE);
    }
}

/// Whether an svscanboot is about to start another svscan, because the one that we asked was killed
/// before it had made the stop.
fn starts_again(place: &ScanPlace<'_>) -> bool {
    place.has_leader() && !place.is_stopped()
}

/// How far the stop has come.
struct AskedStop {
    begun: Duration,
    /// Whether we have printed what we wait for.
    has_told: bool,
    /// Whether svscan was asked to hurry.
    is_hurried: bool,
}

impl AskedStop {
    /// Asks one svscan to stop and waits for its end. Returns false if it did not end in time.
    fn ask(&mut self, svscan: &Scanner, scan_directory: Option<BorrowedFd<'_>>) -> bool {
        // If a word cannot be sent, the wait below comes to its end without success.
        let _ = svscan.say(Word::Stop);
        if self.is_hurried {
            let _ = svscan.say(Word::Hurry);
        }
        while !svscan.is_gone() {
            let age = clock::monotonic().saturating_sub(self.begun);
            if age >= GIVE_UP_AFTER {
                return false;
            }
            if age >= TELL_AFTER && !self.has_told {
                self.has_told = true;
                scan_directory.into_iter().for_each(say_what_is_awaited);
            }
            if age >= HURRY_AFTER && !self.is_hurried {
                self.is_hurried = true;
                // As above.
                let _ = svscan.say(Word::Hurry);
            }
            let next = match (self.has_told, self.is_hurried) {
                (false, _) => TELL_AFTER,
                (true, false) => HURRY_AFTER,
                (true, true) => GIVE_UP_AFTER,
            };
            let mut until = self.begun.saturating_add(next);
            let mut watched: Vec<_> = svscan.watched().into_iter().collect();
            if watched.is_empty() {
                until = until.min(clock::monotonic().saturating_add(PACE));
            }
            if poll::wait(&mut watched, Some(until)).is_err() {
                // poll fails only when the kernel lacks memory, and that may pass.
                poll::pause(PACE);
            }
        }
        true
    }
}

/// Prints which services have not ended yet or, if all have, which loggers.
fn say_what_is_awaited(place: BorrowedFd<'_>) {
    let mut left = supervised(place, Kinds::Services);
    if left.is_empty() {
        left = supervised(place, Kinds::Loggers);
    }
    let names: Vec<&[u8]> = left.iter().map(|one| one.name.as_slice()).collect();
    let names = if names.is_empty() { b"svscan".to_vec() } else { names.join(&b' ') };
    SVSCANBOOT.warning(&[b"waiting up to 40 seconds for the end of: ", &names]);
}
