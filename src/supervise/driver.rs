//! The loop of supervise: waits for a control byte, an end or a moment, asks the machine, and
//! performs the effects in their order. Startup keeps the order of the contract (reference,
//! section 3.1), with one step between lock and first status: reading the journal and deciding on
//! adoption, so that no status ever denies a process that lives.

use super::machine::{Effect, Event, Request, Rest, Signal, State, Want, step};
use super::memory::{PipeEnds, open_journal, recall};
use super::start::{self, Held};
use super::watched::Watched;
use crate::error::{Exit, Program};
use crate::reexec::{self, Handed, Outcome, Trial};
use crate::service::control::{ListenError, Listener};
use crate::service::journal::{Identity, Journal, Leftover, Record};
use crate::service::records::Records;
use crate::service::status::{self, PublishError, Status};
use crate::service::stopping::{self, Said};
use crate::service::{self, lock, presence};
use crate::sys::descriptor::HERE;
use crate::sys::proc::Process;
use crate::sys::process::{self, End};
use crate::sys::signal::{self, Signals};
use crate::sys::{Errno, clock, directory, poll};
use crate::tai64n::Label;
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

pub(super) const SUPERVISE: Program = Program::daemon("supervise");
/// Between two starts, at least.
pub(super) const SECOND: Duration = Duration::from_secs(1);
const OUR_NAME: &CStr = c"supervise";
/// After a fork that failed.
const LONG: Duration = Duration::from_secs(60);
/// Between two looks at an adopted process where there is no pidfd.
const PROBE: Duration = Duration::from_secs(1);

/// Supervises the service in directory `name` until it is told to leave.
#[must_use]
pub fn run(name: &CStr) -> Exit {
    match Driver::begin(name) {
        Ok(mut driver) => driver.attend(),
        Err(exit) => exit,
    }
}

struct Driver<'a> {
    /// The directory as the user typed it: for messages, and for our next image.
    word: &'a CStr,
    name: &'a [u8],
    records: Records,
    control: Listener,
    journal: Option<Journal>,
    signals: Signals,
    lock: OwnedFd,
    /// What an image before us handed over, until ours is announced.
    presence: Option<OwnedFd>,
    trial: Option<Trial>,
    pipe_ends: PipeEnds,

    state: State,
    process: Option<Watched>,
    /// A forked child that was not released yet.
    held: Option<Held>,
    /// The group of a process that ended while its group was left alone.
    left_group: Option<Leftover>,
    ourselves: Identity,
    /// When the pid last changed.
    label: Label,
    /// When the service was last started.
    started: Duration,
    /// When the rest since the last start, or fork, is over.
    rest_over: Duration,
    /// Whether the process was sent the signal of `d`.
    down_told: bool,
    /// When a service that was taken down is killed, if it has a `timeout-kill`.
    kill_at: Option<Duration>,
    starts: u64,
    last_end: Option<End>,
    /// The status of an end that a start followed at once.
    kept_status: Option<Status>,
    has_left: bool,
    /// Why we cannot go on: only ever before the first start.
    failed: Option<Exit>,
    journal_failed: bool,
}

