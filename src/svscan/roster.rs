//! The held services, their supervises, their pipes, and the record of all this, with the
//! operations on them.

mod late_logger;
mod nameless;
mod newcomer;

use super::SVSCAN;
use super::adopted::Adopted;
use super::entry::{Entry, Supervise};
use super::heir::finder::{Finder, is_there};
use super::heir::retired;
use super::plan::{Action, Ending, HeldService, Key, Role, Standing, next_start};
use super::spawn::{Conditions, spawn};
use super::watches::Watches;
use crate::fork_rest::ForkRest;
use crate::scandir::pipe_records::PipeRecords;
use crate::scandir::{ScanRecords, message_record};
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::SIGHUP;
use crate::sys::{Errno, clock, file};
use core::time::Duration;
use nameless::Nameless;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

/// The time of an operation on the roster.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// When the next tick is due.
    pub next_tick: Duration,
    /// Whether this is a tick. Warnings about entries are printed only then: as often as 0.76
    /// prints them, however many changes there are between two ticks.
    pub is_tick: bool,
}

impl Round {
    /// Warns why an entry cannot be held.
    pub fn complain(self, text: &[&[u8]], error: Errno) {
        if self.is_tick {
            SVSCAN.warning_because(text, error);
        }
    }
}

/// What svscan holds.
#[derive(Debug)]
pub struct Roster {
    entries: BTreeMap<Key, Entry>,
    children: BTreeMap<Pid, (Key, Role)>,
    watches: Watches,
    records: PipeRecords,
    given: Conditions,
    /// The running supervises, looked up once for a whole round.
    finder: Finder,
    /// Whether we still have to look for what an svscan before us held, or this one before HUP.
    is_heir: bool,
    is_new_image: bool,
    /// The next time at which a supervise may be started, leaving out those that a pass has already
    /// seen due.
    next_start: Option<Duration>,
    /// After a failed fork svscan starts nothing for a while.
    rest: ForkRest,
    nameless: Nameless,
    /// The services with a running supervise that this pass did not see.
    missed: Vec<Key>,
}

impl Roster {
    /// An empty roster. `records` say what an svscan before us held.
    #[must_use]
    pub fn new(records: PipeRecords, given: Conditions, is_new_image: bool) -> Self {
        Self {
            entries: BTreeMap::new(),
            children: BTreeMap::new(),
            watches: Watches::default(),
            records,
            given,
            finder: Finder::default(),
            is_heir: true,
            is_new_image,
            next_start: None,
            rest: ForkRest::default(),
            nameless: Nameless::default(),
            missed: Vec::new(),
        }
    }

    /// Whether the record of what is held should be written anew, because it is long or could not
    /// be written.
    #[must_use]
    pub fn are_records_due(&self) -> bool {
        self.records.are_due()
    }

    /// Writes what is held, and where messages go, into new records, because the old ones were
    /// removed or [`Self::are_records_due`].
    pub fn go_over_to(&mut self, records: &ScanRecords) {
        // If this fails, the next tick tries again.
        let _ = self.records.go_over_to(records);
        let messages = self.given.messages.as_ref().map(|pipe| file::facts_of(pipe.as_fd()));
        if let Some(Ok(facts)) = messages {
            // svscanboot, which leads, records the same.
            let _ = message_record::put(records, facts.inode);
        }
    }

    /// All held services, in the order of the keys.
    pub fn held(&self) -> impl Iterator<Item = HeldService> {
        self.entries.iter().map(|(key, entry)| entry.held(*key))
    }

    /// How many services are held.
    #[must_use]
    pub fn held_count(&self) -> usize {
        self.entries.len()
    }

