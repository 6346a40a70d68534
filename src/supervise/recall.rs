//! What a new supervise knows of those before it: what the journal says, and how far to believe it;
//! the process that still runs, adopted. Where it cannot be told whether a recorded process is the
//! service, it is waited for: that costs time, and a second copy could cost data.

use super::files::Files;
use super::machine::{Owed, Pause, SECOND, State};
use super::says::{SUPERVISE, warn_of_doubt};
use super::watched::{Adoption, Claim, Watched, fits_here};
use crate::service::record::{History, LeftGroup, ProcessIdentity, Record, moment};
use crate::service::records::Records;
use crate::service::status::{self, Status};
use crate::service::trust::{Doubt, Finding, Found};
use crate::sys::clock;
use crate::sys::proc::{self, Process};
use crate::sys::process;
use crate::tai64n::Label;
use core::time::Duration;

/// What a new supervise begins with.
#[derive(Debug)]
pub struct Recalled {
    /// The state to begin with.
    pub state: State,
    /// The service's process, adopted.
    pub process: Option<Watched>,
    /// What was before.
    pub history: History,
}

impl Recalled {
    /// Nothing runs, or nothing that we know of.
    #[must_use]
    pub fn first(marked_down: bool, history: History) -> Self {
        let (label, want_since) = (Label::of_unix(clock::wall()), moment(clock::monotonic()));
        let history = History { label, want_since, ..history };
        Self { state: State::first(marked_down), process: None, history }
    }
}

/// What follows from what the journal says. A new image of a process believes what that process
/// wrote.
#[must_use]
pub fn recall(name: &[u8], files: &mut Files, is_new_image: bool, marked_down: bool) -> Recalled {
    let finding = files.journal.read();
    let records = &files.records;
    let unbelieved = |reason: &str| {
        let text: &[&[u8]] =
            &[b"unable to believe ", name, b"/supervise/journal: ", reason.as_bytes()];
        SUPERVISE.warning(text);
    };
    let resumed = match finding {
        Finding::Nothing => by_status(records),
        Finding::Failed(error) => {
            SUPERVISE.warning_because(&[b"unable to open ", name, b"/supervise/journal"], error);
            by_status(records)
        }
        Finding::Ignored(reason) => {
            unbelieved(reason);
            by_status(records)
        }
        Finding::Found(Found { record, doubt }) => {
            let is_our_own = is_new_image && record.supervise.pid == process::our_pid();
            let doubt = doubt.filter(|_| !is_our_own);
            if let Some(Doubt::Alien(reason)) = doubt {
                unbelieved(reason);
            }
            if record.left_cleanly {
                let history = History { left_group: None, ..record.history };
                Some(Recalled::first(marked_down, history))
            } else {
                Some(resume(name, records, record, doubt))
            }
        }
    };
    let recalled = resumed.unwrap_or_else(|| Recalled::first(marked_down, History::default()));
    if let Some(process) = recalled.process.as_ref().filter(|process| process.is_in_doubt()) {
        warn_of_doubt(name, process);
    }
    recalled
}

