//! The looks at the scan directory: at the whole of it, or at single names, by the same plan.

use super::Driver;
use crate::svscan::SVSCAN;
use crate::svscan::plan::{Key, Seen, plan};
use crate::svscan::roster::Round;
use crate::sys::descriptor::HERE;
use crate::sys::directory::Listing;
use crate::sys::file::{self, Kind};
use crate::sys::{Errno, clock};
use core::time::Duration;

impl Driver<'_> {
    /// Looks at new names, then at the whole directory if that is due, and performs the plan. The
    /// new names come first: a new service does not wait until svscan has looked at ten thousand
    /// old ones.
    pub(super) fn look(&mut self, is_tick: bool) {
        let news = core::mem::take(&mut self.news);
        let mut is_unclear = news.is_unclear || self.roster.is_start_due(clock::monotonic());
        let round = self.round(false);
        for name in &news.names {
            match self.look_at(name) {
                Ok(found) => found.into_iter().for_each(|(seen, _)| self.take_in(seen, round)),
                // A link that leads nowhere, or a change at this moment: look at the whole
                // directory.
                Err(_) => is_unclear = true,
            }
        }
        if !news.names.is_empty() {
            self.roster.end_pass(false);
        }
        if is_tick || is_unclear {
            self.pass(self.round(is_tick));
        }
    }

    /// The directory of this name, and when it last changed; `None` if the entry is no directory.
    fn look_at<'a>(&mut self, name: &'a [u8]) -> Result<Option<(Seen<'a>, Duration)>, Errno> {
        if name.first() == Some(&b'.') {
            return Ok(None);
        }
        let facts = file::facts(HERE, name)?;
        let seen = self.seen(name, (facts.device, facts.inode));
        Ok((facts.kind == Kind::Directory).then_some((seen, facts.changed)))
    }

    fn seen<'a>(&mut self, name: &'a [u8], key: Key) -> Seen<'a> {
        Seen { name, key, is_filling: self.changes.is_filling(name) }
    }

    fn take_in(&mut self, seen: Seen<'_>, round: Round) {
        for action in plan(&[seen], self.roster.held_one(seen.key), clock::monotonic()) {
            self.roster.perform(action, round);
        }
    }

    /// Looks at the whole directory. Between ticks svscan believes the listing about a service that
    /// the last tick saw under this name: to ask for each is most of the cost. A mount on it, which
    /// the listing does not show, is seen at the tick.
    fn pass(&mut self, round: Round) {
        let now = clock::monotonic();
        self.roster.begin_pass(now);
        let listing = match Listing::undotted(self.roster.held_count()) {
            Ok(listing) => listing,
            Err(error) => {
                return SVSCAN.warning_because(&[b"unable to read directory"], error);
            }
        };
        // After this, every directory made before the listing is known to be new.
        self.changes.take(&mut self.news);
        let mut unseen = self.changes.being_filled();
        let mut seen = Vec::with_capacity(listing.count());
        let mut times = Vec::with_capacity(if round.is_tick { listing.count() } else { 0 });
        for (name, listed) in listing.entries() {
            let known = listed.filter(|key| !round.is_tick && self.roster.may_believe(*key, name));
            let found = match known {
                Some(key) => Ok(Some((self.seen(name, key), None))),
                None => self.look_at(name).map(|found| found.map(|(seen, at)| (seen, Some(at)))),
            };
            match found {
                Ok(Some((found, changed))) => {
                    unseen.remove(name);
                    seen.push(found);
                    times.extend(changed.filter(|_| round.is_tick).map(|at| (found.key, at)));
                }
                Ok(None) => {}
                Err(error) => round.complain(&[b"unable to stat ", name], error),
            }
        }
        for name in unseen {
            self.changes.forget(&name);
        }
        for action in plan(&seen, self.roster.held(), now) {
            self.roster.perform(action, round);
        }
        if round.is_tick {
            self.roster.note_sights(times);
        }
        if round.is_tick && !self.is_deleted {
            self.roster.name_the_nameless();
        }
        self.roster.look_for_late_loggers(round);
        self.roster.end_pass(true);
    }
}
