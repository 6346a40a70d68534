//! `svscanboot --status` and `svscanboot --reexec`: what the scriptlets of a package ask, and are
//! answered by one word and an exit code. [`svscans`] and [`Standing`] serve the stop at an erase
//! too.

use crate::error::Exit;
use crate::scandir::{ScanRecords, keeper};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, Pid};
use crate::sys::signal::SIGHUP;
use crate::sys::{Errno, clock, file, poll};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// The program that we are, on disk.
const OURSELVES: &[u8] = b"/proc/self/exe";
/// Between two looks at a scan directory.
const PACE: Duration = Duration::from_millis(50);

/// How a scan directory is scanned, and by which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// By an svscan of this program, which an svscanboot keeps.
    Kept,
    /// By an svscan of this program, which nobody starts again.
    Alone,
    /// By another program.
    Foreign,
    /// Not at all.
    Absent,
}

impl Standing {
    /// How `directory` is scanned.
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

/// The svscans that work in `directory`, whatever program they are of.
#[must_use]
pub fn svscans(directory: &CStr) -> Vec<Pid> {
    file::facts(HERE, directory.to_bytes())
        .map_or_else(|_| Vec::new(), |here| proc::workers_in(&here, b"svscan"))
}

/// Whether a process runs the file that we run, or one that stood at the same path before an
/// upgrade replaced it.
#[must_use]
pub fn is_ours(pid: Pid) -> bool {
    let program = file::link_target(HERE, &program_of(pid));
    let ours = file::link_target(HERE, OURSELVES);
    program
        .is_ok_and(|program| ours.is_ok_and(|ours| without_mark(&program) == without_mark(&ours)))
}

/// What the kernel puts behind the path of a program that was removed or replaced.
fn without_mark(program: &[u8]) -> &[u8] {
    program.strip_suffix(b" (deleted)").unwrap_or(program)
}

fn program_of(pid: Pid) -> Vec<u8> {
    format!("/proc/{pid}/exe").into_bytes()
}

fn has_leader(directory: &CStr) -> bool {
    open(HERE, directory.to_bytes(), Purpose::Directory)
        .and_then(|place| ScanRecords::open(place.as_fd()))
        .is_ok_and(|records| keeper::look(&records).is_ok())
}

/// Where no records can be kept there is no leader to be seen.
fn is_child_of_svscanboot(pid: Pid) -> bool {
    Process::read(pid).is_ok_and(|found| proc::is_named(found.parent, b"svscanboot"))
}

/// Says how `directory` is scanned; where it is not, as soon as it is, or when `patience` is over.
#[must_use]
pub fn status(directory: &CStr, patience: Duration) -> Exit {
    let until = clock::monotonic().saturating_add(patience);
    let mut standing = Standing::of(directory);
    while standing == Standing::Absent && clock::monotonic() < until {
        poll::pause(PACE);
        standing = Standing::of(directory);
    }
    answer(standing.answer())
}

/// Has the svscan of `directory` become the program that is on disk, with its supervises, where it
/// is of this program and runs another file.
#[must_use]
pub fn reexec(directory: &CStr) -> Exit {
    let standing = Standing::of(directory);
    // HUP would end an svscan of 0.76.
    if matches!(standing, Standing::Foreign | Standing::Absent) {
        return answer(standing.answer());
    }
    let mut has_asked = false;
    for pid in svscans(directory) {
        if runs_what_we_run(pid) != Ok(true) {
            has_asked |= process::kill(pid, SIGHUP).is_ok();
        }
    }
    answer(if has_asked { ("asked", 0) } else { ("current", 0) })
}

fn runs_what_we_run(pid: Pid) -> Result<bool, Errno> {
    let identity = |facts: file::Facts| (facts.device, facts.inode);
    let theirs = file::facts(HERE, &program_of(pid)).map(identity)?;
    Ok(theirs == file::facts(HERE, OURSELVES).map(identity)?)
}

/// One line on standard output, and the code to leave with.
pub(super) fn answer((word, code): (&str, u8)) -> Exit {
    let _ = descriptor::write(descriptor::standard(1), &[word.as_bytes(), b"\n"].concat());
    Exit::of_child(code)
}
