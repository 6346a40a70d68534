//! Notices the ends of adopted supervises. Each has one descriptor, as long as there are enough,
//! and one epoll descriptor stands for all of them in the loop. Supervises without a descriptor
//! (loose ones) are looked at from time to time.

use super::adopted::Adopted;
use super::entry::{Entry, Supervise};
use super::plan::{Key, Role, TICK};
use crate::sys::epoll::BreakWatcher;
use crate::sys::limit::OpenFiles;
use crate::sys::{Errno, clock};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd};

/// The first pause between two looks at a supervise whose descriptor shows an error, but which has
/// not ended, or not yet.
const SOON: Duration = Duration::from_millis(10);
/// How many descriptors are given up at once when a new service needs some.
const SOME: usize = 16;

/// The watches on the adopted supervises of a roster, each known by a number.
#[derive(Debug)]
pub struct Watches {
    /// Watches all descriptors; `None` as long as descriptors are few.
    breaks: Option<BreakWatcher>,
    /// All adopted supervises by their numbers.
    known: BTreeMap<u64, (Key, Role)>,
    /// The numbers of the supervises without a descriptor.
    loose: BTreeSet<u64>,
    /// The number that was given last.
    last: u64,
    /// The present pause between two looks at the loose supervises.
    pause: Duration,
    /// When to look at the loose supervises next.
    next_question: Duration,
}

impl Default for Watches {
    /// No watch yet.
    fn default() -> Self {
        Self {
            breaks: new_breaks(),
            known: BTreeMap::new(),
            loose: BTreeSet::new(),
            last: 0,
            pause: TICK,
            next_question: Duration::ZERO,
        }
    }
}

/// The epoll descriptor, unless descriptors are few.
fn new_breaks() -> Option<BreakWatcher> {
    if OpenFiles::are_few() { None } else { BreakWatcher::new().ok() }
}

impl Watches {
    /// Adds a supervise without a descriptor; [`Self::take_hold`] opens one.
    pub fn add(&mut self, key: Key, role: Role, adopted: &mut Adopted) {
        if self.loose.is_empty() {
            self.ask_within(TICK);
        }
        self.last += 1;
        adopted.number = self.last;
        self.known.insert(self.last, (key, role));
        self.loose.insert(self.last);
    }

    /// Ends the watch on a supervise.
    pub fn remove(&mut self, adopted: &Adopted) {
        self.known.remove(&adopted.number);
        if !self.loose.remove(&adopted.number) {
            self.unwatch(adopted);
        }
    }

    fn unwatch(&self, adopted: &Adopted) {
        if let (Some(breaks), Some(presence)) = (&self.breaks, adopted.presence()) {
            breaks.unwatch(presence);
        }
    }

    /// Opens descriptors for loose supervises, as long as there are enough.
    pub fn take_hold(&mut self, entries: &mut BTreeMap<Key, Entry>) {
        if self.breaks.is_none() && !self.loose.is_empty() {
            self.breaks = new_breaks();
        }
        for number in self.loose.clone() {
            let Some(&(key, role)) = self.known.get(&number) else { continue };
            match take_hold(self.breaks.as_ref(), entries, key, role) {
                Ok(()) => {
                    self.loose.remove(&number);
                }
                Err(Errno::EMFILE | Errno::ENFILE) => break,
                Err(_) => {}
            }
        }
    }

    fn ask_within(&mut self, pause: Duration) {
        self.pause = pause;
        self.next_question = clock::monotonic().saturating_add(pause);
    }

    /// Closes some of these descriptors, for a use that cannot do without. Returns whether there
    /// were any.
    pub fn make_room(&mut self, entries: &mut BTreeMap<Key, Entry>) -> bool {
        let held = self.known.iter().filter(|(number, _)| !self.loose.contains(number));
        let some: Vec<_> = held.take(SOME).map(|(number, place)| (*number, *place)).collect();
        for &(number, (key, role)) in &some {
            self.let_go(entries, number, key, role);
        }
        !some.is_empty()
    }

