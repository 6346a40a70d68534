//! What a new supervise knows of those before it: the journal, read and judged; the process that
//! still runs, adopted; the pipe to the logger.

use super::driver::{SECOND, SUPERVISE, now};
use super::machine::{Rest, Service, State};
use super::watched::{Adoption, Watched};
use crate::service;
use crate::service::journal::{Finding, Identity, Journal, Leftover};
use crate::service::records::Records;
use crate::service::status;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file::{self, Kind};
use crate::sys::proc::Process;
use crate::sys::process::{self, End};
use crate::sys::{clock, proc};
use crate::tai64n::Label;
use core::time::Duration;
use std::os::fd::OwnedFd;

/// Opens the journal. Worse without than with, but an outage is worse still.
pub fn open_journal(name: &[u8], records: &Records) -> (Option<Journal>, Finding) {
    match Journal::open(records) {
        Ok((journal, finding)) => (Some(journal), finding),
        Err(error) => {
            let text: &[&[u8]] = &[b"unable to open ", name, b"/supervise/journal"];
            SUPERVISE.warning_because(text, error);
            (None, Finding::Nothing)
        }
    }
}

/// The ends of pipes that a supervise holds so that no pipe is left with nobody at one end, should
/// all the others who hold it be killed.
#[derive(Debug)]
pub struct PipeEnds {
    /// Of a service with a logger: a read end, at its descriptor 1. With svscan and the logger dead
    /// the service waits for another reader instead of dying of SIGPIPE.
    _to_logger: Option<OwnedFd>,
    /// Of a logger: a write end, at its descriptor 0. With svscan and the service dead the logger
    /// waits for another writer instead of ending. Given up when it is told to leave.
    from_service: Option<OwnedFd>,
    /// A read end of the message pipe, if svscan handed one down.
    pub messages: Option<OwnedFd>,
}

impl PipeEnds {
    /// Takes what there is to hold for the service in directory `name`.
    #[must_use]
    pub fn take(name: &[u8], old_messages: Option<OwnedFd>) -> Self {
        let pipe = |number| {
            let facts = file::facts_of(descriptor::standard(number)).ok()?;
            (facts.kind == Kind::Fifo).then_some(facts.inode)
        };
        let is_messages = |inode| pipe(2) == Some(inode);
        let has_logger = service::has_log(HERE);
        let us = process::our_pid();
        let to_logger = pipe(1).filter(|&inode| has_logger && !is_messages(inode));
        let from_service = pipe(0).filter(|_| name == b"log");
        let handed_down = || {
            descriptor::inherited(service::MESSAGES_NUMBER, |other| {
                file::facts_of(other).is_ok_and(|facts| pipe(2) == Some(facts.inode))
            })
        };
        Self {
            _to_logger: to_logger.and_then(|_| proc::reopen(us, 1, Purpose::Read).ok()),
            from_service: from_service.and_then(|_| proc::reopen(us, 0, Purpose::Write).ok()),
            messages: old_messages.or_else(handed_down),
        }
    }

    /// Lets the logger see the end of its input.
    pub fn let_logger_end(&mut self) {
        self.from_service = None;
    }
}

/// What a new supervise knows of those before it.
pub struct Memory {
    /// The state to begin with.
    pub state: State,
    /// The process that was adopted.
    pub process: Option<Watched>,
    /// When the pid last changed.
    pub label: Label,
    /// When the service was last started, by the monotonic clock.
    pub started: Duration,
    /// How often it was started.
    pub starts: u64,
    /// What the process before left in its group.
    pub left_group: Option<Leftover>,
    /// Whether the adopted process was sent the signal of `d`.
    pub down_told: bool,
    /// How it last ended.
    pub last_end: Option<End>,
}

