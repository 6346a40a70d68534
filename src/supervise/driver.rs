//! The loop of supervise: waits for a control byte, an end or a moment, asks the machine, and
//! performs the effects in their order. Startup keeps the order of the contract (reference,
//! section 3.1), with one step between lock and first status: reading the journal and deciding on
//! adoption, so that no status ever denies a process that lives.

use super::machine::{self, Effect, Event, Request, Rest, Service, Signal, State, step};
use super::start::{self, Held};
use super::watched::{Adoption, Watched, end_orphaned_group};
use crate::error::{Exit, Program};
use crate::service::control::{ListenError, Listener};
use crate::service::journal::{Finding, Identity, Journal, Record};
use crate::service::records::Records;
use crate::service::status::{self, PublishError, Status};
use crate::service::{self, lock, presence};
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file::{self, Kind};
use crate::sys::proc::{self, Process};
use crate::sys::process::{End, Pid};
use crate::sys::signal::{self, Signals};
use crate::sys::{clock, directory, poll, process};
use crate::tai64n::Label;
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};

const SUPERVISE: Program = Program::daemon("supervise");
/// Between two starts, at least.
const SECOND: Duration = Duration::from_secs(1);
/// After a fork that failed.
const LONG: Duration = Duration::from_secs(60);
/// Between two looks at an adopted process where there is no pidfd.
const PROBE: Duration = Duration::from_secs(1);

/// Supervises the service in directory `name` until it is told to leave.
#[must_use]
pub fn run(name: &[u8]) -> Exit {
    match Driver::begin(name) {
        Ok(mut driver) => driver.attend(),
        Err(exit) => exit,
    }
}

struct Driver<'a> {
    /// The directory as the user typed it: for messages only.
    name: &'a [u8],
    records: Records,
    control: Listener,
    journal: Option<Journal>,
    signals: Signals,
    _lock: OwnedFd,
    _presence: Option<OwnedFd>,
    /// A read end of the pipe to our logger: with svscan and the logger dead, the service waits
    /// for another reader instead of dying of SIGPIPE.
    _log_pipe: Option<OwnedFd>,

    state: State,
    process: Option<Watched>,
    /// A forked child that was not released yet.
    held: Option<Held>,
    /// The group of a process that ended while its group was left alone.
    left_group: Option<Pid>,
    ourselves: Identity,
    /// When the pid last changed.
    label: Label,
    /// When the service was last started.
    started: Duration,
    /// When the rest since the last start, or fork, is over.
    rest_over: Duration,
    starts: u64,
    last_end: Option<End>,
    has_left: bool,
    journal_failed: bool,
}

impl<'a> Driver<'a> {
    fn begin(name: &'a [u8]) -> Result<Self, Exit> {
        descriptor::fill_standard();
        signal::ignore_broken_pipes();
        let fatal = |text: &[&[u8]], error| SUPERVISE.fatal_because(text, error);
        let signals = Signals::listen(&[signal::SIGCHLD])
            .map_err(|error| fatal(&[b"unable to create pipe for ", name], error))?;
        directory::change(name).map_err(|error| fatal(&[b"unable to chdir to ", name], error))?;
        let marked_down = service::is_marked_down(HERE)
            .map_err(|error| fatal(&[b"unable to stat ", name, b"/down"], error))?;
        let unlocked = |error| fatal(&[b"unable to acquire ", name, b"/supervise/lock"], error);
        let records = Records::open_or_make().map_err(unlocked)?;
        let lock = lock::acquire(&records).map_err(unlocked)?;
        let (journal, finding) = open_journal(name, &records);
        let memory = recall(name, finding, marked_down);
        let control = Listener::open(records.as_fd()).map_err(|error| match error {
            ListenError::Read(error) => {
                fatal(&[b"unable to read ", name, b"/supervise/control"], error)
            }
            ListenError::Write(error) => {
                fatal(&[b"unable to write ", name, b"/supervise/control"], error)
            }
        })?;
        let pid = process::our_pid();
        let start = Process::read(pid).map_or(0, |process| process.start);
        let mut driver = Self {
            name,
            records,
            control,
            journal_failed: journal.is_none(),
            journal,
            signals,
            _lock: lock,
            _presence: None,
            _log_pipe: log_pipe(),
            state: memory.state,
            process: memory.process,
            held: None,
            left_group: None,
            ourselves: Identity { pid, start },
            label: memory.label,
            started: memory.started,
            rest_over: memory.started.saturating_add(SECOND),
            starts: memory.starts,
            last_end: memory.last_end,
            has_left: false,
        };
        driver.publish();
        let presence = presence::announce(&driver.records)
            .map_err(|error| fatal(&[b"unable to read ", name, b"/supervise/ok"], error))?;
        driver._presence = Some(presence);
        Ok(driver)
    }

