//! The scan directory, found by its name, and its records. If they, or the directory, are removed
//! and made again, svscanboot goes over to the new ones.

use crate::scandir::scanner::{self, Scanner};
use crate::scandir::{ScanRecords, leadership, mark};
use crate::sys::Errno;
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::process::Pid;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

/// The scan directory that has the name now.
#[derive(Debug)]
pub struct ScanPlace<'a> {
    name: &'a CStr,
    /// Its records; `None` if none can be made.
    records: Option<ScanRecords>,
    /// An orderly stop was made, and could not be recorded.
    was_stopped: bool,
    /// Our svscan has made an orderly stop. Then a mark that is not whole counts too.
    has_stopped: bool,
}

impl<'a> ScanPlace<'a> {
    /// The scan directory of this name, with these records.
    #[must_use]
    pub const fn new(name: &'a CStr, records: Option<ScanRecords>) -> Self {
        Self { name, records, was_stopped: false, has_stopped: false }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'a CStr {
        self.name
    }

    /// Its records.
    #[must_use]
    pub const fn records(&self) -> Option<&ScanRecords> {
        self.records.as_ref()
    }

    /// Goes over to the records that the name leads to now. Returns whether they are new. While the
    /// name leads to none, keeps the old ones.
    pub fn follow(&mut self) -> bool {
        let Ok(directory) = self.open() else { return false };
        if self.records.as_ref().is_some_and(|records| records.are_of(directory.as_fd())) {
            return false;
        }
        let found = ScanRecords::open_or_make(directory.as_fd());
        let has_moved = found.is_ok();
        self.records = found.ok().or(self.records.take());
        has_moved
    }

    /// Whether an orderly stop was made, and no newly started svscanboot has wanted svscan since.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let is_marked =
            |records| mark::is_there(records) || self.has_stopped && mark::is_torn(records);
        self.was_stopped || self.records.as_ref().is_some_and(is_marked)
    }

    /// Notes that our svscan has made an orderly stop. If svscan could write no mark, we remember
    /// the stop ourselves. If svscan could write one and there is none, a newly started svscanboot
    /// has removed it.
    pub fn note_stop(&mut self) {
        let directory = self.open();
        let could_be_marked = self.records.as_ref().is_some_and(|records| {
            let is_current = directory.is_ok_and(|directory| records.are_of(directory.as_fd()));
            is_current && records.are_writable()
        });
        self.was_stopped = !could_be_marked;
        self.has_stopped = true;
    }

    /// Writes the mark of an orderly stop into new records.
    pub fn mark_stop(&mut self) {
        if let Some(records) = &self.records {
            self.was_stopped = mark::put(records).is_err();
        }
    }

    /// Removes the mark: svscan is wanted, or has to be stopped again.
    pub fn forget_stop(&mut self) {
        (self.was_stopped, self.has_stopped) = (false, false);
        self.records.iter().for_each(mark::remove);
    }

    /// Whether an svscanboot leads there, by the records.
    #[must_use]
    pub fn has_leader(&self) -> bool {
        self.records.as_ref().is_some_and(|records| leadership::look(records).is_ok())
    }

    /// The svscan of this program that works there and is not our child.
    #[must_use]
    pub fn find_svscan(&self) -> Option<Scanner> {
        Scanner::find(self.records.as_ref(), || self.workers())
    }

    /// Every svscan that works there, ours or another product's.
    #[must_use]
    pub fn workers(&self) -> Vec<Pid> {
        match self.open() {
            Ok(directory) => scanner::workers(directory.as_fd()),
            Err(_) => scanner::workers_in_deleted(self.name.to_bytes()),
        }
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        open(HERE, self.name.to_bytes(), Purpose::Directory)
    }
}
