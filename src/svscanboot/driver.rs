//! The loop of svscanboot: looks, waits for what can happen, and performs what [`leader`] decides.
//! Many may be started (by inittab, Upstart, rc.local); the first leads, the others stand by without
//! a word and take over when it is gone. The leader holds the scan directory's lock and hands it to
//! its svscan; a new leader that finds an svscan at work leaves it alone and watches it. It never
//! touches a service itself: what runs is found and adopted by svscan.
//!
//! [`leader`]: super::leader

use super::SVSCANBOOT;
use super::beginning::{open_records, want};
use super::child::{Child, PACE};
use super::leader::{Effect, Event, Patience, Question, Rank, State, Svscan, Word, step};
use super::messages::Messages;
use crate::env;
use crate::error::Exit;
use crate::scandir::keeper::{self, Keeper};
use crate::scandir::scan_lock::{LOCK_NUMBER, ScanLock};
use crate::scandir::{ScanRecords, mark, scan_control};
use crate::service::control::Sender;
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, End};
use crate::sys::signal::{self, SIGCHLD, SIGTERM, Signals};
use crate::sys::{Errno, clock, file, poll, proc};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How long the last messages may take to reach readproctitle at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Between two tries to tell a new svscan that it shall stop.
const RETRY: Duration = Duration::from_millis(50);

/// How svscanboot was called.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The scan directory.
    pub directory: &'a CStr,
    /// Leave at once with 0 where the scan is held, or the system is going down.
    pub is_fallback: bool,
    /// The path we were called by: the commands beside us are the ones to start.
    pub called_by: &'a [u8],
}

/// Keeps svscan until TERM stops it in order.
#[must_use]
pub fn run(call: Call<'_>) -> Exit {
    proc::close_inherited();
    signal::ignore_broken_pipes();
    let signals = match Signals::listen(&[SIGCHLD, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => return SVSCANBOOT.fatal_because(&[b"unable to listen for signals"], error),
    };
    let going_down = matches!(env::value(b"RUNLEVEL"), Some(b"0" | b"6"));
    if going_down && call.is_fallback {
        return Exit::SUCCESS;
    }
    let Some(records) = open_records(call.directory.to_bytes(), &signals) else {
        return Exit::SUCCESS;
    };
    if !going_down {
        records.iter().for_each(want);
    }
    let driver = Driver {
        call,
        signals,
        records,
        keeper: None,
        other: None,
        lock: None,
        svscan: Child::default(),
        found: None,
        messages: None,
    };
    driver.attend(State::first(call.is_fallback))
}

struct Driver<'a> {
    call: Call<'a>,
    signals: Signals,
    records: Option<ScanRecords>,
    /// What makes us the leader.
    keeper: Option<Keeper>,
    /// The presence of the svscanboot that leads.
    other: Option<OwnedFd>,
    lock: Option<ScanLock>,
    /// The svscan that is our child.
    svscan: Child,
    /// The one that is not: an error on its control FIFO is its end.
    found: Option<Sender>,
    messages: Option<Messages>,
}

/// What the end of one step was.
enum Outcome {
    Goes,
    Leaves,
}

