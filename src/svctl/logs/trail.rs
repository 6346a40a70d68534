//! Follows one log directory: reads new logs in their order, by the names that inotify reports, or
//! without inotify by listing the directory.

use super::files::{self, Body, Identity, Log, Trouble};
use super::merge::Source;
use super::order::{Order, Verdict};
use super::past::{self, Unnamed};
use super::reader::{Part, Reader};
use crate::look::logger::LogDirectory;
use crate::{SVCTL, text};
use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::inotify::{Watch, Watcher};
use daemontools_rs::sys::{Errno, file};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// How many logs in the queue are held open, so that they can be read after multilog has removed
/// them.
const HELD: usize = 200;

/// A newly opened `current`, and `previous`, if it was not read before.
#[derive(Debug)]
struct Candidate {
    current: (Body, Identity),
    previous: Option<(Body, Identity)>,
}

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
    candidate: Option<Candidate>,
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
            candidate: None,
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
        let Unnamed { previous, current } = past::take(reader)?;
        self.order = Order::default();
        self.known.clear();
        for part in &reader.queue {
            if part.log.end.is_some() {
                self.known.insert(part.log.name.clone());
            }
        }
        self.held.clear();
        for (identity, name, is_moved) in
            [(previous, &b"previous"[..], true), (current, b"current", false)]
        {
            let Some(identity) = identity else { continue };
            let part = reader.queue.iter().find(|part| part.log.name == name);
            self.wait_for_name(identity, part.and_then(|part| part.body.as_ref()), is_moved);
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
            b"current" | b"previous" => {
                self.candidate = None;
                self.look_at_current(reader, name == b"previous");
            }
            _ => {
                if let Some(log) = Log::finished(name) {
                    self.candidate = None;
                    self.note_finished(log, reader, true);
                }
            }
        }
    }

    /// Whether the file that we read as `current` has lost that name.
    fn look_at_current(&mut self, reader: &mut Reader, has_moved: bool) {
        let Some(ours) = self.current else { return };
        if Identity::named(reader.place.as_fd(), b"current") == Some(ours) {
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
        let (body, found) = match Body::open(place, &log.name) {
            Ok((body, facts)) => (Some(body), Some(Identity::of(&facts))),
            Err(Errno::ENOENT) => (None, None),
            Err(error) => return reader.complain(&log.name, &Trouble::System(error)),
        };
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
        match verdict {
            Verdict::Known => {}
            Verdict::Pruned => reader.note_pruned(1),
            Verdict::Read => {
                let held = body.filter(|_| reader.queue.len() < HELD);
                reader.queue.push_back(Part::of(log, held));
            }
        }
    }

    /// Opens `current` if the one before was read to its end.
    pub fn look_for_current(&mut self, reader: &Reader) {
        if self.current.is_some() || self.next.is_some() || !reader.is_at_end() {
            return;
        }
        let open = |name: &[u8]| {
            let opened = Body::open(reader.place.as_fd(), name);
            opened.ok().map(|(body, facts)| (body, Identity::of(&facts)))
        };
        let Some(current) = open(b"current") else { return };
        let previous = open(b"previous");
        let previous = previous.filter(|(_, id)| *id != current.1 && !self.order.has(*id));
        // During the rename, `previous` has its final name too.
        let place = reader.place.as_fd();
        let previous = previous.filter(|(_, id)| !files::is_finished(place, *id));
        self.candidate = Some(Candidate { current, previous });
    }

    /// Reads what was opened, if no new name came meanwhile; whether there is anything.
    pub fn take_current(&mut self, reader: &mut Reader) -> bool {
        let Some(Candidate { current, previous }) = self.candidate.take() else { return false };
        if let Some((body, identity)) = previous {
            self.wait_for_name(identity, Some(&body), true);
            reader.queue.push_back(Part::of(Log::named(b"previous"), Some(body)));
        }
        let (body, identity) = current;
        self.wait_for_name(identity, Some(&body), false);
        let mut part = Part::of(Log::named(b"current"), Some(body));
        part.is_growing = true;
        reader.queue.push_back(part);
        self.current = Some(identity);
        true
    }

    /// Looks for names that inotify did not report.
    pub fn catch_up(&mut self, reader: &mut Reader) {
        self.is_behind = false;
        self.look_at_current(reader, true);
        let Ok(logs) = files::list(reader.place.as_fd()) else { return };
        for log in logs.into_iter().filter(|log| log.end.is_some()) {
            if !self.known.contains(&log.name) {
                self.candidate = None;
                self.note_finished(log, reader, false);
            }
        }
        let place = Rc::clone(&reader.place);
        if self.order.forget_waiting(|id| !files::has_name(place.as_fd(), id)) {
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
            if Identity::named(next.as_fd(), b"current").is_none() {
                return false;
            }
            self.next = Some(next);
            self.current = None;
            self.candidate = None;
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