    /// Whether the last tick saw a service that is held under this name.
    #[must_use]
    pub fn may_believe(&self, key: Key, name: &[u8]) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.was_seen && entry.name == name)
    }

    /// Notes what a tick sees of the service directories: that each is there, and when it last
    /// changed.
    pub fn note_sights(&mut self, mut sights: Vec<(Key, Duration)>) {
        sights.sort_unstable();
        let mut sights = sights.into_iter().peekable();
        for (key, entry) in &mut self.entries {
            while sights.next_if(|(seen, _)| seen < key).is_some() {}
            if let Some((_, changed)) = sights.next_if(|(seen, _)| seen == key) {
                entry.was_seen = true;
                entry.late_log.note(changed);
            }
        }
    }

    /// One service, if it is held.
    #[must_use]
    pub fn held_one(&self, key: Key) -> Option<HeldService> {
        self.entries.get(&key).map(|entry| entry.held(key))
    }

    /// Every service with its key.
    pub fn entries(&self) -> impl Iterator<Item = (Key, &Entry)> {
        self.entries.iter().map(|(key, entry)| (*key, entry))
    }

    /// Every service with its key, for the orderly stop.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = (Key, &mut Entry)> {
        self.entries.iter_mut().map(|(key, entry)| (*key, entry))
    }

    /// What supervises are started with.
    #[must_use]
    pub fn given(&self) -> &Conditions {
        &self.given
    }

    /// Begins a round: the running supervises are looked up anew when they are needed.
    pub fn begin_round(&mut self) {
        self.finder = Finder::default();
    }

    /// Does what the plan says.
    pub fn perform(&mut self, action: Action, round: Round) {
        match action {
            Action::Hold(key, name) => self.hold(key, name, round),
            Action::Start(key, role, name) => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.name = name;
                    self.start(key, role);
                }
            }
            Action::Forget(key) => {
                drop(self.entries.remove(&key));
                // If this fails, the next tick writes the whole record anew.
                let _ = self.records.forget(key);
            }
            Action::Miss(key) => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.was_seen = false;
                }
                self.missed.push(key);
            }
        }
    }

    /// Ends a pass. After the first complete one, we also hold services of an svscan before us that
    /// still run although their names are gone.
    pub fn end_pass(&mut self, is_complete: bool) {
        if is_complete && core::mem::take(&mut self.is_heir) {
            let recorded: Vec<Key> = self.records.services().collect();
            for key in recorded {
                if !self.entries.contains_key(&key) {
                    if let Some(entry) = retired::find(key, &mut self.records, &self.finder) {
                        self.insert(key, entry);
                    }
                }
            }
        }
        self.watches.take_hold(&mut self.entries);
    }

    /// Begins a complete pass. It starts all supervises that are due now. One that it does not
    /// start waits for the next change or tick.
    pub fn begin_pass(&mut self, now: Duration) {
        self.missed.clear();
        if self.next_start.is_none() {
            return;
        }
        let starts = self.entries.iter().flat_map(|(key, entry)| {
            let held = entry.held(*key);
            [Some(held.main), held.log].into_iter().flatten()
        });
        let later = starts.filter_map(|standing| match standing {
            Standing::Idle(from) => Some(from).filter(|from| *from > now),
            Standing::Running => None,
        });
        self.next_start = later.min();
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        self.entries.insert(key, entry);
        for role in Role::BOTH {
            self.register(key, role);
        }
    }

    /// Sets the state of the supervise of `role`.
    fn put(&mut self, key: Key, role: Role, supervise: Supervise) {
        let Some(place) = self.entries.get_mut(&key).and_then(|entry| entry.supervise_mut(role))
        else {
            return;
        };
        if let Supervise::Adopted(adopted) = &*place {
            self.watches.remove(adopted);
        }
        *place = supervise;
        self.register(key, role);
    }

    fn register(&mut self, key: Key, role: Role) {
        let entry = self.entries.get_mut(&key);
        match entry.and_then(|entry| entry.supervise_mut(role)) {
            // It has no time of its own: the next pass that sees it starts it.
            Some(Supervise::Idle(Duration::ZERO, _)) => {}
            Some(Supervise::Idle(from, _)) => {
                let from = *from;
                self.next_start = Some(self.next_start.map_or(from, |next| next.min(from)));
            }
            Some(Supervise::Child(pid, _)) => {
                self.children.insert(*pid, (key, role));
            }
            Some(Supervise::Adopted(adopted)) => self.watches.add(key, role, adopted),
            None => {}
        }
    }

    /// Starts one supervise. If one that is not our child runs there, adopts that instead.
    fn start(&mut self, key: Key, role: Role) {
        let Some(entry) = self.entries.get(&key) else { return };
        let now = clock::monotonic();
        let adopted = Adopted::find_below(&entry.path(role), &self.finder);
        let supervise = match (adopted, self.rest.over_at(now)) {
            (Some(adopted), _) => Supervise::Adopted(adopted),
            (None, Some(later)) => Supervise::Idle(later, None),
            (None, None) => match spawn(entry, role, &self.given) {
                Ok(pid) => {
                    self.rest.end();
                    Supervise::Child(pid, clock::monotonic())
                }
                Err(error) => {
                    let seconds = self.rest.fail(now).to_string();
                    let who: &[&[u8]] = &[b"unable to fork for ", &entry.name, role.suffix()];
                    let rest: &[&[u8]] = &[b", sleeping ", seconds.as_bytes(), b" seconds"];
                    SVSCAN.warning_because(&[who, rest].concat(), error);
                    Supervise::Idle(self.rest.over_at(now).unwrap_or(now), None)
                }
            },
        };
        self.put(key, role, supervise);
    }

    /// Starts a dead supervise again in the orderly stop, if its name is still there.
    pub fn start_again(&mut self, key: Key, role: Role, round: Round) {
        // The stop does not wait for the rest after a failed fork.
        self.rest.end();
        match self.entries.get(&key) {
            Some(entry) if is_there(key, &entry.name) => self.start(key, role),
            _ => self.put(key, role, Supervise::Idle(round.next_tick, None)),
        }
    }

    /// Notes that a child has ended. Returns the name of its service, if it was a supervise.
    pub fn note_end(&mut self, pid: Pid, end: End, round: Round) -> Option<Vec<u8>> {
        let (key, role) = self.children.remove(&pid)?;
        let entry = self.entries.get(&key)?;
        let ending = match end {
            End::Code(0) => Ending::Left,
            End::Code(_) => Ending::Failed,
            End::Killed(_) => Ending::Killed,
        };
        let now = clock::monotonic();
        let started = match entry.supervise(role)? {
            Supervise::Child(_, started) => *started,
            Supervise::Idle(..) | Supervise::Adopted(_) => now,
        };
        let name = entry.name.clone();
        // If it failed because another supervise runs there, adopt that one.
        let adopted = (ending == Ending::Failed)
            .then(|| Adopted::find_below(&entry.path(role), &self.finder))
            .flatten();
        let idle =
            || Supervise::Idle(next_start(ending, started, now, round.next_tick), Some(ending));
        self.put(key, role, adopted.map_or_else(idle, Supervise::Adopted));
        Some(name)
    }

    /// Notes adopted supervises that have ended. Returns the names of their services.
    pub fn note_broken(&mut self, round: Round, is_urgent: bool) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        for (key, role) in self.watches.ended(&mut self.entries, is_urgent) {
            let Some(entry) = self.entries.get(&key) else { continue };
            names.push(entry.name.clone());
            let ending = entry.unseen_ending(role);
            let now = clock::monotonic();
            let from = next_start(ending, Duration::ZERO, now, round.next_tick);
            self.put(key, role, Supervise::Idle(from, Some(ending)));
        }
        names
    }

    /// Sends HUP to the supervises of this program, so that they execute the program on disk.
    pub fn pass_hangup_on(&self) {
        for entry in self.entries.values() {
            for pid in Role::BOTH.into_iter().filter_map(|role| entry.supervise_of_ours(role)) {
                let _ = process::kill(pid, SIGHUP);
            }
        }
    }

    /// The next time at which the roster has something to do.
    #[must_use]
    pub fn next_moment(&self) -> Option<Duration> {
        self.next_start.into_iter().chain(self.watches.next_question()).min()
    }

    /// Whether a start has become due.
    #[must_use]
    pub fn is_start_due(&self, now: Duration) -> bool {
        self.next_start.is_some_and(|from| from <= now)
    }

    /// The descriptor that is readable when an adopted supervise has ended.
    #[must_use]
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.watches.watched()
    }
}
