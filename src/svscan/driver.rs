//! The loop of svscan: it waits for a change in the scan directory, the end of a supervise, a
//! signal or a deadline, looks at the directory and performs the plan. No trouble ends it: it
//! warns, pauses and tries again.

mod look;

use super::SVSCAN;
use super::changes::{News, ScanChanges};
use super::claim::ScanClaim;
use super::foreign;
use super::heir::nascent;
use super::plan::TICK;
use super::roster::{Roster, Round};
use super::spawn::Conditions;
use super::stop::{self, OrderlyStop};
use crate::error::Exit;
use crate::reexec::{self, Handed, Outcome, Trial};
use crate::scandir::scanner::STOP_SIGNAL;
use crate::scandir::word::Word;
use crate::sys::limit::OpenFiles;
use crate::sys::process::{self, Pid};
use crate::sys::signal::{self, SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGTERM, Signals};
use crate::sys::{Errno, clock, directory, heap, poll};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::AsFd;

const OUR_NAME: &CStr = c"svscan";

/// The arguments of svscan.
#[derive(Clone, Copy, Debug)]
pub struct ScanCall<'a> {
    /// The scan directory as the user typed it; `None` for the current one.
    pub directory: Option<&'a CStr>,
    /// Whether TERM and INT mean the orderly stop, as they do for process 1.
    pub stop_on_term: bool,
}

/// Scans until it is stopped.
#[must_use]
pub fn run(call: ScanCall<'_>) -> Exit {
    match Driver::begin(call) {
        Ok(mut driver) => driver.attend(),
        Err(exit) => exit,
    }
}

struct Driver<'a> {
    call: ScanCall<'a>,
    claim: ScanClaim,
    /// The path of the scan directory.
    home: Option<Vec<u8>>,
    /// Whether it was deleted when we last looked.
    is_deleted: bool,
    signals: Signals,
    changes: ScanChanges,
    roster: Roster,
    trial: Option<Trial>,
    next_tick: Duration,
    /// Whether a child may have ended that was not reaped. To ask the kernel costs a look at every
    /// child, so svscan asks only after SIGCHLD.
    is_child_due: bool,
    /// What to look at before the next tick.
    news: News,
    stop: Option<OrderlyStop>,
    /// The last process that asked for the stop by a signal.
    asked_by: Option<Pid>,
    /// When to go on with the stop: at most once in [`stop::LOOK`], since each of thousands of
    /// supervises wakes us when it ends.
    stop_look: Duration,
}

impl<'a> Driver<'a> {
    fn begin(call: ScanCall<'a>) -> Result<Self, Exit> {
        let handed_over = reexec::take_over(&["lock", "control", "messages"]);
        let is_new_image = handed_over.is_some();
        let Handed { lock, control, messages: old_messages, .. } = handed_over.unwrap_or_default();
        signal::ignore_broken_pipes();
        let directory = call.directory.map(CStr::to_bytes);
        if let Some(name) = directory.filter(|_| !is_new_image) {
            directory::change(name)
                .map_err(|error| SVSCAN.fatal_because(&[b"unable to chdir to ", name], error))?;
        }
        // An absolute name is kept as it is: a link on the way may lead to another directory later.
        let home = directory.filter(|name| name.first() == Some(&b'/')).map(<[u8]>::to_vec);
        let home = home.or_else(|| directory::path_of_current().ok());
        let stops_in_order = call.stop_on_term || process::our_pid() == 1;
        let wanted: &[signal::SignalNumber] = if stops_in_order {
            &[SIGCHLD, SIGALRM, SIGHUP, STOP_SIGNAL, SIGTERM, SIGINT]
        } else {
            &[SIGCHLD, SIGALRM, SIGHUP, STOP_SIGNAL]
        };
        let signals = Signals::listen(wanted)
            .map_err(|error| SVSCAN.fatal_because(&[b"unable to listen for signals"], error))?;
        let limit = OpenFiles::raise();
        let claim = ScanClaim::take(directory, lock, control)?;
        let records = claim.open_pipe_records();
        nascent::wait_for(&records, claim.lock.as_ref().map(|lock| lock.file.as_fd()));
        foreign::wait_for(directory, &signals, &claim)?;
        let changes = ScanChanges::watch_here();
        let given = Conditions {
            limit,
            own_group: stops_in_order,
            messages: old_messages.or_else(|| claim.message_pipe()),
        };
        Ok(Self {
            call,
            claim,
            home,
            is_deleted: false,
            signals,
            changes,
            roster: Roster::new(records, given, is_new_image),
            trial: None,
            next_tick: clock::monotonic(),
            // An image before us may have left some.
            is_child_due: true,
            news: News::default(),
            stop: None,
            asked_by: None,
            stop_look: Duration::ZERO,
        })
    }