/// What follows from what the journal says.
pub fn recall(name: &[u8], records: &Records, finding: Finding, marked_down: bool) -> Memory {
    let mut memory = Memory {
        state: State::first(marked_down),
        process: None,
        label: now(),
        started: Duration::ZERO,
        starts: 0,
        last_end: None,
        down_told: false,
        left_group: None,
    };
    let record = match finding {
        Finding::Nothing => {
            recall_by_status(name, records, &mut memory);
            return memory;
        }
        Finding::Ignored(reason) => {
            let text: &[&[u8]] =
                &[b"unable to believe ", name, b"/supervise/journal: ", reason.as_bytes()];
            SUPERVISE.warning(text);
            return memory;
        }
        Finding::Believed(record) => record,
    };
    memory.starts = record.starts;
    memory.last_end = record.last_end;
    memory.left_group = record.left_group;
    if record.left_cleanly {
        return memory;
    }
    let before = Some(record.supervise.pid);
    let adoption =
        record.service.map(|service| Watched::adopt(service, record.leads_group, before));
    if let (Some(Adoption::Gone), Some(service)) = (&adoption, record.service)
        && record.leads_group
    {
        memory.left_group = Leftover::of(service.pid);
    }
    if let Some(Adoption::NotOurs) = adoption {
        SUPERVISE.warning(&[b"unable to adopt the process of ", name, b": it is another one now"]);
    }
    if !matches!(adoption, Some(Adoption::Gone | Adoption::NotOurs)) {
        memory.label = record.label;
    }
    if let Some(Adoption::Adopted(process)) = adoption {
        memory.process = Some(process);
    }
    memory.started = record.started;
    memory.down_told = record.down_told;
    let is_rested = clock::monotonic() >= record.started.saturating_add(SECOND);
    let recorded = State {
        service: if record.service.is_some() { Service::Up } else { Service::Down },
        want: record.want,
        start_owed: record.start_owed,
        exit_requested: record.exit_requested,
        is_paused: record.is_paused,
        kill_asked: record.kill_asked,
        down_untold: !record.down_told,
        is_announced: false,
        rest: if is_rested { Rest::Rested } else { Rest::Second },
    };
    memory.state = State::taken_over(recorded, memory.process.is_some());
    memory
}

/// Between a label and the start time that the kernel has in clock ticks, by a wall clock that may
/// have been set a little: at most so many seconds.
const LABEL_SLACK: u64 = 2;

/// A status without a journal: 0.76 was here. Its process is adopted if it started when the label
/// says and works in this directory, or did when it started. If only one of the two holds, it is
/// waited for: that costs time, and a second copy could cost data.
fn recall_by_status(name: &[u8], records: &Records, memory: &mut Memory) {
    let Some(status) = status::left_behind(records).filter(|status| status.pid != 0) else {
        return;
    };
    let (pid, here) = (status.pid, file::facts(HERE, b"."));
    let (Ok(found), Ok(here)) = (Process::read(pid), here) else { return };
    let identity = Identity { pid, start: found.start };
    let Adoption::Adopted(process) = Watched::adopt(identity, false, None) else { return };
    let started = proc::boot_time().map(|boot| boot.saturating_add(found.start / proc::TICKS));
    let label = status.label.unix_seconds();
    let fits_label = started.is_some_and(|started| started.abs_diff(label) <= LABEL_SLACK);
    let fits_place = proc::works_in(pid, &here) || proc::was_started_in(pid, &here);
    let process = match (fits_label, fits_place) {
        (true, true) => process,
        (false, false) => return,
        _ => {
            let pid = pid.to_string();
            let text: &[&[u8]] = &[b"process ", pid.as_bytes(), b" may be the service of ", name];
            SUPERVISE.warning(&[text, &[b", waiting until it is gone"]].concat());
            process.not_surely_ours()
        }
    };
    memory.process = Some(process);
    memory.label = status.label;
    let recorded = State {
        service: Service::Up,
        want: status.want,
        start_owed: false,
        exit_requested: false,
        is_paused: status.is_paused,
        kill_asked: false,
        down_untold: false,
        is_announced: false,
        rest: Rest::Rested,
    };
    memory.state = State::taken_over(recorded, true);
}
