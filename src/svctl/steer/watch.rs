//! Reports changes: a new status in a `supervise` directory by inotify, and the end of a supervise
//! by the error on its `ok`, which svctl holds open.

use crate::SVCTL;
use crate::look::with_records;
use core::time::Duration;
use daemontools_rs::service::presence;
use daemontools_rs::sys::descriptor::{self, HERE, Purpose, open};
use daemontools_rs::sys::inotify::{DirectoryEvent, Watch, Watcher};
use daemontools_rs::sys::limit::{Resource, Soft, set_soft};
use daemontools_rs::sys::process::{self, Side};
use daemontools_rs::sys::{Errno, directory, poll};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

/// How often svctl looks at a service that cannot be watched.
pub const BLIND: Duration = Duration::from_millis(200);

/// What is watched, by the number of the task.
#[derive(Debug)]
pub struct Watched {
    watcher: Option<Watcher>,
    tasks: BTreeMap<Watch, usize>,
    /// The presence of each task's supervise.
    presences: BTreeMap<usize, OwnedFd>,
    /// Why something cannot be watched, until that was reported.
    blind: Option<Errno>,
    /// Whether it was reported that something cannot be watched.
    was_said: bool,
}

impl Watched {
    /// Watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        // We hold an `ok` open for each service.
        let _ = set_soft(Resource::RLIMIT_NOFILE, Soft::Hard);
        let mut watched = Self {
            watcher: None,
            tasks: BTreeMap::new(),
            presences: BTreeMap::new(),
            blind: None,
            was_said: false,
        };
        match Watcher::new() {
            Ok(watcher) => watched.watcher = Some(watcher),
            Err(error) => watched.blind = Some(error),
        }
        watched
    }

    /// Warns once if something cannot be watched.
    fn say_blind(&mut self) {
        if let Some(error) = self.blind.take().filter(|_| !self.was_said) {
            self.was_said = true;
            SVCTL.warning_because(&[b"unable to watch services, looking 5 times a second"], error);
        }
    }

    /// Watches the service in directory `path` for task `task`; whether that works.
    pub fn watch(&mut self, task: usize, path: &[u8]) -> bool {
        let Some(watcher) = &self.watcher else { return false };
        match watcher.watch_arrivals(&[path, b"/supervise"].concat()) {
            Ok(watch) => {
                self.tasks.insert(watch, task);
                true
            }
            // The supervise will make it.
            Err(Errno::ENOENT | Errno::ENOTDIR) => false,
            Err(error) => {
                self.blind = Some(error);
                false
            }
        }
    }

    /// Holds open the `ok` of the service in directory `path`; whether a supervise runs there.
    pub fn hold(&mut self, task: usize, path: &[u8]) -> bool {
        let held = open(HERE, path, Purpose::Directory).and_then(|directory| {
            with_records(directory.as_fd(), |records| presence::look(records?))
        });
        match held {
            Ok(held) => {
                self.presences.insert(task, held);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether svctl holds open the `ok` of a task's service.
    #[must_use]
    pub fn holds(&self, task: usize) -> bool {
        self.presences.contains_key(&task)
    }

    /// Closes what was opened for a task.
    pub fn forget(&mut self, task: usize) {
        self.presences.remove(&task);
        // Its watch remains, and its events are ignored.
    }

    /// Waits until something changes or `until` comes; the tasks to look at.
    #[must_use]
    pub fn wait(&mut self, until: Option<Duration>) -> Vec<usize> {
        self.say_blind();
        let mut polled: Vec<_> =
            self.presences.values().map(|presence| poll::broken(presence.as_fd())).collect();
        polled.extend(self.watcher.iter().map(|watcher| poll::readable(watcher.as_fd())));
        if poll::wait(&mut polled, until).is_err() {
            poll::pause(BLIND);
        }
        let mut changed: Vec<usize> = self
            .presences
            .keys()
            .zip(&polled)
            .filter(|(_, polled)| poll::found(polled))
            .map(|(task, _)| *task)
            .collect();
        drop(polled);
        for task in &changed {
            self.presences.remove(task);
        }
        let events = self.watcher.as_ref().map(Watcher::events).unwrap_or_default();
        for event in events {
            match event {
                DirectoryEvent::Changed(watch)
                | DirectoryEvent::Came(watch, _)
                | DirectoryEvent::Went(watch, _)
                | DirectoryEvent::DirectoryMade(watch, _) => {
                    changed.extend(self.tasks.get(&watch));
                }
                DirectoryEvent::Overflow => changed.extend(self.tasks.values()),
            }
        }
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Leaves the watches to a child, which exits after svctl. The kernel ends the watches of an
    /// exiting process before it reports the exit to the parent, and that takes up to 30 ms (a
    /// grace period of RCU). Call this last: it takes away standard output.
    pub fn leave_to_child(self) {
        let Self { watcher: Some(watcher), tasks, presences, .. } = self else { return };
        if tasks.is_empty() {
            return;
        }
        drop(presences);
        let Ok((ending, going_on)) = descriptor::pipe() else { return };
        // The child holds open no pipe that our caller reads to the end, and no directory that our
        // caller may unmount next.
        for number in 0..=2 {
            let _ = descriptor::place_at(ending.as_fd(), number);
        }
        let _ = directory::change(b"/");
        if let Ok(Side::Child) = process::fork() {
            drop(going_on);
            // Our parent closes its watches first, and then the pipe.
            let _ = descriptor::read(ending.as_fd(), &mut [0]);
            process::leave(0);
        }
        drop(watcher);
        drop(going_on);
    }
}
