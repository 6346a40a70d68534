//! What a new supervise takes over from the supervise before it. It reads the journal, decides how
//! far to believe it, and adopts the process that still runs. If it cannot decide whether a
//! recorded process is the service, it waits for that process to end: waiting costs time, but a
//! second copy of the service could cost data.

use super::files::Files;
use super::machine::{Pause, SECOND, State};
use super::says::{SUPERVISE, warn_of_another, warn_of_doubt};
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
    /// What happened before.
    pub history: History,
}

impl Recalled {
    /// No process of the service runs, as far as we know.
    #[must_use]
    pub fn first(marked_down: bool, history: History) -> Self {
        let (label, want_since) = (Label::of_unix(clock::wall()), moment(clock::monotonic()));
        let history = History { label, want_since, ..history };
        Self { state: State::first(marked_down), process: None, history }
    }
}

/// Reads the journal and decides what to begin with. A new image of a supervise believes its own
/// journal.
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

/// What to begin with, given a record of this boot and directory. The requests in it (want, exit)
/// are always believed: a user who could forge the journal could send the same requests through
/// `control`. The processes in it are believed only if the journal is beyond doubt, or if other
/// evidence agrees.
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
                warn_of_another(name, service.pid);
            }
            // It ended while no supervise watched it: when and how is not known.
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

/// The largest difference, in seconds, between a label and the start time that the kernel keeps in
/// clock ticks. The wall clock may have been adjusted a little in between.
const LABEL_SLACK: u64 = 2;

/// What to begin with, given a status but no usable journal: the supervise before us was 0.76's.
/// Its process is adopted if it started at the time of the label, and works in this directory or
/// was started in it. If only one of these two is so, or if we cannot look at the process, we wait
/// for it to end.
fn by_status(records: &Records) -> Option<Recalled> {
    let status = status::left_behind(records)?;
    let pid = status.pid;
    if pid == 0 || pid == process::our_pid() || !process::exists(pid) {
        return None;
    }
    let start = match Process::read(pid) {
        // It has not executed ./run, or another supervise has got the pid.
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
        supervise,
        want: status.want,
        is_paused: status.is_paused,
        down_told: true,
        history,
        ..Record::default()
    };
    let state = State::taken_over(&record, true, Pause::Over);
    Some(Recalled { state, process: Some(process), history })
}

/// Whether the status, written by a supervise of root's or of our own user, names this process, and
/// both its label and the directory confirm it.
fn status_proves(records: &Records, process: ProcessIdentity) -> bool {
    status::left_behind(records).is_some_and(|status| {
        status.pid == process.pid && fits_label(&status, process.start) && fits_here(process.pid)
    })
}

fn fits_label(status: &Status, start: u64) -> bool {
    let started = proc::boot_time().map(|boot| boot.saturating_add(start / proc::TICKS));
    started.is_some_and(|at| at.abs_diff(status.label.unix_seconds()) <= LABEL_SLACK)
}

/// Whether a label is older than this boot, going by the clocks alone.
fn is_from_before_boot(label: Label) -> bool {
    let passed = clock::since_boot().unwrap_or(Duration::ZERO);
    let began = clock::wall().saturating_sub(passed).as_secs();
    !passed.is_zero() && label.unix_seconds().saturating_add(LABEL_SLACK) < began
}
