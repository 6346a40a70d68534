//! The loop of supervise: it waits for a control byte, the end of a process or a deadline, asks the
//! machine, and performs the effects in their order. Startup keeps the order of the contract
//! (contract.md, section 3.1), with one step between lock and first status: supervise reads the
//! journal and decides whether to adopt a process. So no status says "down" while the service's
//! process lives.

use super::files::Files;
use super::launch::Held;
use super::machine::{Event, Pause, Request, SECOND, step};
use super::pipe_ends::PipeEnds;
use super::publish::{PublishTrouble, Publisher};
use super::recall::{Recalled, recall};
use super::says::{SUPERVISE, warn_of_doubt};
use super::watched::Watched;
use crate::error::Exit;
use crate::reexec::{self, Outcome, Trial};
use crate::service::record::{History, ProcessIdentity, Record, moment};
use crate::service::status::Status;
use crate::service::{self, journal};
use crate::sys::descriptor::HERE;
use crate::sys::proc::Process;
use crate::sys::process;
use crate::sys::signal::{self, Signals};
use crate::sys::{Errno, clock, directory, heap, poll};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::AsFd;

const OUR_NAME: &CStr = c"supervise";
/// Time between two looks at an adopted process where there is no pidfd.
const PROBE: Duration = Duration::from_secs(1);
/// Time between two warnings about a process that may or may not be the service.
const DOUBT: Duration = Duration::from_secs(60);
/// The order in which version 0.1.0 handed over its descriptors.
const FORMER_ORDER: &[&str] = &["lock", "control", "presence", "messages"];

/// Supervises the service in directory `name` until it is asked to exit.
#[must_use]
pub fn run(name: &CStr) -> Exit {
    // Filled in place and step by step, to use little stack: every page of the stack that was ever
    // touched stays in memory for the life of the process.
    let mut driver = None;
    let beginning = match Driver::open(name, &mut driver) {
        Ok(beginning) => beginning,
        Err(exit) => return exit,
    };
    let Some(driver) = &mut driver else { return Exit::SYSTEM };
    driver.recall(beginning);
    driver.attend()
}

/// How this process begins.
#[derive(Clone, Copy)]
struct Beginning {
    is_new_image: bool,
    marked_down: bool,
}

pub(super) struct Driver<'a> {
    /// The directory as the user typed it: for messages, and for our next image.
    word: &'a CStr,
    pub(super) name: &'a [u8],
    signals: Signals,
    pub(super) files: Files,
    publisher: Publisher,
    pipe_ends: PipeEnds,
    ourselves: ProcessIdentity,

    /// The state, the process and the history of the service. At first they are what the supervise
    /// before us recorded.
    pub(super) known: Recalled,
    /// A forked child that is not released yet.
    pub(super) held: Option<Held>,
    trial: Option<Trial>,

    /// When the pause since the last start, or fork, is over.
    pub(super) pause_over: Duration,
    /// When a service that was taken down is killed, if it has a `timeout-kill`.
    pub(super) kill_at: Option<Duration>,
    /// When to warn again that the process is in doubt.
    doubt_at: Duration,
    pub(super) has_left: bool,
    /// The exit code, if we cannot go on. Set only before the first service is released.
    pub(super) failed: Option<Exit>,
}

impl<'a> Driver<'a> {
    #[inline(never)]
    fn open(word: &'a CStr, place: &mut Option<Self>) -> Result<Beginning, Exit> {
        let name = word.to_bytes();
        let handed = reexec::take_over(FORMER_ORDER);
        let is_new_image = handed.is_some();
        let mut handed = handed.unwrap_or_default();
        // Done once here, for the children too: otherwise each start would make these 64 calls.
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
        let pipe_ends = PipeEnds::take(name, &mut handed);
        let files = Files::open(name, handed)?;
        let pid = process::our_pid();
        let start = Process::read(pid).map_or(0, |process| process.start);
        *place = Some(Self {
            word,
            name,
            signals,
            files,
            publisher: Publisher::default(),
            pipe_ends,
            ourselves: ProcessIdentity { pid, start },
            pause_over: Duration::ZERO,
            known: Recalled::first(marked_down, History::default()),
            held: None,
            trial: None,
            kill_at: None,
            doubt_at: clock::monotonic().saturating_add(DOUBT),
            has_left: false,
            failed: None,
        });
        Ok(Beginning { is_new_image, marked_down })
    }