    fn let_go(&mut self, entries: &mut BTreeMap<Key, Entry>, number: u64, key: Key, role: Role) {
        if let Some(adopted) = adopted_of(entries, key, role) {
            self.unwatch(adopted);
            adopted.let_go();
        }
        self.loose.insert(number);
    }

    /// The supervises that have ended since the last call. With `is_urgent`, each call looks at the
    /// loose supervises too, with one system call for each.
    pub fn ended(
        &mut self,
        entries: &mut BTreeMap<Key, Entry>,
        is_urgent: bool,
    ) -> Vec<(Key, Role)> {
        let mut ended = Vec::new();
        loop {
            let broken = self.breaks.as_ref().map(BreakWatcher::broken).unwrap_or_default();
            if broken.is_empty() {
                break;
            }
            for number in broken {
                let Some(&(key, role)) = self.known.get(&number) else { continue };
                if adopted_of(entries, key, role).is_some_and(|adopted| adopted.lives_on()) {
                    // It is about to end, or has new FIFOs now.
                    self.let_go(entries, number, key, role);
                    self.ask_within(SOON);
                } else {
                    ended.push((key, role));
                }
            }
        }
        let is_due = clock::monotonic() >= self.next_question;
        if !self.loose.is_empty() && (is_due || is_urgent) {
            self.ask(entries, is_due, &mut ended);
        }
        ended
    }

    /// Looks at the loose supervises: thoroughly if that is due, or else with one system call each.
    fn ask(
        &mut self,
        entries: &mut BTreeMap<Key, Entry>,
        is_due: bool,
        ended: &mut Vec<(Key, Role)>,
    ) {
        for number in &self.loose {
            let Some(&(key, role)) = self.known.get(number) else { continue };
            let Some(entry) = entries.get(&key) else { continue };
            let Some(Supervise::Adopted(adopted)) = entry.supervise(role) else { continue };
            let has_ended = adopted.is_surely_gone()
                || is_due && {
                    let directory = entry.open_directory(role).ok();
                    adopted.has_ended(directory.as_ref().map(AsFd::as_fd))
                };
            if has_ended {
                ended.push((key, role));
            }
        }
        if is_due {
            let pause = self.pause;
            self.take_hold(entries);
            self.ask_within((pause * 2).min(TICK));
        }
    }

    /// When to look at the loose supervises next; `None` if there is none.
    #[must_use]
    pub fn next_question(&self) -> Option<Duration> {
        (!self.loose.is_empty()).then_some(self.next_question)
    }

    /// The descriptor that is readable when a watched supervise has ended.
    #[must_use]
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.breaks.as_ref().map(AsFd::as_fd)
    }
}

fn adopted_of(entries: &mut BTreeMap<Key, Entry>, key: Key, role: Role) -> Option<&mut Adopted> {
    match entries.get_mut(&key)?.supervise_mut(role)? {
        Supervise::Adopted(adopted) => Some(adopted),
        Supervise::Idle(..) | Supervise::Child(..) => None,
    }
}

fn take_hold(
    breaks: Option<&BreakWatcher>,
    entries: &mut BTreeMap<Key, Entry>,
    key: Key,
    role: Role,
) -> Result<(), Errno> {
    let breaks = breaks.ok_or(Errno::EMFILE)?;
    let entry = entries.get(&key).ok_or(Errno::ENOENT)?;
    let directory = entry.open_directory(role).ok();
    let adopted = adopted_of(entries, key, role).ok_or(Errno::ENOENT)?;
    adopted.take_hold(directory.as_ref().map(AsFd::as_fd))?;
    let presence = adopted.presence().ok_or(Errno::ENOENT)?;
    let watched = breaks.watch(presence, adopted.number);
    if watched.is_err() {
        adopted.let_go();
    }
    watched
}
