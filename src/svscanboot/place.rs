//! The scan directory by its name, and its records: followed when somebody removes them, or the
//! directory, and makes it again.

use crate::scandir::scanner::{self, Scanner};
use crate::scandir::{ScanRecords, mark};
use crate::sys::Errno;
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::process::Pid;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

/// The scan directory that has our name now.
#[derive(Debug)]
pub struct ScanPlace<'a> {
    name: &'a CStr,
    /// None where none can be made.
    records: Option<ScanRecords>,
    /// The scan was stopped in order where that cannot be recorded.
    was_stopped: bool,
}

impl<'a> ScanPlace<'a> {
    /// The scan directory of this name, with these records.
    #[must_use]
    pub const fn new(name: &'a CStr, records: Option<ScanRecords>) -> Self {
        Self { name, records, was_stopped: false }
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

    /// Goes over to the records that the name leads to now; whether they are others than before. As
    /// long as it leads to none, those of before stay.
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

    /// Whether the scan was stopped in order, and nobody has asked for it since.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.was_stopped || self.records.as_ref().is_some_and(mark::is_there)
    }

    /// An svscan of ours has made an orderly stop. Where it could leave no mark, we remember; else a
    /// mark that is missing was removed by a starter who wants the scan.
    pub fn note_stop(&mut self) {
        let directory = self.open();
        let could_be_marked = self.records.as_ref().is_some_and(|records| {
            let is_current = directory.is_ok_and(|directory| records.are_of(directory.as_fd()));
            is_current && records.are_writable()
        });
        self.was_stopped = !could_be_marked;
    }

    /// Has new records say that the scan was stopped.
    pub fn mark_stop(&mut self) {
        if let Some(records) = &self.records {
            self.was_stopped = mark::put(records).is_err();
        }
    }

    /// The scan is wanted, or has to be stopped anew.
    pub fn forget_stop(&mut self) {
        self.was_stopped = false;
        self.records.iter().for_each(mark::remove);
    }

    /// The svscan of ours that works there, if it is not our child.
    #[must_use]
    pub fn find_svscan(&self) -> Option<Scanner> {
        Scanner::find(self.records.as_ref(), || self.workers())
    }

    /// Every svscan that works there, ours or not.
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
