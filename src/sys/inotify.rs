//! inotify: what changes in a directory, as small owned events.

use super::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// An inotify instance, close-on-exec and non-blocking.
#[derive(Debug)]
pub struct Watcher {
    instance: Inotify,
}

/// One watched directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch(WatchDescriptor);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryEvent {
    /// A directory was made in the watched directory, under this name.
    DirectoryMade(Watch, Vec<u8>),
    /// Another new name in the watched directory: a link or file was made, or anything moved in.
    Came(Watch, Vec<u8>),
    /// This name in the watched directory was moved out or removed.
    Went(Watch, Vec<u8>),
    /// Anything else in the watched directory.
    Changed(Watch),
    /// The kernel dropped events: anything may have happened.
    Overflow,
}

impl Watcher {
    /// inotify_init1(2)
    ///
    /// # Errors
    /// Those of inotify_init1(2): EMFILE if the user has no more instances.
    pub fn new() -> Result<Self, Errno> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Inotify::init(flags).map(|instance| Self { instance })
    }

    /// Watches the names of directory `path`: made, moved in or out, removed.
    ///
    /// # Errors
    /// Those of inotify_add_watch(2): ENOSPC if the user has no more watches.
    pub fn watch_names(&self, path: &[u8]) -> Result<Watch, Errno> {
        let events = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_ONLYDIR;
        self.instance.add_watch(path, events).map(Watch)
    }

    /// Watches directory `path` for files that are renamed into it, as each new `status` is.
    ///
    /// # Errors
    /// As [`Self::watch_names`].
    pub fn watch_arrivals(&self, path: &[u8]) -> Result<Watch, Errno> {
        let events = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
        self.instance.add_watch(path, events).map(Watch)
    }

    /// Watches directory `path` for any sign that a program is still writing into it.
    ///
    /// # Errors
    /// Those of inotify_add_watch(2).
    pub fn watch_filling(&self, path: &[u8]) -> Result<Watch, Errno> {
        let events = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ONLYDIR
            | AddWatchFlags::IN_DONT_FOLLOW;
        self.instance.add_watch(path, events).map(Watch)
    }

    /// Ends a watch. If the kernel has ended it already, that is no error.
    pub fn unwatch(&self, watch: Watch) {
        let _ = self.instance.rm_watch(watch.0);
    }

    /// The next events, as many as one read returns; an empty list if there are none.
    pub fn events(&self) -> Vec<DirectoryEvent> {
        let Ok(events) = self.instance.read_events() else { return Vec::new() };
        events
            .into_iter()
            .filter_map(|event| {
                let made = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ISDIR;
                let came = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
                let went = AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM;
                if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    Some(DirectoryEvent::Overflow)
                } else if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                    None
                } else if event.mask.contains(made) {
                    let name = event.name.map(OsStringExt::into_vec).unwrap_or_default();
                    Some(DirectoryEvent::DirectoryMade(Watch(event.wd), name))
                } else if let (true, Some(name)) = (event.mask.intersects(came), &event.name) {
                    Some(DirectoryEvent::Came(Watch(event.wd), name.as_bytes().to_vec()))
                } else if let (true, Some(name)) = (event.mask.intersects(went), &event.name) {
                    Some(DirectoryEvent::Went(Watch(event.wd), name.as_bytes().to_vec()))
                } else {
                    Some(DirectoryEvent::Changed(Watch(event.wd)))
                }
            })
            .collect()
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.instance.as_fd()
    }
}
