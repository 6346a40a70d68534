//! Directories made in place that a program is still filling: `cp -r`, or `mkdir` and an editor.
//! svscan watches each until its `run` is there and nothing has changed for a moment, so that it
//! does not miss a `log` that is copied just after `run`. It never waits longer than 0.76 would
//! have taken to see the directory.

use super::plan::TICK;
use crate::service;
use crate::sys::clock;
use crate::sys::descriptor::HERE;
use crate::sys::inotify::{Watch, Watcher};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How long nothing must change in a directory that looks complete.
const QUIET: Duration = Duration::from_millis(100);

/// A directory that is being filled.
#[derive(Debug)]
struct Fresh {
    /// Its watch, unless the kernel refused one.
    watch: Option<Watch>,
    /// When we first heard of it, by the monotonic clock.
    appeared: Duration,
    /// When to check whether it is complete; `None` while only a change can make it so.
    look: Option<Duration>,
}

/// The directories that are being filled, by name.
#[derive(Debug, Default)]
pub struct Filling {
    fresh: BTreeMap<Vec<u8>, Fresh>,
}

impl Filling {
    /// Begins to watch a new directory. (One with a dot name is no service yet.)
    pub fn add(&mut self, watcher: &Watcher, name: Vec<u8>) {
        if name.first() == Some(&b'.') {
            return;
        }
        // Remove an older watch first: for the same directory the kernel returns the same watch.
        self.remove(watcher, &name);
        let now = clock::monotonic();
        let fresh = Fresh {
            watch: watcher.watch_filling(&name).ok(),
            appeared: now,
            look: Some(now.saturating_add(QUIET)),
        };
        self.fresh.insert(name, fresh);
    }

    /// Notes a change that `watch` reports. Returns whether it is the watch of a directory that is
    /// being filled.
    pub fn touch(&mut self, watch: Watch) -> bool {
        let touched = self.fresh.values_mut().find(|fresh| fresh.watch == Some(watch));
        if let Some(fresh) = touched {
            fresh.look = Some(clock::monotonic().saturating_add(QUIET));
            return true;
        }
        false
    }

    /// Whether the directory of this name is still being filled. If not, ends its watch.
    pub fn holds(&mut self, watcher: &Watcher, name: &[u8]) -> bool {
        let Some(fresh) = self.fresh.get_mut(name) else { return false };
        let now = clock::monotonic();
        let is_late = now >= fresh.appeared.saturating_add(TICK);
        let is_quiet = fresh.look.is_some_and(|look| now >= look);
        if is_late || is_quiet && service::is_ready(HERE, name) {
            self.remove(watcher, name);
            return false;
        }
        if is_quiet {
            fresh.look = None;
        }
        true
    }

    /// The names of all directories that are being filled.
    #[must_use]
    pub fn names(&self) -> BTreeSet<Vec<u8>> {
        self.fresh.keys().cloned().collect()
    }

    /// When the next check after `now` is due. A check that was due before `now` is left out: a
    /// pass has made it, or, if that pass could not read the scan directory, the next tick will.
    #[must_use]
    pub fn next_look(&self, now: Duration) -> Option<Duration> {
        let moment = |fresh: &Fresh| {
            let late = fresh.appeared.saturating_add(TICK);
            fresh.look.map_or(late, |look| look.min(late))
        };
        self.fresh.values().map(moment).filter(|moment| *moment > now).min()
    }

    /// Forgets the directory of this name and ends its watch.
    pub fn remove(&mut self, watcher: &Watcher, name: &[u8]) {
        if let Some(watch) = self.fresh.remove(name).and_then(|fresh| fresh.watch) {
            watcher.unwatch(watch);
        }
    }
}