    #[inline(never)]
    fn recall(&mut self, Beginning { is_new_image, marked_down }: Beginning) {
        self.known = recall(self.name, &mut self.files, is_new_image, marked_down);
        self.pause_over = self.known.history.started.saturating_add(SECOND);
    }

    #[inline(never)]
    fn attend(&mut self) -> Exit {
        heap::outlast_shortage();
        self.apply(Event::Begin);
        if let Some(exit) = self.failed.take() {
            return exit;
        }
        // The process may have ended while an image before us was replaced.
        let mut signalled = true;
        while !self.has_left {
            self.keep_time();
            if self.known.process.as_ref().is_some_and(Watched::is_in_doubt) {
                self.look_at_doubt();
            }
            // One end and one control byte a round, as 0.76 does; each acts at once.
            let process = self.known.process.as_ref();
            let look = signalled || process.is_some_and(Watched::needs_probe);
            if look && process.is_some_and(Watched::has_ended) {
                self.apply(Event::Ended);
            }
            if signalled {
                let service = self.known.process.as_ref().map(|process| process.identity().pid);
                let trial = self.trial.as_ref().map(Trial::pid);
                process::reap_others(&[service.unwrap_or(0), trial.unwrap_or(0)]);
            }
            if self.has_left {
                break;
            }
            if let Some(request) = self.files.control.next().and_then(Request::from_byte) {
                self.apply(Event::Asked(request));
            }
            self.go_on_with_trial();
            if !self.has_left {
                signalled = self.wait();
            }
        }
        Exit::SUCCESS
    }

    /// Does what is due by now.
    fn keep_time(&mut self) {
        let now = clock::monotonic();
        if self.known.state.pause != Pause::Over && now >= self.pause_over {
            self.apply(Event::PauseOver);
            if self.leads_group() {
                // The service has lived for a second, and by now most services have started their
                // own children: record again that it lives.
                self.record();
            }
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            self.kill_at = None;
            self.apply(Event::LimitOver);
        }
        if self.publisher.again().is_some_and(|at| now >= at) {
            self.save(false);
        }
    }