    fn attend(&mut self) -> Exit {
        self.apply(Event::Begin);
        // Once more on entering the loop, as 0.76 does.
        if !self.has_left {
            self.publish();
        }
        while !self.has_left {
            let signalled = self.wait();
            if self.state.rest != Rest::Rested && clock::monotonic() >= self.rest_over {
                self.apply(Event::Rested);
            }
            // One end and one byte a round, as 0.76 does; both act at once.
            let look = signalled || self.process.as_ref().is_some_and(Watched::needs_probe);
            if look && self.process.as_ref().is_some_and(Watched::has_ended) {
                self.apply(Event::Ended);
            }
            if self.has_left {
                break;
            }
            if let Some(request) = self.control.next().and_then(Request::from_byte) {
                self.apply(Event::Asked(request));
            }
        }
        Exit::SUCCESS
    }

    /// Waits for something to do; whether the process may have ended.
    fn wait(&mut self) -> bool {
        let mut until = self.state.waits_for_rest().then_some(self.rest_over);
        if self.process.as_ref().is_some_and(Watched::needs_probe) {
            let probe = clock::monotonic().saturating_add(PROBE);
            until = Some(until.map_or(probe, |until| until.min(probe)));
        }
        let pidfd = self.process.as_ref().and_then(Watched::pidfd);
        let mut watched = [
            poll::readable(self.control.as_fd()),
            poll::readable(self.signals.as_fd()),
            poll::readable(pidfd.unwrap_or(self.signals.as_fd())),
        ];
        if poll::wait(&mut watched, until).is_err() {
            // Only for want of memory: it may come back.
            poll::pause(SECOND);
            return true;
        }
        let signalled = watched.iter().skip(1).any(poll::found);
        while self.signals.next().is_some() {}
        signalled
    }

    fn apply(&mut self, event: Event) {
        let (state, effects) = step(self.state, event);
        self.state = state;
        for effect in effects.iter() {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Start => self.start(),
            Effect::Release => {
                if let Some(held) = self.held.take() {
                    held.release();
                }
            }
            Effect::Publish => self.publish(),
            Effect::Send(signal) => {
                if let Some(process) = &self.process {
                    process.send(number(signal));
                }
            }
            Effect::Reap => {
                if let Some(process) = self.process.take() {
                    self.last_end = process.reap().or(self.last_end);
                    self.left_group = process.group();
                    self.label = now();
                }
            }
            Effect::EndGroup => match (&self.process, self.left_group.take()) {
                (Some(process), _) => process.end_group(),
                (None, Some(leader)) => end_orphaned_group(leader),
                (None, None) => {}
            },
            Effect::Leave => {
                self.has_left = true;
                self.publish();
            }
        }
    }

    fn start(&mut self) {
        let own_session = service::wants_group_killed(HERE);
        match start::hold(SUPERVISE, self.name, own_session) {
            Ok(held) => {
                self.process = Some(Watched::child(held.pid, own_session));
                self.held = Some(held);
                self.left_group = None;
                self.label = now();
                self.started = clock::monotonic();
                self.rest_over = self.started.saturating_add(SECOND);
                self.starts = self.starts.saturating_add(1);
                self.apply(Event::Forked);
            }
            Err(error) => {
                let text: &[&[u8]] = &[b"unable to fork for ", self.name, b", sleeping 60 seconds"];
                SUPERVISE.warning_because(text, error);
                self.rest_over = clock::monotonic().saturating_add(LONG);
                self.apply(Event::ForkFailed);
            }
        }
    }