/// What a record of this boot and directory leads to. What is asked of us
/// is no secret of the journal's: whoever could write it can ask by control too. What it says of
/// processes is believed only if it is beyond doubt, or if something else says the same.
fn resume(name: &[u8], records: &Records, record: Record, doubt: Option<Doubt>) -> Recalled {
    let mut history = record.history;
    history.started = history.started.min(clock::monotonic());
    history.left_group = history.left_group.filter(|_| doubt.is_none());
    let claim = Claim {
        leads_group: record.leads_group,
        before: Some(record.supervise.pid),
        alive: record.alive,
    };
    let is_proven = |process: &Watched| match doubt {
        None => !record.is_doubted,
        Some(Doubt::Unmarked) => !record.is_doubted && fits_here(process.identity().pid),
        Some(Doubt::Alien(_)) => status_proves(records, process.identity()),
    };
    let adoption = record.service.map(|service| (service, Watched::adopt(service, claim)));
    let mut process = None;
    match adoption {
        None => {}
        Some((_, Adoption::Adopted(found))) => {
            process = Some(if is_proven(&found) { found } else { found.doubtful() });
        }
        Some((service, gone)) => {
            if matches!(gone, Adoption::NotOurs) {
                let reason: &[u8] = b": it is another one now";
                SUPERVISE.warning(&[b"unable to adopt the process of ", name, reason]);
            }
            // It ended unseen: nobody knows when and how.
            let left = LeftGroup { leader: service.pid, since: record.alive.max(service.start) };
            let leads = record.leads_group && doubt.is_none() && !record.is_doubted;
            history.left_group = (leads && left.is_there()).then_some(left);
            history.note_unseen_end(Label::of_unix(clock::wall()));
        }
    }
    let is_over = clock::monotonic() >= history.started.saturating_add(SECOND);
    let pause = if is_over { Pause::Over } else { Pause::Second };
    Recalled { state: State::taken_over(&record, process.is_some(), pause), process, history }
}

/// Between a label and the start time that the kernel has in clock ticks, by a wall clock that may
/// have been set a little: at most so many seconds.
const LABEL_SLACK: u64 = 2;

/// A status without a journal that could be used: 0.76 was here. Its process is adopted if it
/// started when the label says and works in this directory, or did when it started. If only one of
/// the two holds, or if it cannot be looked at, it is waited for.
fn by_status(records: &Records) -> Option<Recalled> {
    let status = status::left_behind(records)?;
    let pid = status.pid;
    if pid == 0 || pid == process::our_pid() || !process::exists(pid) {
        return None;
    }
    let start = match Process::read(pid) {
        Ok(_) if proc::is_named(pid, b"supervise") => return None,
        Ok(found) => found.start,
        Err(_) if is_from_before_boot(status.label) => return None,
        Err(_) => 0,
    };
    let identity = ProcessIdentity { pid, start };
    let Adoption::Adopted(process) = Watched::adopt(identity, Claim::default()) else {
        return None;
    };
    let process = match (fits_label(&status, start), fits_here(pid)) {
        _ if start == 0 => process,
        (true, true) => process,
        (false, false) => return None,
        (true, false) | (false, true) => process.doubtful(),
    };
    let supervise = ProcessIdentity { pid: process::our_pid(), start: 0 };
    let history = History { label: status.label, ..History::default() };
    let record = Record {
        service: Some(identity),
        alive: start,
        leads_group: false,
        supervise,
        want: status.want,
        exit_requested: false,
        is_paused: status.is_paused,
        owed: Owed::Nothing,
        kill_asked: false,
        down_told: true,
        is_doubted: false,
        left_cleanly: false,
        history,
    };
    let state = State::taken_over(&record, true, Pause::Over);
    Some(Recalled { state, process: Some(process), history })
}

/// Whether the status, which root's or our own supervise wrote, names this process, and both its
/// label and the directory bear that out.
fn status_proves(records: &Records, process: ProcessIdentity) -> bool {
    status::left_behind(records).is_some_and(|status| {
        status.pid == process.pid && fits_label(&status, process.start) && fits_here(process.pid)
    })
}

fn fits_label(status: &Status, start: u64) -> bool {
    let started = proc::boot_time().map(|boot| boot.saturating_add(start / proc::TICKS));
    started.is_some_and(|at| at.abs_diff(status.label.unix_seconds()) <= LABEL_SLACK)
}

/// Whether a label is older than this boot, where only the clocks can tell.
fn is_from_before_boot(label: Label) -> bool {
    let passed = clock::since_boot().unwrap_or(Duration::ZERO);
    let began = clock::wall().saturating_sub(passed).as_secs();
    !passed.is_zero() && label.unix_seconds().saturating_add(LABEL_SLACK) < began
}
