//! `svscanboot --status` and `svscanboot --reexec`, for the scriptlets of a package: they print one
//! word and set the exit code. `--stop=SECONDS` uses [`svscans`] and [`Attendance`] too.

use crate::error::Exit;
use crate::scandir::{ScanRecords, leadership};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, Pid};
use crate::sys::signal::SIGHUP;
use crate::sys::{Errno, clock, file, poll};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// Our own program.
const OURSELVES: &[u8] = b"/proc/self/exe";
/// Time between two looks at a scan directory.
const PACE: Duration = Duration::from_millis(50);

/// Which svscan works in a scan directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// An svscan of this program, and an svscanboot starts it again if it dies.
    Kept,
    /// An svscan of this program, without an svscanboot.
    Alone,
    /// An svscan of another product.
    Foreign,
    /// No svscan.
    Absent,
}

impl Attendance {
    /// Which svscan works in `directory`.
    #[must_use]
    pub fn of(directory: &CStr) -> Self {
        let svscans = svscans(directory);
        if svscans.is_empty() {
            Self::Absent
        } else if !svscans.iter().all(|&pid| is_ours(pid)) {
            Self::Foreign
        } else if has_leader(directory) || svscans.iter().any(|&pid| is_child_of_svscanboot(pid)) {
            Self::Kept
        } else {
            Self::Alone
        }
    }

    fn answer(self) -> (&'static str, u8) {
        match self {
            Self::Kept => ("kept", 0),
            Self::Alone => ("alone", 1),
            Self::Foreign => ("foreign", 2),
            Self::Absent => ("absent", 3),
        }
    }
}

/// All svscans that work in `directory`, of any program.
#[must_use]
pub fn svscans(directory: &CStr) -> Vec<Pid> {
    file::facts(HERE, directory.to_bytes())
        .map_or_else(|_| Vec::new(), |here| proc::workers_in(&here, b"svscan"))
}

/// Whether a process runs the same file as we, or the file that an upgrade replaced at the same
/// path.
#[must_use]
pub fn is_ours(pid: Pid) -> bool {
    let program = file::link_target(HERE, &program_of(pid));
    let ours = file::link_target(HERE, OURSELVES);
    program.is_ok_and(|program| {
        ours.is_ok_and(|ours| without_deleted(&program) == without_deleted(&ours))
    })
}

/// The path without the ` (deleted)` that the kernel appends when a program was removed or
/// replaced.
fn without_deleted(program: &[u8]) -> &[u8] {
    program.strip_suffix(b" (deleted)").unwrap_or(program)
}

fn program_of(pid: Pid) -> Vec<u8> {
    format!("/proc/{pid}/exe").into_bytes()
}

/// Whether an svscanboot leads in `directory`, by the records there.
fn has_leader(directory: &CStr) -> bool {
    open(HERE, directory.to_bytes(), Purpose::Directory)
        .and_then(|place| ScanRecords::open(place.as_fd()))
        .is_ok_and(|records| leadership::look(&records).is_ok())
}

/// Whether the svscanboot that leads has started this svscan. Without records this is the only way
/// to find that svscanboot.
fn is_child_of_svscanboot(pid: Pid) -> bool {
    Process::read(pid).is_ok_and(|found| proc::is_named(found.parent, b"svscanboot"))
}

/// Prints which svscan works in `directory`. If there is none, waits for one, at most `patience`.
#[must_use]
pub fn status(directory: &CStr, patience: Duration) -> Exit {
    let until = clock::monotonic().saturating_add(patience);
    let mut attendance = Attendance::of(directory);
    while attendance == Attendance::Absent && clock::monotonic() < until {
        poll::pause(PACE);
        attendance = Attendance::of(directory);
    }
    answer(attendance.answer())
}

/// Makes the svscan of `directory` and its supervises execute the program that is on disk, if that
/// svscan is of this program and runs another file.
#[must_use]
pub fn reexec(directory: &CStr) -> Exit {
    let attendance = Attendance::of(directory);
    // HUP would kill an svscan of 0.76.
    if matches!(attendance, Attendance::Foreign | Attendance::Absent) {
        return answer(attendance.answer());
    }
    let mut has_asked = false;
    for pid in svscans(directory) {
        if runs_what_we_run(pid) != Ok(true) {
            has_asked |= process::kill(pid, SIGHUP).is_ok();
        }
    }
    answer(if has_asked { ("asked", 0) } else { ("current", 0) })
}

/// Whether a process runs the very file that we run.
fn runs_what_we_run(pid: Pid) -> Result<bool, Errno> {
    let identity = |facts: file::Facts| (facts.device, facts.inode);
    let theirs = file::facts(HERE, &program_of(pid)).map(identity)?;
    Ok(theirs == file::facts(HERE, OURSELVES).map(identity)?)
}

/// Prints one line on standard output and returns the exit code.
pub(super) fn answer((word, code): (&str, u8)) -> Exit {
    // The exit code says the same.
    let _ = descriptor::write(descriptor::standard(1), &[word.as_bytes(), b"\n"].concat());
    Exit::of_child(code)
}