    fn attend(&mut self) -> Exit {
        heap::outlast_shortage();
        loop {
            self.roster.begin_round();
            self.note_ends();
            self.go_on_with_trial();
            if let Some(exit) = self.go_on_stopping() {
                return exit;
            }
            let is_tick = clock::monotonic() >= self.next_tick;
            if is_tick {
                self.next_tick = clock::monotonic().saturating_add(TICK);
                self.follow();
            }
            if self.stop.is_none() {
                self.look(is_tick);
            }
            self.wait();
        }
    }

    fn round(&self, is_tick: bool) -> Round {
        Round { next_tick: self.next_tick, is_tick }
    }

    /// Reaps the children and notes the adopted supervises that have ended.
    fn note_ends(&mut self) {
        let round = self.round(false);
        if core::mem::take(&mut self.is_child_due) {
            self.reap(round);
        }
        self.news.names.extend(self.roster.note_broken(round, self.stop.is_some()));
    }

    /// Reaps all children that have ended. Process 1 also has children that it did not start.
    fn reap(&mut self, round: Round) {
        while let Some((pid, end)) = process::reap_any() {
            if !self.trial.as_mut().is_some_and(|trial| trial.note_end(pid, end)) {
                self.news.names.extend(self.roster.note_end(pid, end, round));
            }
        }
    }

    fn wait(&mut self) {
        let filling_look = self.changes.next_look(clock::monotonic());
        let until = match &self.stop {
            Some(_) => self.stop_look,
            None if self.news.is_unclear || !self.news.names.is_empty() => Duration::ZERO,
            None => [self.roster.next_moment(), filling_look]
                .into_iter()
                .flatten()
                .fold(self.next_tick, Duration::min),
        };
        let until = match &self.trial {
            Some(trial) => until.min(trial.deadline()),
            None => until,
        };
        let mut watched = vec![poll::readable(self.signals.as_fd())];
        watched.extend(self.changes.watched().map(poll::readable));
        watched.extend(self.roster.watched().map(poll::readable));
        watched.extend(self.claim.control.as_ref().map(|control| poll::readable(control.as_fd())));
        if poll::wait(&mut watched, Some(until)).is_err() {
            // poll fails only when the kernel lacks memory, and that may pass.
            poll::pause(Duration::from_secs(1));
        }
        self.news.is_unclear |= filling_look.is_some_and(|at| clock::monotonic() >= at);
        self.hear();
    }

    /// Reads new signals, inotify events, and words from the control FIFO.
    fn hear(&mut self) {
        while let Some((signal, sender)) = self.signals.next_with_sender() {
            match signal {
                // Several processes may ask for the same stop. A second signal of the same process
                // makes it hurry.
                STOP_SIGNAL => {
                    let hurries = self.asked_by.replace(sender) == Some(sender);
                    self.ask_to_stop(hurries);
                }
                // The sender of TERM or INT does not count: any second one makes the stop hurry.
                SIGTERM | SIGINT => self.ask_to_stop(self.stop.is_some()),
                SIGALRM => self.news.is_unclear = true,
                SIGCHLD => self.is_child_due = true,
                SIGHUP if self.trial.is_none() && self.stop.is_none() => {
                    match Trial::start(OUR_NAME) {
                        Ok(trial) => self.trial = Some(trial),
                        Err(error) => warn_not_replaced(error),
                    }
                }
                _ => {}
            }
        }
        self.changes.take(&mut self.news);
        while let Some(word) = self.claim.next_word() {
            match word {
                Word::Stop | Word::Hurry => self.ask_to_stop(word == Word::Hurry),
                Word::Wanted => self.claim.remove_mark(),
            }
        }
    }

