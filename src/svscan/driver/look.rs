//! The looks at the scan directory: at the whole of it, or at single names, by the same plan.

use super::Driver;
use crate::svscan::SVSCAN;
use crate::svscan::plan::{Seen, plan};
use crate::svscan::roster::Round;
use crate::sys::descriptor::HERE;
use crate::sys::file::{self, Kind};
use crate::sys::{Errno, clock, directory};

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
                Ok(seen) => seen.into_iter().for_each(|seen| self.take_in(seen, round)),
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

    /// The directory of this name; `None` if the entry is no directory.
    fn look_at<'a>(&mut self, name: &'a [u8]) -> Result<Option<Seen<'a>>, Errno> {
        if name.first() == Some(&b'.') {
            return Ok(None);
        }
        let facts = file::facts(HERE, name)?;
        let key = (facts.device, facts.inode);
        let is_filling = self.changes.is_filling(name);
        Ok((facts.kind == Kind::Directory).then_some(Seen { name, key, is_filling }))
    }

    fn take_in(&mut self, seen: Seen<'_>, round: Round) {
        for action in plan(&[seen], self.roster.held_one(seen.key), clock::monotonic()) {
            self.roster.perform(action, round);
        }
    }

    /// Looks at the whole directory.
    fn pass(&mut self, round: Round) {
        let now = clock::monotonic();
        self.roster.begin_pass(now);
        let listing = match directory::undotted() {
            Ok(listing) => listing,
            Err(error) => {
                return SVSCAN.warning_because(&[b"unable to read directory"], error);
            }
        };
        // After this, every directory made before the listing is known to be new.
        self.changes.take(&mut self.news);
        let mut unseen = self.changes.being_filled();
        let mut seen = Vec::with_capacity(listing.names().len());
        for name in listing.names() {
            match self.look_at(name) {
                Ok(Some(found)) => {
                    unseen.remove(name);
                    seen.push(found);
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
        if round.is_tick && !self.is_deleted {
            self.roster.name_the_nameless();
        }
        self.roster.look_for_late_loggers(round);
        self.roster.end_pass(true);
    }
}
