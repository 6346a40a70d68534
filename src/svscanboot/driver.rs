//! The loop of svscanboot: it looks at the disk, waits for events, and performs what [`leader`]
//! decides. Several svscanboots may be started (by inittab, Upstart, rc.local). The first one
//! leads; the others stand by silently, and one of them takes over when the leader is gone. The
//! leader takes the scan directory's lock and passes it to the svscan that it starts. A new leader
//! that finds an svscan at work does not start another, but watches that one. svscanboot never
//! touches a service: svscan finds and adopts those that run.
//!
//! [`leader`]: super::leader

use super::SVSCANBOOT;
use super::beginning::{open_records, want};
use super::child::{KeptChild, PACE};
use super::leader::{Effect, Event, Question, Rank, State, Svscan, WaitUntil, Word, step};
use super::messages::Messages;
use super::place::ScanPlace;
use crate::env;
use crate::error::Exit;
use crate::own_path;
use crate::scandir::leadership::{self, Leadership};
use crate::scandir::scan_control;
use crate::scandir::scan_lock::{LOCK_NUMBER, ScanLock};
use crate::scandir::scanner::{STOP_SIGNAL, Scanner};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, End};
use crate::sys::signal::{self, SIGCHLD, SIGTERM, Signals};
use crate::sys::{Errno, clock, poll, proc};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How long to wait at the end for readproctitle to read the last messages.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Time between two tries to send a word to a new svscan.
const RETRY: Duration = Duration::from_millis(50);
/// Time between two looks at the disk without an event.
const ROUND: Duration = Duration::from_secs(60);

/// The arguments of svscanboot.
#[derive(Clone, Copy, Debug)]
pub struct BootCall<'a> {
    /// The scan directory.
    pub directory: &'a CStr,
    /// Whether to exit with 0 if another svscan works there or the system is going down.
    pub is_fallback: bool,
    /// Whether an init started us, as seen at the beginning.
    pub is_inits: bool,
}

/// Keeps svscan running until TERM asks for the orderly stop.
#[must_use]
pub fn run(call: BootCall<'_>) -> Exit {
    own_path::note();
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
        place: ScanPlace::new(call.directory, records),
        leadership: None,
        other_leader: None,
        lock: None,
        svscan: KeptChild::default(),
        has_moved_on: false,
        found: None,
        messages: None,
        said: None,
    };
    driver.attend(State::first(call.is_inits, call.is_fallback))
}

struct Driver<'a> {
    call: BootCall<'a>,
    signals: Signals,
    place: ScanPlace<'a>,
    /// The leader's files, if we lead.
    leadership: Option<Leadership>,
    /// The presence of the leader, if another svscanboot leads.
    other_leader: Option<OwnedFd>,
    lock: Option<ScanLock>,
    /// The svscan that is our child, if we started one.
    svscan: KeptChild,
    /// Whether the records have been made again since that svscan was started.
    has_moved_on: bool,
    /// An svscan at work that is not our child.
    found: Option<Scanner>,
    messages: Option<Messages>,
    /// The notice last printed on a terminal.
    said: Option<Notice>,
}

/// A notice, printed on a terminal when it begins to be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    StandsBy,
    Stopped,
}

/// Whether to go on after a step.
enum Turn {
    Goes,
    Leaves,
}

