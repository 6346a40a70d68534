//! `-f`: prints lines as they come, in the order in which they come, until the reader or a signal
//! ends it.
//!
//! While the reader of the output takes nothing, svctl goes on to open new logs, so that it can
//! still read those that multilog removes meanwhile.

use super::merge::Source;
use super::print::Printer;
use super::reader::Step;
use super::trail::Trail;
use crate::SVCTL;
use crate::look::files::Trouble;
use crate::look::moment::Log;
use crate::output::Ended;
use core::time::Duration;
use daemontools_rs::sys::inotify::{DirectoryEvent, Watch, Watcher};
use daemontools_rs::sys::{clock, descriptor, poll};
use std::os::fd::AsFd;

/// How often svctl looks whether the path of a directory leads to another directory now.
const LOOK: Duration = Duration::from_millis(200);
/// How many times in a row svctl lists a directory in which new names come meanwhile.
const TRIES: usize = 32;

/// Follows some directories, each with its reader.
#[derive(Debug)]
pub struct Follower {
    watcher: Option<Watcher>,
    trails: Vec<Trail>,
    /// New names that were not handled yet, with the trails of their directories.
    names: Vec<(Watch, Vec<u8>)>,
    /// When svctl next looks whether the paths still lead to the same directories.
    next_look: Duration,
}

impl Follower {
    /// Watches the directories, and queues the logs in them. There is a trail for each source.
    #[must_use]
    pub fn begin(mut trails: Vec<Trail>, sources: &mut [Source]) -> Self {
        let watcher = Watcher::new();
        let mut trouble = watcher.as_ref().err().copied();
        let watcher = watcher.ok();
        for trail in &mut trails {
            if let Some(Err(error)) = watcher.as_ref().map(|watcher| trail.watch_by(watcher)) {
                trouble = Some(error);
            }
        }
        if let Some(error) = trouble {
            SVCTL.warning_because(&[b"unable to watch logs, looking 5 times a second"], error);
        }
        let mut new = Self { watcher, trails, names: Vec::new(), next_look: clock::monotonic() };
        new.take_past(sources);
        new
    }

    /// Queues the logs of each directory, and does so again until no new name comes meanwhile.
    fn take_past(&mut self, sources: &mut [Source]) {
        for (number, source) in sources.iter_mut().enumerate() {
            let Some(watch) = self.trails.get(number).map(|trail| trail.watch) else { return };
            let is_own = |(of, _): &(Watch, Vec<u8>)| Some(*of) == watch;
            let mut tries = 0..TRIES;
            loop {
                self.listen();
                self.names.retain(|name| !is_own(name));
                let Some(trail) = self.trails.get_mut(number) else { return };
                if let Err(error) = trail.take_past(&mut source.reader) {
                    source.reader.complain(b".", &Trouble::System(error));
                }
                self.listen();
                if !self.names.iter().any(|name| is_own(name) && is_log(&name.1)) {
                    break;
                }
                if tries.next().is_none() {
                    if let Some(trail) = self.trails.get_mut(number) {
                        trail.is_behind = true;
                    }
                    break;
                }
            }
        }
    }

    /// Notes new names, with their directories.
    fn listen(&mut self) {
        let Some(watcher) = &self.watcher else { return };
        loop {
            let events = watcher.events();
            if events.is_empty() {
                return;
            }
            for event in events {
                match event {
                    // A listing has every kind of file, too.
                    DirectoryEvent::Came(watch, name)
                    | DirectoryEvent::DirectoryMade(watch, name) => self.names.push((watch, name)),
                    DirectoryEvent::Overflow => {
                        for trail in &mut self.trails {
                            trail.is_behind = true;
                        }
                    }
                    DirectoryEvent::Went(..) | DirectoryEvent::Changed(_) => {}
                }
            }
        }
    }

    /// Handles new names, and opens their logs; whether there are any.
    fn hear(&mut self, sources: &mut [Source]) -> bool {
        self.listen();
        let names = std::mem::take(&mut self.names);
        for (trail, source) in self.trails.iter_mut().zip(sources) {
            let watch = trail.watch;
            for (_, name) in names.iter().filter(|(of, _)| Some(*of) == watch) {
                trail.note(name, &mut source.reader);
            }
            if trail.is_behind || trail.watch.is_none() {
                trail.catch_up(&mut source.reader);
            }
        }
        !names.is_empty()
    }

    /// Opens the next `current` of each directory whose last one was read to its end; whether there
    /// is one, or may be one now.
    fn go_on(&mut self, sources: &mut [Source]) -> bool {
        for (trail, source) in self.trails.iter_mut().zip(&*sources) {
            trail.look_for_current(&source.reader);
        }
        let mut has_any = self.hear(sources);
        for (trail, source) in self.trails.iter_mut().zip(&mut *sources) {
            has_any |= trail.take_current(&mut source.reader);
        }
        if clock::monotonic() >= self.next_look {
            self.next_look = clock::monotonic().saturating_add(LOOK);
            let watcher = self.watcher.as_ref();
            for (trail, source) in self.trails.iter_mut().zip(sources) {
                has_any |= trail.look_at_directory(source, watcher);
            }
        }
        has_any
    }

    /// Prints lines as they come, until the output or a signal ends it.
    pub fn run(&mut self, sources: &mut [Source], printer: &mut Printer) -> Ended {
        for source in &mut *sources {
            source.reader.read_on();
        }
        loop {
            // A log that is complete by now is read to its end first, and then the next is opened.
            let mut has_more = self.hear(sources);
            has_more |= self.go_on(sources);
            for source in &mut *sources {
                has_more |= print(source, printer);
                source.reader.say_pruned();
            }
            if let Err(ended) = self.wait(printer, has_more) {
                return ended;
            }
        }
    }

    /// Waits until there is something to do; `has_more`: there is something already.
    fn wait(&self, printer: &mut Printer, has_more: bool) -> Result<(), Ended> {
        let stdout = descriptor::standard(1);
        let is_writing = !printer.is_empty();
        let mut watched =
            vec![if is_writing { poll::writable(stdout) } else { poll::broken(stdout) }];
        if let Some(watcher) = &self.watcher {
            watched.push(poll::readable(watcher.as_fd()));
        }
        let is_at_once = has_more && !printer.is_full();
        let until =
            if is_at_once { Duration::ZERO } else { clock::monotonic().saturating_add(LOOK) };
        let _ = poll::wait(&mut watched, Some(until));
        let has_stdout = watched.first().is_some_and(poll::found);
        match (has_stdout, is_writing) {
            (true, true) => printer.write_some(),
            (true, false) => Err(Ended::Closed),
            (false, _) => Ok(()),
        }
    }
}

/// Prints the lines that a reader has; whether there may be more.
fn print(source: &mut Source, printer: &mut Printer) -> bool {
    while !printer.is_full() {
        match source.reader.step() {
            Step::Line => source.print(printer),
            Step::Nothing => return true,
            Step::End => return false,
        }
    }
    true
}

/// Whether a new file of this name means that a log was begun or finished.
fn is_log(name: &[u8]) -> bool {
    matches!(name, b"current" | b"previous") || Log::finished(name).is_some()
}