    /// After HUP: when a trial has shown that the program on disk can read our hand-over, passes
    /// HUP on to the supervises of ours and then executes that program. What is not handed over,
    /// the new image finds as after a kill: in the records, the presences and /proc.
    fn go_on_with_trial(&mut self) {
        match self.trial.as_mut().map(Trial::outcome) {
            None | Some(Outcome::Pending) => return,
            Some(Outcome::Failed) => warn_not_replaced(Errno::ENOEXEC),
            Some(Outcome::Passed) => {
                self.roster.pass_hangup_on();
                warn_not_replaced(self.become_the_next());
            }
        }
        self.trial = None;
    }

    fn become_the_next(&self) -> Errno {
        let Some(lock) = &self.claim.lock else { return Errno::ENOLCK };
        let given = self.roster.given();
        let handed = Handed {
            lock: Some(lock.file.as_fd()),
            control: self.claim.control.as_ref().map(AsFd::as_fd),
            messages: given.messages.as_ref().map(AsFd::as_fd),
            ..Handed::default()
        };
        let mut words = vec![OUR_NAME];
        words.extend(self.call.stop_on_term.then_some(c"--stop-on-term"));
        words.extend(self.call.directory);
        // Set the original limit again, for the new image to find.
        let found = given.limit.map(OpenFiles::set);
        let error = reexec::replace(&words, &handed);
        if found.is_some() {
            // If this fails, svscan goes on with fewer descriptors.
            let _ = OpenFiles::raise();
        }
        error
    }

    /// If our directory was deleted, goes to the directory that has its name now. Asks for a watch
    /// that was refused. Writes records again that were removed, that could not be written or that
    /// have become long.
    fn follow(&mut self) {
        let is_deleted = directory::path_of_current() == Err(Errno::ENOENT);
        let home = self.home.as_deref().unwrap_or(b".");
        if is_deleted && !self.is_deleted {
            SVSCAN.warning(&[b"the scan directory ", home, b" was deleted"]);
        }
        self.is_deleted = is_deleted;
        if is_deleted && directory::change(home).is_ok() {
            self.is_deleted = directory::path_of_current() == Err(Errno::ENOENT);
            self.changes = ScanChanges::watch_here();
            self.news.is_unclear = true;
        }
        self.changes.ask_again();
        if self.claim.renew() || self.roster.are_records_due() {
            self.claim.records().into_iter().for_each(|records| self.roster.go_over_to(records));
        }
    }

    fn ask_to_stop(&mut self, in_a_hurry: bool) {
        self.follow();
        let stop = self.stop.get_or_insert_default();
        if in_a_hurry {
            stop.hurry();
        }
        // Written at every request: a word `Wanted` that comes after it removes the mark again.
        self.claim.mark_stopped();
    }

    fn go_on_stopping(&mut self) -> Option<Exit> {
        let round = self.round(false);
        let stop = self.stop.as_mut()?;
        if clock::monotonic() < self.stop_look {
            return None;
        }
        if !stop.advance(&mut self.roster, round) {
            self.stop_look = clock::monotonic().saturating_add(stop::LOOK);
            return None;
        }
        let survivors = stop.name_survivors(&self.roster);
        Some(if survivors { Exit::SYSTEM } else { Exit::SUCCESS })
    }
}

fn warn_not_replaced(error: Errno) {
    SVSCAN.warning_because(&[b"unable to re-execute, going on as we are"], error);
}
