//! Follows one log directory: reads new logs in their order, by the names that inotify reports, or
//! without inotify by listing the directory.

use super::merge::Source;
use super::order::{Order, Verdict};
use super::past::{self, Unnamed};
use super::reader::{Part, Reader};
use crate::look::files::{self, Body, Identity, Trouble};
use crate::look::logger::LogDirectory;
use crate::look::moment::{CURRENT, Log, PREVIOUS, PROCESSED, UNNAMED};
use crate::{SVCTL, text};
use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::file::Facts;
use daemontools_rs::sys::inotify::{Watch, Watcher};
use daemontools_rs::sys::{Errno, file};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// How many logs in the queue are held open, so that they can be read after multilog has removed
/// them.
const HELD: usize = 200;

/// Newly opened logs: each with its name, and what is read of it.
type Candidates = Vec<(&'static [u8], Body, Identity)>;

/// How far the directory was read.
#[derive(Debug)]
pub struct Trail {
    directory: LogDirectory,
    identity: Option<Identity>,
    /// The inotify watch, if there is one.
    pub watch: Option<Watch>,
    order: Order<Identity>,
    /// Logs that wait for a name, held open so that no other file gets their inode numbers.
    held: Vec<(Identity, OwnedFd)>,
    /// The names of finished logs so far.
    known: BTreeSet<Vec<u8>>,
    /// The `current` that is being read.
    current: Option<Identity>,
    /// What was opened. It is read if no new name came meanwhile.
    candidates: Candidates,
    /// Whether there may be new names that inotify did not report.
    pub is_behind: bool,
    /// The directory that has our path now.
    next: Option<OwnedFd>,
}

impl Trail {
    /// Begins to watch the directory of a reader.
    #[must_use]
    pub fn new(directory: LogDirectory, reader: &Reader) -> Self {
        let facts = file::facts_of(reader.place.as_fd());
        Self {
            directory,
            identity: facts.ok().map(|facts| Identity::of(&facts)),
            watch: None,
            order: Order::default(),
            held: Vec::new(),
            known: BTreeSet::new(),
            current: None,
            candidates: Vec::new(),
            is_behind: false,
            next: None,
        }
    }

    /// Watches the directory.
    ///
    /// # Errors
    /// Those of inotify_add_watch(2).
    pub fn watch_by(&mut self, watcher: &Watcher) -> Result<(), Errno> {
        // The path may end in a symbolic link, which inotify would not follow.
        let path = [&self.directory.path[..], b"/."].concat();
        self.watch = Some(watcher.watch_filling(&path)?);
        Ok(())
    }

    /// Queues the logs that there are.
    ///
    /// # Errors
    /// Those of reading the directory.
    pub fn take_past(&mut self, reader: &mut Reader) -> Result<(), Errno> {
        let Unnamed { waiting, current } = past::take(reader)?;
        self.order = Order::default();
        self.known.clear();
        for part in &reader.queue {
            if part.log.end.is_some() {
                self.known.insert(part.log.name.clone());
            }
        }
        self.held.clear();
        for (name, identity) in waiting.into_iter().chain(current.map(|file| (CURRENT, file))) {
            let part = reader.queue.iter().find(|part| part.log.name == name);
            let body = part.and_then(|part| part.body.as_ref());
            self.wait_for_name(identity, body, name != CURRENT);
        }
        self.current = current;
        Ok(())
    }

    /// Notes an open log that gets its name later.
    fn wait_for_name(&mut self, identity: Identity, body: Option<&Body>, is_moved: bool) {
        self.order.open(identity, is_moved);
        self.held.retain(|(held, _)| self.order.has(*held));
        self.held.extend(body.and_then(Body::hold).map(|file| (identity, file)));
    }

    /// Handles a new name in the directory.
    pub fn note(&mut self, name: &[u8], reader: &mut Reader) {
        match name {
            CURRENT | PREVIOUS => {
                self.candidates.clear();
                self.look_at_current(reader, name == PREVIOUS);
            }
            _ => {
                if let Some(log) = Log::finished(name) {
                    self.candidates.clear();
                    self.note_finished(log, reader, true);
                }
            }
        }
    }

    /// Whether the file that we read as `current` has lost that name.
    fn look_at_current(&mut self, reader: &mut Reader, has_moved: bool) {
        let Some(ours) = self.current else { return };
        if Identity::named(reader.place.as_fd(), CURRENT) == Some(ours) {
            return;
        }
        if has_moved {
            self.order.has_moved();
        }
        self.current = None;
        reader.has_stopped_growing();
    }

    /// `is_heard`: inotify reported it, so it is the next log in order.
    fn note_finished(&mut self, log: Log, reader: &mut Reader, is_heard: bool) {
        if !self.known.insert(log.name.clone()) {
            return;
        }
        let place = Rc::clone(&reader.place);
        let place = place.as_fd();
        let opened = match Body::open(place, &log.name) {
            Ok(opened) => Some(opened),
            Err(Errno::ENOENT) => None,
            Err(error) => return reader.complain(&log.name, &Trouble::System(error)),
        };
        let found = opened.as_ref().map(|(_, facts)| Identity::of(facts));
        if found.is_some() && found == self.current {
            // A multilog that has started anew gave `current` a name and did not touch its
            // contents.
            self.current = None;
            reader.has_stopped_growing();
        }
        let may_be_processed = is_heard || self.directory.is_processed;
        let is_lost = |id| may_be_processed && !files::has_name(place, id);
        let verdict = self.order.name(found, is_lost);
        self.held.retain(|(held, _)| self.order.has(*held));
        let rest = |(_, facts): &(Body, Facts)| reader.rest(Identity::of(facts), facts.size);
        let rest = opened.as_ref().and_then(rest);
        let mut body = opened.map(|(body, _)| body);
        match (verdict, rest) {
            (Verdict::Known, None) => {}
            (Verdict::Known, Some(from)) => {
                // It was `current` a second time.
                body.iter_mut().for_each(|body| body.go_to(from));
                reader.queue.push_back(Part::of(log, body));
            }
            (Verdict::Pruned, _) => reader.note_pruned(1),
            (Verdict::Read, _) => {
                let held = body.filter(|_| reader.queue.len() < HELD);
                reader.queue.push_back(Part::of(log, held));
            }
        }
    }

    /// Opens `current` if the one before was read to its end, and first the log that waits for its
    /// name, if it was not read.
    pub fn look_for_current(&mut self, reader: &Reader) {
        if self.current.is_some() || self.next.is_some() || !reader.is_at_end() {
            return;
        }
        let place = reader.place.as_fd();
        if UNNAMED.into_iter().all(|name| Identity::named(place, name).is_none()) {
            return;
        }
        let Ok(moment) = files::look(place) else { return };
        // What was finished before them comes first: its name is about to be reported.
        let is_known = |log: &Log| self.known.contains(&log.name);
        if !moment.is_sure || !moment.finished.iter().all(is_known) {
            return;
        }
        let current = moment.current.map(|opened| (CURRENT, opened));
        for (name, opened) in moment.waiting.into_iter().chain(current) {
            let Ok((mut body, facts)) = opened else { continue };
            let identity = Identity::of(&facts);
            if self.order.has(identity) {
                // multilog could make no other `current`, and went on with this one.
                let rest = reader.rest(identity, facts.size);
                if name != CURRENT && rest.is_none() {
                    continue;
                }
                body.go_to(rest.unwrap_or(facts.size));
            } else if name == PROCESSED && self.order.has_waiting() {
                continue;
            }
            self.candidates.push((name, body, identity));
        }
    }

    /// Reads what was opened, if no new name came meanwhile; whether there is anything.
    pub fn take_current(&mut self, reader: &mut Reader) -> bool {
        let candidates = std::mem::take(&mut self.candidates);
        let has_any = !candidates.is_empty();
        for (name, body, identity) in candidates {
            let is_current = name == CURRENT;
            self.wait_for_name(identity, Some(&body), !is_current);
            let mut part = Part::of(Log::named(name), Some(body));
            part.is_growing = is_current;
            reader.queue.push_back(part);
            self.current = Some(identity).filter(|_| is_current);
        }
        has_any
    }

    /// Looks for names that inotify did not report.
    pub fn catch_up(&mut self, reader: &mut Reader) {
        self.is_behind = false;
        self.look_at_current(reader, true);
        let Ok(moment) = files::look(reader.place.as_fd()) else { return };
        if !moment.is_sure {
            self.is_behind = true;
            return;
        }
        for log in moment.finished {
            if !self.known.contains(&log.name) {
                self.candidates.clear();
                self.note_finished(log, reader, false);
            }
        }
        let waiting = moment.waiting.map(|(name, opened)| (name, opened.ok()));
        if let Some((PROCESSED, _)) = waiting {
            // It was made of the log that waits, which is not lost.
            self.is_behind = true;
            return;
        }
        let waiting = waiting.and_then(|(_, opened)| Some(Identity::of(&opened?.1)));
        let place = Rc::clone(&reader.place);
        let is_lost = |id| Some(id) != waiting && !files::has_name(place.as_fd(), id);
        if self.order.forget_waiting(is_lost) {
            let path = text::name(&self.directory.path);
            SVCTL.warning(&[
                b"files may have been pruned unread in ",
                path.as_bytes(),
                b": how many cannot be told",
            ]);
        }
    }

    /// Looks whether the path still leads to the directory. Returns whether another directory is
    /// read from now on.
    pub fn look_at_directory(&mut self, source: &mut Source, watcher: Option<&Watcher>) -> bool {
        let reader = &mut source.reader;
        let found = file::facts(HERE, &self.directory.path).ok();
        let found = found.map(|facts| Identity::of(&facts));
        if found == self.identity {
            self.next = None;
            return false;
        }
        if self.next.is_none() {
            // multilog writes to the old directory until it has made `current` in the new one.
            let Ok(next) = self.directory.open() else { return false };
            if Identity::named(next.as_fd(), CURRENT).is_none() {
                return false;
            }
            self.next = Some(next);
            self.current = None;
            self.candidates.clear();
            reader.has_stopped_growing();
        }
        if !reader.is_at_end() {
            return false;
        }
        let Some(next) = self.next.take() else { return false };
        self.enter(next, reader, watcher);
        true
    }

    fn enter(&mut self, next: OwnedFd, reader: &mut Reader, watcher: Option<&Watcher>) {
        let facts = file::facts_of(next.as_fd());
        reader.place = Rc::new(next);
        self.identity = facts.ok().map(|facts| Identity::of(&facts));
        if let (Some(watcher), Some(watch)) = (watcher, self.watch.take()) {
            watcher.unwatch(watch);
            let _ = self.watch_by(watcher);
        }
        // Everything in the new directory is new.
        if self.take_past(reader).is_ok() {
            reader.read_on();
        }
        self.is_behind = true;
    }
}
