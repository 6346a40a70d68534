//! `svscanboot --stop=SECONDS`: the final stop, when the package is erased. It does not hurry, so
//! no service is killed. Services that have not ended in time are printed, and end by themselves
//! later.

use super::services::{Kinds, supervised, take_down};
use super::status_client::{Attendance, answer, is_ours, svscans};
use crate::error::Exit;
use crate::scandir::word::Word;
use crate::scandir::{ScanRecords, leadership, scan_control};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, Pid};
use crate::sys::signal::{SIGKILL, SIGTERM, SignalNumber};
use crate::sys::{clock, poll, proc};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

const STOPPED: (&str, u8) = ("stopped", 0);
/// The exit code if the services that still run were printed.
const STILL_RUNNING: u8 = 1;
/// How long to wait for services, and then for loggers, that have no svscan to stop them.
const LEFT_BEHIND: Duration = Duration::from_secs(5);
/// How long to wait for an svscanboot after its svscan has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(20);

/// Stops the svscan of `directory`, then its svscanboots, leading or standing by, and then the
/// supervises that a killed svscan left.
#[must_use]
pub fn stop(directory: &CStr, patience: Duration) -> Exit {
    let Ok(place) = open(HERE, directory.to_bytes(), Purpose::Directory) else {
        return answer(STOPPED);
    };
    let records = ScanRecords::open(place.as_fd()).ok();
    let svscanboots = svscanboots(directory, records.as_ref());
    if Attendance::of(directory) == Attendance::Foreign {
        end(&svscanboots, true);
        // Another product's svscan: we do not stop its services.
        return answer(("foreign", 2));
    }
    let sender = records.as_ref().and_then(|records| scan_control::connect(records).ok());
    if let Some(sender) = &sender {
        // If a word or a wait fails, svscan is not gone, and what still runs is printed below.
        let _ = scan_control::say(sender, Word::Stop);
        let until = clock::monotonic().saturating_add(patience);
        let _ = poll::wait(&mut [poll::broken(sender.as_fd())], Some(until));
    }
    // While svscan has not ended, svscanboot would take TERM for a request to hurry: then KILL
    // alone.
    end(&svscanboots, sender.as_ref().is_none_or(|sender| sender.is_gone()));
    if sender.is_none() {
        // At TERM, an svscan without a control FIFO ends and leaves its services running, as 0.76's
        // does.
        signal_all(&svscans(directory), SIGTERM);
    }
    take_down(place.as_fd(), Kinds::Services, LEFT_BEHIND);
    take_down(place.as_fd(), Kinds::Loggers, LEFT_BEHIND);
    say_what_runs(directory, place.as_fd())
}

/// The svscanboots of this program for `directory`, leading or standing by. Without records, the
/// leader is found as the parent of its svscan.
fn svscanboots(directory: &CStr, records: Option<&ScanRecords>) -> Vec<Pid> {
    let mut found = records.map(leadership::all).unwrap_or_default();
    let parents = svscans(directory).into_iter().filter_map(|pid| proc::Process::read(pid).ok());
    found.extend(parents.map(|found| found.parent));
    found.retain(|&pid| is_svscanboot_of_ours(pid));
    found
}

fn is_svscanboot_of_ours(pid: Pid) -> bool {
    proc::is_named(pid, b"svscanboot") && is_ours(pid)
}

/// Ends svscanboots: by TERM first, if their svscan is gone (`by_term`), and then by KILL.
fn end(svscanboots: &[Pid], by_term: bool) {
    let left = || -> Vec<Pid> {
        svscanboots.iter().copied().filter(|&pid| is_svscanboot_of_ours(pid)).collect()
    };
    if by_term {
        signal_all(&left(), SIGTERM);
        let until = clock::monotonic().saturating_add(LAST_WORDS);
        while !left().is_empty() && clock::monotonic() < until {
            poll::pause(PACE);
        }
    }
    signal_all(&left(), SIGKILL);
}

fn signal_all(pids: &[Pid], signal: SignalNumber) {
    for &pid in pids {
        // A process that has ended in between needs no signal.
        let _ = process::kill(pid, signal);
    }
}

/// Prints the directory of each service and logger that still runs, one in each line, or the word
/// `stopped` if none does.
fn say_what_runs(directory: &CStr, place: BorrowedFd<'_>) -> Exit {
    let left = [supervised(place, Kinds::Services), supervised(place, Kinds::Loggers)];
    let mut lines = Vec::new();
    for one in left.iter().flatten() {
        lines.extend_from_slice(&[directory.to_bytes(), b"/", &one.name, b"\n"].concat());
    }
    if lines.is_empty() {
        return answer(STOPPED);
    }
    // The exit code says it too.
    let _ = descriptor::write(descriptor::standard(1), &lines);
    Exit::of_child(STILL_RUNNING)
}