impl Driver<'_> {
    fn attend(mut self, mut state: State) -> Exit {
        crate::sys::heap::outlast_shortage();
        loop {
            let mut events = vec![self.look(&state)];
            if let Turn::Leaves = self.apply(&mut state, events.remove(0)) {
                return Exit::SUCCESS;
            }
            self.notify(&state);
            events.extend(self.wait(&state));
            for event in events {
                if let Turn::Leaves = self.apply(&mut state, event) {
                    return Exit::SUCCESS;
                }
            }
        }
    }

    /// Prints on a terminal why we start no svscan.
    fn notify(&mut self, state: &State) {
        let name = self.call.directory.to_bytes();
        let notice = match (state.rank, state.svscan) {
            (_, Svscan::None) if state.is_marked => Some(Notice::Stopped),
            (Rank::Standby, Svscan::None) => Some(Notice::StandsBy),
            _ => None,
        };
        if notice == self.said {
            return;
        }
        self.said = notice;
        match notice {
            Some(Notice::Stopped) => say_how_to_start(name),
            Some(Notice::StandsBy) => {
                let pid =
                    self.place.records().and_then(leadership::process).map(|pid| pid.to_string());
                let pid = pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
                let text: &[&[u8]] = &[b"another svscanboot", pid.as_bytes(), b" keeps ", name];
                SVSCANBOOT.notice(&[text, &[b", standing by"]].concat());
            }
            None => {}
        }
    }

    /// Performs one step, and the steps that follow from the answers to its questions.
    fn apply(&mut self, state: &mut State, event: Event) -> Turn {
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
                    Effect::RemoveMark => self.place.forget_stop(),
                    Effect::Leave => return Turn::Leaves,
                }
            }
        }
        Turn::Goes
    }

    fn look(&mut self, state: &State) -> Event {
        let is_there = |leader: &OwnedFd| !poll::is_ready(poll::broken(leader.as_fd()));
        self.other_leader = self.other_leader.take().filter(is_there);
        // While another svscanboot leads, it is the one that makes removed records again.
        let has_moved = self.other_leader.is_none() && self.place.follow();
        if has_moved {
            self.has_moved_on = true;
            if state.rank == Rank::Leader {
                self.settle_in(state);
            }
        }
        if state.rank == Rank::Standby && self.other_leader.is_none() {
            self.other_leader =
                self.place.records().and_then(|records| leadership::look(records).ok());
        }
        Event::Looked {
            other_leads: self.other_leader.is_some(),
            is_marked: self.place.is_stopped(),
            has_moved,
        }
    }

    /// As the leader, writes into new records what the old ones said.
    fn settle_in(&mut self, state: &State) {
        let other_leads = self.place.has_leader();
        let was_stopped = state.is_marked || self.place.is_stopped();
        if was_stopped && state.svscan == Svscan::None && !other_leads {
            // An svscanboot that wants svscan would have removed only the mark, or would lead.
            self.place.mark_stop();
        }
        let Some(records) = self.place.records() else { return };
        self.messages.iter_mut().for_each(|messages| messages.record_in(records));
        // If another svscanboot already leads in the new records, we keep our old files.
        self.leadership = Leadership::become_it(records).ok().or(self.leadership.take());
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
        match self.place.records().map(Leadership::become_it).transpose() {
            Ok(leadership) => self.leadership = leadership,
            Err(Errno::EAGAIN) => return Event::OtherLeads,
            Err(error) => {
                self.warn_of_lock(b"boot-lock", error);
                return Event::CannotLead;
            }
        }
        Event::Led { is_scanned: self.call.is_fallback && !self.place.workers().is_empty() }
    }

    fn take_lock(&mut self) -> Event {
        let acquired = self.place.records().map(ScanLock::acquire).transpose();
        // An svscan that works there without the lock lost it with removed records, and takes it
        // soon.
        self.found = self.place.find_svscan();
        if self.found.is_some() {
            return Event::Found;
        }
        match acquired {
            Ok(Some(lock)) => {
                self.lock = Some(lock);
                Event::Locked
            }
            Ok(None) => Event::CannotLock,
            Err(Errno::EAGAIN) => Event::Held,
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
        // Without a pipe for its messages we start no svscan yet: the pipe is tried again soon.
        let Some(messages) = &self.messages else { return Event::NotStarted };
        let write = messages.write_end().as_fd();
        let lock = self.lock.as_ref().map(|lock| lock.file.as_fd());
        let words = [c"svscan", self.call.directory];
        self.svscan.keep(&words, Some(STOP_SIGNAL), || {
            descriptor::place_at(write, 1)?;
            descriptor::place_at(write, 2)?;
            lock.map_or(Ok(()), |lock| descriptor::place_at(lock, LOCK_NUMBER))
        });
        self.has_moved_on = false;
        if self.svscan.pid().is_some() { Event::Started } else { Event::NotStarted }
    }

    /// Sends a word to the running svscan. Returns whether that was possible.
    fn tell(&mut self, svscan: Svscan, word: Word) -> bool {
        if svscan == Svscan::Ours {
            return self.tell_ours(word);
        }
        if self.found.is_none() {
            self.found = self.place.find_svscan();
        }
        self.found.as_ref().is_some_and(|svscan| svscan.say(word))
    }

    /// Sends a word to our child through its control FIFO or, if that is missing or may be another
    /// svscan's, by the signal, which stays pending until the child listens.
    fn tell_ours(&self, word: Word) -> bool {
        let sender = self.place.records().filter(|_| !self.has_moved_on);
        sender
            .and_then(|records| scan_control::connect(records).ok())
            .is_some_and(|sender| scan_control::say(&sender, word).is_ok())
            || self.svscan.pid().is_some_and(|pid| process::kill(pid, STOP_SIGNAL).is_ok())
    }

    fn keep_reader(&mut self) {
        let obtained =
            self.messages.take().map_or_else(|| Messages::obtain(self.place.records()), Ok);
        match obtained {
            Ok(mut messages) => {
                // Our own messages go there too.
                to_null(messages.write_end().as_fd());
                messages.keep_reader(self.place.records());
                self.messages = Some(messages);
            }
            Err(error) => SVSCANBOOT.warning_because(&[b"unable to create pipe"], error),
        }
    }

    /// Closes the message pipe and waits a moment for its reader.
    fn end_reader(&mut self) {
        let Some(messages) = self.messages.take() else { return };
        // Our own stderr is that pipe too: close it.
        if let Ok(null) = open(HERE, b"/dev/null", Purpose::Write) {
            to_null(null.as_fd());
        }
        let mut is_running = messages.give_up();
        let until = clock::monotonic().saturating_add(LAST_WORDS);
        while is_running() && clock::monotonic() < until {
            poll::pause(Duration::from_millis(10));
        }
    }

    /// Waits for an event, or as long as `state` allows. Returns what happened.
    fn wait(&mut self, state: &State) -> Vec<Event> {
        let until = self.next_look(state).map(|length| clock::monotonic().saturating_add(length));
        let mut watched = vec![poll::readable(self.signals.as_fd())];
        watched.extend(self.messages.as_ref().and_then(Messages::watched));
        watched.extend(self.found.as_ref().and_then(Scanner::watched));
        let leader =
            self.other_leader.as_ref().filter(|_| state.patience() == WaitUntil::LeaderEnds);
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
                if end == End::Code(0) {
                    self.place.note_stop();
                }
                events.push(Event::OursEnded { has_left: matches!(end, End::Code(_)) });
            }
        }
        if self.found.as_ref().is_some_and(Scanner::is_gone) {
            self.found = None;
            events.push(Event::FoundEnded);
        }
        events
    }

    /// The longest time to wait for an event.
    fn next_look(&self, state: &State) -> Option<Duration> {
        let is_watched = self.found.as_ref().is_none_or(|found| found.watched().is_some());
        let patience = match state.patience() {
            WaitUntil::Event if is_watched => Some(ROUND),
            WaitUntil::Event => Some(PACE),
            WaitUntil::LeaderEnds => self.other_leader.is_none().then_some(PACE),
            WaitUntil::Second => Some(self.svscan.look_after().map_or(PACE, |left| left.min(PACE))),
            WaitUntil::Moment => Some(RETRY),
        };
        let reader = match &self.messages {
            Some(messages) => messages.look_after(),
            None => state.keeps_reader.then_some(PACE),
        };
        patience.into_iter().chain(reader).min()
    }
}

/// Prints on a terminal, after an orderly stop, how to start svscan again.
pub(super) fn say_how_to_start(name: &[u8]) {
    let text: &[&[u8]] = &[name, b" is stopped; to start it again, start svscanboot anew"];
    SVSCANBOOT.notice(text);
}

/// Makes standard input and output /dev/null, and standard error `messages`.
fn to_null(messages: BorrowedFd<'_>) {
    for (purpose, number) in [(Purpose::Read, 0), (Purpose::Write, 1)] {
        if let Ok(null) = open(HERE, b"/dev/null", purpose) {
            // What cannot be opened or copied stays as it was: svscanboot needs none of the three.
            let _ = descriptor::place_at(null.as_fd(), number);
        }
    }
    // As above.
    let _ = descriptor::place_at(messages, 2);
}