    /// Writes the journal, then the status. Trouble is a warning: the service comes first.
    fn publish(&mut self) {
        let service = self.process.as_ref().map(Watched::identity);
        let record = Record {
            service,
            supervise: self.ourselves,
            want: self.state.want,
            exit_requested: self.state.exit_requested,
            is_paused: self.state.is_paused,
            start_owed: self.state.start_owed,
            left_cleanly: self.has_left,
            last_end: self.last_end,
            starts: self.starts,
            label: self.label,
            started: self.started,
        };
        if let Some(Err(error)) = self.journal.as_mut().map(|journal| journal.write(&record))
            && !self.journal_failed
        {
            self.journal_failed = true;
            let text: &[&[u8]] = &[b"unable to write ", self.name, b"/supervise/journal"];
            SUPERVISE.warning_because(text, error);
        }
        let status = Status {
            label: self.label,
            pid: service.map_or(0, |service| service.pid),
            is_paused: self.state.is_paused,
            want: self.state.want,
        };
        if let Err(error) = status::publish(&self.records, status) {
            warn_unpublished(self.name, error);
        }
    }
}

/// A read end of the pipe at our descriptor 1, if there is one and a logger to read it.
fn log_pipe() -> Option<OwnedFd> {
    let facts = |number| file::facts_of(descriptor::standard(number)).ok();
    let pipe = facts(1).filter(|facts| facts.kind == Kind::Fifo)?;
    let is_messages = facts(2).is_some_and(|facts| facts.inode == pipe.inode);
    if is_messages || !service::has_logger(HERE, b".").unwrap_or(false) {
        return None;
    }
    proc::reopen(process::our_pid(), 1, Purpose::Read).ok()
}

fn warn_unpublished(name: &[u8], error: PublishError) {
    let new: &[u8] = b"/supervise/status.new";
    match error {
        PublishError::Open(error) => {
            SUPERVISE.warning_because(&[b"unable to open ", name, new], error);
        }
        PublishError::Write(error) => {
            SUPERVISE.warning_because(&[b"unable to write ", name, new], error);
        }
        PublishError::Partial => {
            SUPERVISE.warning(&[b"unable to write ", name, new, b": partial write"]);
        }
        PublishError::Rename(error) => {
            SUPERVISE.warning_because(&[b"unable to rename ", name, new, b" to status"], error);
        }
    }
}

fn now() -> Label {
    Label::of_unix(clock::wall())
}

fn number(signal: Signal) -> signal::Signal {
    match signal {
        Signal::Hangup => signal::SIGHUP,
        Signal::Alarm => signal::SIGALRM,
        Signal::Interrupt => signal::SIGINT,
        Signal::Terminate => signal::SIGTERM,
        Signal::Kill => signal::SIGKILL,
        Signal::Stop => signal::SIGSTOP,
        Signal::Continue => signal::SIGCONT,
    }
}

fn open_journal(name: &[u8], records: &Records) -> (Option<Journal>, Finding) {
    match Journal::open(records) {
        Ok((journal, finding)) => (Some(journal), finding),
        Err(error) => {
            // Worse without than with, but an outage is worse still.
            let text: &[&[u8]] = &[b"unable to open ", name, b"/supervise/journal"];
            SUPERVISE.warning_because(text, error);
            (None, Finding::Nothing)
        }
    }
}

/// What a new supervise knows of those before it.
struct Memory {
    state: State,
    process: Option<Watched>,
    label: Label,
    started: Duration,
    starts: u64,
    last_end: Option<End>,
}

fn recall(name: &[u8], finding: Finding, marked_down: bool) -> Memory {
    let mut memory = Memory {
        state: State::first(marked_down),
        process: None,
        label: now(),
        started: Duration::ZERO,
        starts: 0,
        last_end: None,
    };
    let record = match finding {
        Finding::Nothing => return memory,
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
    if record.left_cleanly {
        return memory;
    }
    let adoption = record.service.map(Watched::adopt);
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
    let is_rested = clock::monotonic() >= record.started.saturating_add(SECOND);
    let recorded = State {
        service: if record.service.is_some() { Service::Up } else { Service::Down },
        want: record.want,
        start_owed: record.start_owed,
        exit_requested: record.exit_requested,
        is_paused: record.is_paused,
        kill_asked: false,
        rest: if is_rested { Rest::Rested } else { Rest::Second },
    };
    memory.state = machine::State::taken_over(recorded, memory.process.is_some());
    memory
}
