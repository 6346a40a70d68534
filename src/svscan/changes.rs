//! What happens in the scan directory, as inotify reports it: names that came or went, and
//! directories that a program is still filling.

use super::filling::Filling;
use crate::sys::inotify::{DirectoryEvent, Watch, Watcher};
use crate::sys::limit::OpenFiles;
use core::time::Duration;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};

/// What to look at in the next pass.
#[derive(Debug, Default)]
pub struct News {
    /// Anything may have happened: look at the whole directory.
    pub is_unclear: bool,
    /// New names.
    pub names: BTreeSet<Vec<u8>>,
}

/// The watch on the scan directory.
#[derive(Debug)]
pub struct ScanChanges {
    watcher: Option<Watcher>,
    scan_watch: Option<Watch>,
    filling: Filling,
}

impl ScanChanges {
    /// Watches the current directory, if the kernel lets us and descriptors are not few. Otherwise
    /// only the ticks find changes.
    #[must_use]
    pub fn watch_here() -> Self {
        Self::watch(b".")
    }

    fn watch(directory: &[u8]) -> Self {
        let watcher = if OpenFiles::are_few() { None } else { Watcher::new().ok() };
        let scan_watch = watcher.as_ref().and_then(|watcher| watcher.watch_names(directory).ok());
        Self { watcher, scan_watch, filling: Filling::default() }
    }

    /// Asks the kernel again if it refused the watch. Called at each tick.
    pub fn ask_again(&mut self) {
        if self.scan_watch.is_none() {
            *self = Self::watch_here();
        }
    }

    /// Reads the kernel's events.
    pub fn take(&mut self, news: &mut News) {
        let Some(watcher) = &self.watcher else { return };
        loop {
            let events = watcher.events();
            if events.is_empty() {
                return;
            }
            for event in events {
                match event {
                    // A name with a dot is no service's. A program that makes a service under such
                    // a name and then gives it its own causes these.
                    DirectoryEvent::DirectoryMade(watch, name)
                    | DirectoryEvent::Came(watch, name)
                    | DirectoryEvent::Went(watch, name)
                        if Some(watch) == self.scan_watch && name.first() == Some(&b'.') => {}
                    DirectoryEvent::DirectoryMade(watch, name)
                        if Some(watch) == self.scan_watch =>
                    {
                        self.filling.add(watcher, name);
                    }
                    DirectoryEvent::Came(watch, name) if Some(watch) == self.scan_watch => {
                        news.names.insert(name);
                    }
                    DirectoryEvent::DirectoryMade(watch, _)
                    | DirectoryEvent::Came(watch, _)
                    | DirectoryEvent::Went(watch, _)
                    | DirectoryEvent::Changed(watch) => {
                        if !self.filling.touch(watch) {
                            news.is_unclear = true;
                        }
                    }
                    DirectoryEvent::Overflow => news.is_unclear = true,
                }
            }
        }
    }

    /// Whether the directory of this name is still being filled.
    pub fn is_filling(&mut self, name: &[u8]) -> bool {
        self.watcher.as_ref().is_some_and(|watcher| self.filling.holds(watcher, name))
    }

    /// The names of the directories that are being filled.
    #[must_use]
    pub fn being_filled(&self) -> BTreeSet<Vec<u8>> {
        self.filling.names()
    }

    /// Forgets the directory of this name, which was being filled and is gone.
    pub fn forget(&mut self, name: &[u8]) {
        if let Some(watcher) = &self.watcher {
            self.filling.remove(watcher, name);
        }
    }

    /// When the next look at a directory that is being filled is due.
    #[must_use]
    pub fn next_look(&self, now: Duration) -> Option<Duration> {
        self.filling.next_look(now)
    }

    /// The descriptor that is readable when there are events.
    #[must_use]
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.as_ref().map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn only_a_name_of_a_service_that_goes_asks_for_a_look_at_all() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let mut changes = ScanChanges::watch(place.path().as_os_str().as_bytes());
        let mut news = || {
            let mut news = News::default();
            changes.take(&mut news);
            (news.names.into_iter().collect::<Vec<_>>(), news.is_unclear)
        };
        fs::create_dir(path(".new")).unwrap();
        fs::rename(path(".new"), path("new")).unwrap();
        assert_eq!(news(), (vec![b"new".to_vec()], false));
        std::os::unix::fs::symlink("new", path("link")).unwrap();
        assert_eq!(news(), (vec![b"link".to_vec()], false));
        fs::write(path(".file"), "").unwrap();
        fs::remove_file(path(".file")).unwrap();
        assert_eq!(news(), (vec![], false));
        fs::rename(path("new"), path("renamed")).unwrap();
        assert_eq!(news(), (vec![b"renamed".to_vec()], true));
        fs::rename(path("renamed"), path(".gone")).unwrap();
        assert_eq!(news(), (vec![], true));
        fs::remove_file(path("link")).unwrap();
        assert_eq!(news(), (vec![], true));
        assert_eq!(news(), (vec![], false));
    }
}