impl<'a> Driver<'a> {
    fn begin(word: &'a CStr) -> Result<Self, Exit> {
        let name = word.to_bytes();
        let former_order = &["lock", "control", "presence", "messages"];
        let handed_over = reexec::take_over(former_order);
        let is_new_image = handed_over.is_some();
        let old = handed_over.unwrap_or_default();
        // Once for all, for what we start: a restart is spared the 64 calls.
        signal::reset_dispositions();
        signal::ignore_broken_pipes();
        let fatal = |text: &[&[u8]], error| SUPERVISE.fatal_because(text, error);
        let signals = Signals::listen(&[signal::SIGCHLD, signal::SIGHUP])
            .map_err(|error| fatal(&[b"unable to create pipe for ", name], error))?;
        if !is_new_image {
            directory::change(name)
                .map_err(|error| fatal(&[b"unable to chdir to ", name], error))?;
        }
        let marked_down = service::is_marked_down(HERE)
            .map_err(|error| fatal(&[b"unable to stat ", name, b"/down"], error))?;
        let unlocked = |error| fatal(&[b"unable to acquire ", name, b"/supervise/lock"], error);
        let records = Records::open_or_make().map_err(unlocked)?;
        let lock = lock::resume_or_acquire(&records, old.lock).map_err(unlocked)?;
        let (journal, finding) = open_journal(name, &records);
        let memory = recall(name, &records, finding, marked_down);
        let control = old.control.and_then(|read| Listener::resume(records.as_fd(), read).ok());
        let control = control.map_or_else(|| Listener::open(records.as_fd()), Ok);
        let control = control.map_err(|error| match error {
            ListenError::Read(error) => {
                fatal(&[b"unable to read ", name, b"/supervise/control"], error)
            }
            ListenError::Write(error) => {
                fatal(&[b"unable to write ", name, b"/supervise/control"], error)
            }
        })?;
        let pid = process::our_pid();
        let start = Process::read(pid).map_or(0, |process| process.start);
        Ok(Self {
            word,
            name,
            records,
            control,
            journal_failed: journal.is_none(),
            journal,
            signals,
            lock,
            presence: old.presence,
            trial: None,
            pipe_ends: PipeEnds::take(name, old.messages),
            state: memory.state,
            process: memory.process,
            held: None,
            left_group: memory.left_group,
            ourselves: Identity { pid, start },
            label: memory.label,
            started: memory.started,
            rest_over: memory.started.saturating_add(SECOND),
            kill_at: None,
            down_told: memory.down_told,
            starts: memory.starts,
            last_end: memory.last_end,
            kept_status: None,
            has_left: false,
            failed: None,
        })
    }