impl Driver<'_> {
    fn attend(mut self, mut state: State) -> Exit {
        crate::sys::heap::outlast_shortage();
        loop {
            let mut events = vec![self.look(&state)];
            if let Outcome::Leaves = self.apply(&mut state, events.remove(0)) {
                return Exit::SUCCESS;
            }
            events.extend(self.wait(&state));
            for event in events {
                if let Outcome::Leaves = self.apply(&mut state, event) {
                    return Exit::SUCCESS;
                }
            }
        }
    }

    /// One step, and those that answer its questions.
    fn apply(&mut self, state: &mut State, event: Event) -> Outcome {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let (after, effects) = step(*state, event);
            *state = after;
            for effect in effects.iter() {
                match effect {
                    Effect::Ask(question) => next = Some(self.answer(state, question)),
                    Effect::KeepReader => self.keep_reader(),
                    Effect::EndReader => self.end_reader(),
                    Effect::GiveLockBack => drop(self.lock.take()),
                    Effect::RemoveMark => self.records.iter().for_each(mark::remove),
                    Effect::Leave => return Outcome::Leaves,
                }
            }
        }
        Outcome::Goes
    }

    fn look(&mut self, state: &State) -> Event {
        let records = self.records.as_ref();
        if state.rank == Rank::Standby {
            self.other = records.and_then(|records| keeper::look(records).ok());
        }
        Event::Looked {
            is_kept: self.other.is_some(),
            is_marked: records.is_some_and(mark::is_there),
        }
    }

    fn answer(&mut self, state: &State, question: Question) -> Event {
        match question {
            Question::Lead => self.become_leader(),
            Question::Lock => self.take_lock(),
            Question::Start => self.start(),
            Question::Tell(word) if self.tell(state.svscan, word) => Event::Told,
            Question::Tell(_) => Event::NotTold,
        }
    }

    fn become_leader(&mut self) -> Event {
        match self.records.as_ref().map(Keeper::become_it).transpose() {
            Ok(keeper) => self.keeper = keeper,
            Err(Errno::EAGAIN) => return Event::Kept,
            Err(error) => {
                self.warn_of_lock(b"boot-lock", error);
                return Event::CannotLead;
            }
        }
        let name = self.call.directory.to_bytes();
        let is_scanned = self.call.is_fallback
            && file::facts(HERE, name)
                .is_ok_and(|here| !proc::workers_in(&here, b"svscan").is_empty());
        Event::Led { is_scanned }
    }

    fn take_lock(&mut self) -> Event {
        let Some(records) = &self.records else { return Event::CannotLock };
        match ScanLock::acquire(records) {
            Ok(lock) => {
                self.lock = Some(lock);
                Event::Locked
            }
            Err(Errno::EAGAIN) => {
                self.found = scan_control::connect(records).ok();
                if self.found.is_some() { Event::Found } else { Event::Held }
            }
            Err(error) => {
                self.warn_of_lock(b"lock", error);
                Event::CannotLock
            }
        }
    }

    fn warn_of_lock(&self, lock: &[u8], error: Errno) {
        let name = self.call.directory.to_bytes();
        SVSCANBOOT.warning_because(&[b"unable to lock ", name, b"/.svscan/", lock], error);
    }

    fn start(&mut self) -> Event {
        // Without a pipe for its messages no svscan is started: there will be one soon.
        let Some(messages) = &self.messages else { return Event::NotStarted };
        let write = messages.write_end().as_fd();
        let lock = self.lock.as_ref().map(|lock| lock.file.as_fd());
        self.svscan.keep(self.call.called_by, &[c"svscan", self.call.directory], || {
            descriptor::place_at(write, 1)?;
            descriptor::place_at(write, 2)?;
            lock.map_or(Ok(()), |lock| descriptor::place_at(lock, LOCK_NUMBER))
        });
        if self.svscan.pid().is_some() { Event::Started } else { Event::NotStarted }
    }

    /// Tells the svscan that runs; whether it was there to hear it.
    fn tell(&mut self, svscan: Svscan, word: Word) -> bool {
        let Some(records) = &self.records else {
            // No control FIFO: as 0.76, svscan ends and leaves the services alone.
            let pid = self.svscan.pid();
            return pid.is_some_and(|pid| process::kill(pid, SIGTERM).is_ok());
        };
        if svscan == Svscan::Ours {
            return scan_control::connect(records)
                .is_ok_and(|sender| scan_control::say(&sender, word).is_ok());
        }
        if self.found.is_none() {
            self.found = scan_control::connect(records).ok();
        }
        self.found.as_ref().is_some_and(|sender| scan_control::say(sender, word).is_ok())
    }

    fn keep_reader(&mut self) {
        let obtained =
            self.messages.take().map_or_else(|| Messages::obtain(self.records.as_ref()), Ok);
        match obtained {
            Ok(mut messages) => {
                // What we have to say goes there too.
                to_null(messages.write_end().as_fd());
                messages.keep_reader(self.call.called_by);
                self.messages = Some(messages);
            }
            Err(error) => SVSCANBOOT.warning_because(&[b"unable to create pipe"], error),
        }
    }

    /// Gives up the message pipe and waits a moment for the reader to read it to the end.
    fn end_reader(&mut self) {
        let Some(messages) = self.messages.take() else { return };
        // Our own stderr is that pipe too.
        if let Ok(null) = open(HERE, b"/dev/null", Purpose::Write) {
            to_null(null.as_fd());
        }
        let mut is_running = messages.give_up();
        let until = clock::monotonic().saturating_add(LAST_WORDS);
        while is_running() && clock::monotonic() < until {
            poll::pause(Duration::from_millis(10));
        }
    }

    /// Waits for an event, or for as long as `state` allows; what happened.
    fn wait(&mut self, state: &State) -> Vec<Event> {
        let until = self.next_look(state).map(|length| clock::monotonic().saturating_add(length));
        let mut watched = vec![poll::readable(self.signals.as_fd())];
        watched.extend(self.messages.as_ref().and_then(Messages::watched));
        watched.extend(self.found.as_ref().map(|sender| poll::broken(sender.as_fd())));
        let leader = self.other.as_ref().filter(|_| state.patience() == Patience::Keeper);
        watched.extend(leader.map(|leader| poll::broken(leader.as_fd())));
        if poll::wait(&mut watched, until).is_err() {
            poll::pause(PACE);
        }
        let mut events = Vec::new();
        while let Some(signal) = self.signals.next() {
            events.extend((signal == SIGTERM).then_some(Event::Term));
        }
        while let Some((pid, end)) = process::reap_any() {
            self.messages.iter_mut().for_each(|messages| messages.note_end(pid));
            if self.svscan.note_end(pid) {
                // Without records it is TERM that ends it.
                let has_left = matches!(end, End::Code(_)) || self.records.is_none();
                events.push(Event::OursEnded { has_left });
            }
        }
        if self.found.as_ref().is_some_and(Sender::is_gone) {
            self.found = None;
            events.push(Event::FoundEnded);
        }
        events
    }

    /// How long to wait for an event at most.
    fn next_look(&self, state: &State) -> Option<Duration> {
        let patience = match state.patience() {
            Patience::Event => None,
            Patience::Keeper => self.other.is_none().then_some(PACE),
            Patience::Second => Some(self.svscan.look_after().map_or(PACE, |left| left.min(PACE))),
            Patience::Moment => Some(RETRY),
        };
        let reader = match &self.messages {
            Some(messages) => messages.look_after(),
            None => state.keeps_reader.then_some(PACE),
        };
        patience.into_iter().chain(reader).min()
    }
}

/// Standard input and output become /dev/null, and standard error `messages`.
fn to_null(messages: BorrowedFd<'_>) {
    if let Ok(null) = open(HERE, b"/dev/null", Purpose::Read) {
        let _ = descriptor::place_at(null.as_fd(), 0);
    }
    if let Ok(null) = open(HERE, b"/dev/null", Purpose::Write) {
        let _ = descriptor::place_at(null.as_fd(), 1);
    }
    let _ = descriptor::place_at(messages, 2);
}