    /// Waits for a control byte, a signal, the end of an adopted process or a deadline. Returns
    /// whether the process may have ended.
    fn wait(&mut self) -> bool {
        let process = self.known.process.as_ref();
        let state = &self.known.state;
        let marks_second = state.pause == Pause::Second && self.leads_group();
        let needs_probe = process.is_some_and(Watched::needs_probe);
        let moments = [
            (state.waits_for_pause() || marks_second).then_some(self.pause_over),
            needs_probe.then(|| clock::monotonic().saturating_add(PROBE)),
            self.kill_at,
            self.publisher.again(),
            self.trial.as_ref().map(Trial::deadline),
        ];
        let until = moments.into_iter().flatten().min();
        let pidfd = process.and_then(Watched::pidfd);
        let mut watched = [
            poll::readable(self.files.control.as_fd()),
            poll::readable(self.signals.as_fd()),
            poll::readable(pidfd.unwrap_or(self.signals.as_fd())),
        ];
        if poll::wait(&mut watched, until).is_err() {
            // poll fails only when the kernel lacks memory, and that may pass.
            poll::pause(SECOND);
            return true;
        }
        let mut signalled = watched.iter().skip(1).any(poll::found);
        // This read alone shows a signal that came after the poll.
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

    /// Looks again at a process that may or may not be the service. By now it may be possible to
    /// tell, or an admin may have removed the journal to say that it is not the service.
    fn look_at_doubt(&mut self) {
        let Some(process) = &mut self.known.process else { return };
        if journal::was_removed(&self.files.records) {
            process.give_up();
        } else if process.recognise() {
            self.apply(Event::Recognised);
            self.record();
        } else if clock::monotonic() >= self.doubt_at {
            self.doubt_at = clock::monotonic().saturating_add(DOUBT);
            warn_of_doubt(self.name, process);
        }
    }

    /// After HUP: executes the program on disk, once a trial run has shown that it can read our
    /// hand-over.
    fn go_on_with_trial(&mut self) {
        match self.trial.as_mut().map(Trial::outcome) {
            None | Some(Outcome::Pending) => {}
            Some(Outcome::Failed) => {
                self.trial = None;
                self.warn_not_replaced(Errno::ENOEXEC);
            }
            Some(Outcome::Passed) => {
                self.trial = None;
                let error = self.replace();
                self.warn_not_replaced(error);
            }
        }
    }

    /// Executes the program on disk. Returns only if that failed, with the reason.
    fn replace(&mut self) -> Errno {
        // The new image, and every client, looks for these files by their names.
        if !self.files.are_in_place() {
            if let Err(error) = self.make_files_again() {
                return error;
            }
        }
        self.save(true);
        // Without a journal the new image would not know its own service.
        if let Some(error) = self.publisher.journal_error() {
            return error;
        }
        let handed = self.pipe_ends.to_hand_over(self.files.to_hand_over());
        reexec::replace(&[OUR_NAME, self.word], &handed)
    }

    fn warn_not_replaced(&self, error: Errno) {
        let text: &[&[u8]] = &[b"unable to re-execute for ", self.name, b", going on as we are"];
        SUPERVISE.warning_because(text, error);
    }

    pub(super) fn apply(&mut self, event: Event) {
        let (state, effects) = step(self.known.state, event);
        if state.want != self.known.state.want {
            self.known.history.want_since = moment(clock::monotonic());
        }
        self.known.state = state;
        if state.exit_requested {
            self.pipe_ends.let_logger_end();
        }
        for effect in effects.iter() {
            self.perform(effect);
        }
    }

    fn leads_group(&self) -> bool {
        self.known.process.as_ref().is_some_and(Watched::leads_group)
    }

    /// Writes what we know: journal, then status.
    pub(super) fn save(&mut self, is_news: bool) {
        let (record, status) = (self.next_record(), self.next_status());
        let saved = self.publisher.publish(&mut self.files, self.name, &record, status, is_news);
        if saved == Err(PublishTrouble::Vanished) {
            // If this fails there is no directory to write to. The next event tries again.
            let _ = self.make_files_again();
        }
    }

    /// `supervise/`, or something in it, was removed. Makes it again, so that clients find us.
    fn make_files_again(&mut self) -> Result<(), Errno> {
        self.files.make_again()?;
        let (record, status) = (self.next_record(), self.next_status());
        // It has warned of a failure, and tries again later.
        let _ = self.publisher.publish(&mut self.files, self.name, &record, status, true);
        if self.known.state.is_announced { self.files.announce() } else { Ok(()) }
    }

    fn record(&mut self) {
        let record = self.next_record();
        self.publisher.record(&mut self.files, self.name, &record);
    }

    fn next_status(&self) -> Status {
        let process = self.known.process.as_ref();
        Status {
            label: self.known.history.label,
            pid: process.map_or(0, |process| process.identity().pid),
            is_paused: self.known.state.is_paused,
            want: self.known.state.want,
        }
    }

    fn next_record(&mut self) -> Record {
        if let Some(process) = self.known.process.as_mut().filter(|process| process.leads_group()) {
            process.note_alive();
        }
        let process = self.known.process.as_ref();
        let mut record = Record {
            service: process.map(Watched::identity),
            alive: process.map_or(0, Watched::last_alive),
            leads_group: process.is_some_and(Watched::leads_group),
            supervise: self.ourselves,
            is_doubted: process.is_some_and(Watched::is_doubtful),
            left_cleanly: self.has_left,
            history: self.known.history,
            ..Record::default()
        };
        self.known.state.write_to(&mut record);
        record
    }
}