    fn attend(&mut self) -> Exit {
        crate::sys::heap::outlast_shortage();
        if self.state.want == Want::Down && self.process.is_some() {
            // On its way down already: the limit counts from here.
            self.set_kill_timer();
        }
        self.apply(Event::Begin);
        if let Some(exit) = self.failed.take() {
            return exit;
        }
        // The process may have ended while an image before us was replaced.
        let mut signalled = true;
        while !self.has_left {
            if self.state.rest != Rest::Rested && clock::monotonic() >= self.rest_over {
                self.apply(Event::Rested);
            }
            if self.kill_at.is_some_and(|at| clock::monotonic() >= at) {
                self.kill_at = None;
                self.apply(Event::DownTimedOut);
            }
            // One end and one byte a round, as 0.76 does; both act at once.
            let look = signalled || self.process.as_ref().is_some_and(Watched::needs_probe);
            if look && self.process.as_ref().is_some_and(Watched::has_ended) {
                self.apply(Event::Ended);
            }
            if signalled {
                let service = self.process.as_ref().map_or(0, |process| process.identity().pid);
                process::reap_others(&[service, self.trial.as_ref().map_or(0, Trial::pid)]);
            }
            if self.has_left {
                break;
            }
            if let Some(request) = self.control.next().and_then(Request::from_byte) {
                self.apply(Event::Asked(request));
            }
            self.go_on_with_trial();
            if !self.has_left {
                signalled = self.wait();
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
        if let Some(kill_at) = self.kill_at {
            until = Some(until.map_or(kill_at, |until| until.min(kill_at)));
        }
        if let Some(trial) = &self.trial {
            until = Some(until.map_or(trial.deadline(), |until| until.min(trial.deadline())));
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
        let mut signalled = watched.iter().skip(1).any(poll::found);
        // A signal that came since the poll is told by nothing but this read.
        while let Some(signal) = self.signals.next() {
            signalled = true;
            if signal == signal::SIGHUP && self.trial.is_none() {
                match Trial::start(OUR_NAME) {
                    Ok(trial) => self.trial = Some(trial),
                    Err(error) => self.warn_not_replaced(error),
                }
            }
        }
        signalled
    }

    /// HUP: becomes the program on disk, once a trial has shown that it reads our hand-over.
    fn go_on_with_trial(&mut self) {
        match self.trial.as_mut().map(Trial::outcome) {
            None | Some(Outcome::Pending) => {}
            Some(Outcome::Failed) => {
                self.trial = None;
                self.warn_not_replaced(Errno::ENOEXEC);
            }
            Some(Outcome::Passed) => {
                self.trial = None;
                self.publish();
                let handed = Handed {
                    lock: Some(self.lock.as_fd()),
                    control: Some(self.control.as_fd()),
                    presence: self.presence.as_ref().map(AsFd::as_fd),
                    messages: self.pipe_ends.messages.as_ref().map(AsFd::as_fd),
                    ..Handed::default()
                };
                // Without a journal a new image would not know its own service.
                let error = match &self.journal {
                    Some(_) => reexec::replace(&[OUR_NAME, self.word], &handed),
                    None => Errno::ENOENT,
                };
                self.warn_not_replaced(error);
            }
        }
    }

    fn warn_not_replaced(&self, error: Errno) {
        let text: &[&[u8]] = &[b"unable to re-execute for ", self.name, b", going on as we are"];
        SUPERVISE.warning_because(text, error);
    }

    fn apply(&mut self, event: Event) {
        let (state, effects) = step(self.state, event);
        self.state = state;
        if state.want != Want::Down {
            self.kill_at = None;
            self.down_told = false;
        }
        if state.exit_requested {
            self.pipe_ends.let_logger_end();
        }
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
            Effect::Announce => self.announce(),
            Effect::Record => self.record(),
            Effect::Publish => self.publish(),
            Effect::PublishLater => self.kept_status = Some(self.status()),
            Effect::Send(signal) => {
                if let Some(process) = &self.process {
                    process.send(number(signal));
                }
            }
            Effect::SendDown => self.send_down(),
            Effect::Reap => {
                self.kill_at = None;
                self.down_told = false;
                if let Some(process) = self.process.take() {
                    self.last_end = process.reap().or(self.last_end);
                    let leads = process.leads_group();
                    self.left_group = leads.then(|| Leftover::of(process.identity().pid)).flatten();
                    self.label = now();
                }
            }
            Effect::EndGroup => match (&self.process, self.left_group.take()) {
                (Some(process), _) => process.end_group(),
                (None, Some(left)) => left.end(),
                (None, None) => {}
            },
            Effect::Leave => {
                self.has_left = true;
                self.publish();
            }
        }
    }

    fn announce(&mut self) {
        match presence::resume_or_announce(&self.records, self.presence.take()) {
            Ok(presence) => self.presence = Some(presence),
            Err(error) => {
                let text: &[&[u8]] = &[b"unable to read ", self.name, b"/supervise/ok"];
                self.failed = Some(SUPERVISE.fatal_because(text, error));
                // A child that waits for its release leaves when we let go of it.
                if self.held.take().is_some() {
                    self.process = None;
                    self.publish();
                }
            }
        }
    }

    fn send_down(&mut self) {
        self.down_told = true;
        let number = match stopping::down_signal(HERE) {
            Said::Word(number) => number,
            Said::Nothing => signal::SIGTERM,
            Said::Nonsense(error) => {
                let text: &[&[u8]] = &[b"unable to read ", self.name, b"/down-signal, using TERM"];
                SUPERVISE.warning_because(text, error);
                signal::SIGTERM
            }
        };
        if let Some(process) = &self.process {
            process.send(number);
        }
        // A further d does not put the limit off.
        if self.kill_at.is_none() {
            self.set_kill_timer();
        }
    }

    fn set_kill_timer(&mut self) {
        self.kill_at = match stopping::kill_timeout(HERE) {
            Said::Word(timeout) => Some(clock::monotonic().saturating_add(timeout)),
            Said::Nothing => None,
            Said::Nonsense(error) => {
                let text: &[&[u8]] = &[b"unable to read ", self.name, b"/timeout-kill"];
                SUPERVISE.warning_because(text, error);
                None
            }
        };
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
        self.record();
        for status in [self.kept_status.take(), Some(self.status())].into_iter().flatten() {
            if let Err(error) = status::publish(&self.records, status) {
                warn_unpublished(self.name, error);
            }
        }
    }

    fn status(&self) -> Status {
        Status {
            label: self.label,
            pid: self.process.as_ref().map_or(0, |process| process.identity().pid),
            is_paused: self.state.is_paused,
            want: self.state.want,
        }
    }

    fn record(&mut self) {
        let service = self.process.as_ref().map(Watched::identity);
        let record = Record {
            service,
            supervise: self.ourselves,
            want: self.state.want,
            exit_requested: self.state.exit_requested,
            is_paused: self.state.is_paused,
            start_owed: self.state.start_owed,
            kill_asked: self.state.kill_asked,
            down_told: self.down_told,
            leads_group: self.process.as_ref().is_some_and(Watched::leads_group),
            left_group: self.left_group,
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
    }
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

pub(super) fn now() -> Label {
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
        Signal::User1 => signal::SIGUSR1,
        Signal::User2 => signal::SIGUSR2,
        Signal::Quit => signal::SIGQUIT,
        Signal::Window => signal::SIGWINCH,
    }
}
