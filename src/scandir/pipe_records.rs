//! `.svscan/pipes`: which services svscan has started, and which pipe joins each to its logger.
//! With it the successor of a killed svscan finds the same pipe again and no other, and finds
//! services whose name is gone from the scan directory. An addition of ours.
//!
//! A header names the boot; each record is a service's device and inode and its pipe's inode
//! ([`NO_PIPE`] without a logger, `FORGOTTEN` once svscan no longer cares for it). svscan appends a
//! record at each change; a later record of a service replaces an earlier one. If a full disk takes
//! only part of a record, the next record overwrites that part, so that no later record is misread.
//! Each svscan writes the file anew, and shorter, when it starts and when the file has become long.

use super::entries::{NEW_PIPES, PIPES};
use super::records::ScanRecords;
use crate::fill::fill;
use crate::sys::proc::{Boot, Likeness};
use crate::sys::{Errno, descriptor, directory, file};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};

const MAGIC: [u8; 8] = *b"dt-pipe\n";
const HEADER: usize = MAGIC.len() + Boot::SIZE;
const RECORD: usize = 24;
/// The largest file that is read, in bytes: a hundred thousand services.
const LARGEST: u64 = 100_000 * RECORD as u64;
/// How many records the file may have beyond two for each service before it is long.
const SURPLUS: usize = 128;

/// Stands for the pipe of a service without a logger.
pub const NO_PIPE: u64 = 0;
/// Stands for the pipe of a service that svscan no longer cares for.
const FORGOTTEN: u64 = u64::MAX;

/// What identifies a service, instead of its name: the device and the inode of its directory.
pub type Key = (u64, u64);

/// The record of the log pipes.
#[derive(Debug)]
pub struct PipeRecords {
    file: Option<OwnedFd>,
    /// The length of the header and all whole records.
    length: usize,
    known: BTreeMap<Key, u64>,
    /// The services in records whose boot cannot be compared with this one.
    undated: BTreeSet<Key>,
    /// The directory whose file was read, by device and inode.
    read_in: Option<Key>,
    /// Whether the file lacks something that is known, because it could not be written.
    is_behind: bool,
}

impl PipeRecords {
    /// Records in memory alone, where no file can be written.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            file: None,
            length: 0,
            known: BTreeMap::new(),
            undated: BTreeSet::new(),
            read_in: None,
            is_behind: false,
        }
    }

    /// Reads what an earlier svscan of this boot recorded, and writes the file anew. A file that
    /// cannot be read counts as missing. The result is that of the writing: if it failed, what was
    /// read is known all the same, and [`Self::are_due`] asks for another try.
    pub fn open(records: &ScanRecords) -> (Self, Result<(), Errno>) {
        let mut pipes = Self::none();
        let written = pipes.go_over_to(records);
        (pipes, written)
    }

    /// Writes the file anew into `records`: because the old records, or the scan directory with
    /// them, were removed, or because [`Self::are_due`] asks for it.
    ///
    /// # Errors
    /// Those of openat(2), write(2) and renameat(2); then it goes on in the old file, if it has
    /// one.
    pub fn go_over_to(&mut self, records: &ScanRecords) -> Result<(), Errno> {
        self.read_from(records);
        let written = self.write_anew(records);
        self.is_behind = written.is_err();
        written
    }

    /// Reads the file in `records`, once for each directory: later we know more than the file says.
    fn read_from(&mut self, records: &ScanRecords) {
        let directory = file::facts_of(records.as_fd()).map(|facts| (facts.device, facts.inode));
        if directory.is_ok() && directory.ok() == self.read_in {
            return;
        }
        self.read_in = directory.ok();
        match read(records) {
            Some((Likeness::Same, found)) => {
                for (service, pipe) in found {
                    self.known.entry(service).or_insert(pipe);
                }
            }
            Some((Likeness::Unknown, found)) => self.undated.extend(found.into_keys()),
            Some((Likeness::Another, _)) | None => {}
        }
    }

    fn write_anew(&mut self, records: &ScanRecords) -> Result<(), Errno> {
        let file = records.make(NEW_PIPES)?;
        let mut bytes = header().to_vec();
        bytes.extend(self.known.iter().flat_map(|(key, pipe)| encode(*key, *pipe)));
        let written = write_whole(&file, &bytes, 0)
            .and_then(|()| directory::rename(records.as_fd(), NEW_PIPES, PIPES));
        if written.is_ok() {
            (self.file, self.length) = (Some(file), bytes.len());
        } else {
            // It has no use, and a full disk needs its room.
            let _ = directory::remove(records.as_fd(), NEW_PIPES);
        }
        written
    }

    /// The inode of the pipe that was recorded for a service.
    #[must_use]
    pub fn get(&self, service: Key) -> Option<u64> {
        self.known.get(&service).copied().filter(|&pipe| pipe != NO_PIPE)
    }

    /// Whether there is a record of this service, with a pipe or without one.
    #[must_use]
    pub fn knows(&self, service: Key) -> bool {
        self.known.contains_key(&service)
    }

    /// Whether an svscan before us recorded this service, perhaps in this boot. Without /proc a
    /// boot has no name.
    #[must_use]
    pub fn may_know(&self, service: Key) -> bool {
        self.undated.contains(&service)
    }

    /// Every service that this svscan cares for, or that the svscan before it did when it died.
    pub fn services(&self) -> impl Iterator<Item = Key> {
        self.known.keys().copied()
    }

    /// Records a service and its pipe.
    ///
    /// # Errors
    /// Those of write(2); then it is known all the same, and [`Self::are_due`] asks for another
    /// try.
    pub fn put(&mut self, service: Key, pipe: u64) -> Result<(), Errno> {
        if self.known.insert(service, pipe) == Some(pipe) {
            return Ok(());
        }
        self.append(service, pipe)
    }

    /// Records that svscan no longer cares for a service.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn forget(&mut self, service: Key) -> Result<(), Errno> {
        if self.known.remove(&service).is_none() {
            return Ok(());
        }
        self.append(service, FORGOTTEN)
    }

    /// Whether the file should be written anew, by [`Self::go_over_to`]: it lacks something, or
    /// services that came and went have made it long, and a file that is too large is not read.
    #[must_use]
    pub fn are_due(&self) -> bool {
        let few = self.known.len().saturating_mul(2).saturating_add(SURPLUS);
        self.is_behind || self.length > HEADER.saturating_add(few.saturating_mul(RECORD))
    }

    fn append(&mut self, service: Key, pipe: u64) -> Result<(), Errno> {
        let Some(file) = &self.file else { return Ok(()) };
        let written = write_whole(file, &encode(service, pipe), self.length);
        match written {
            Ok(()) => self.length = self.length.saturating_add(RECORD),
            Err(_) => self.is_behind = true,
        }
        written
    }
}

fn write_whole(file: &OwnedFd, bytes: &[u8], place: usize) -> Result<(), Errno> {
    let place = i64::try_from(place).map_err(|_| Errno::EFBIG)?;
    let written = descriptor::write_at(file.as_fd(), bytes, place)?;
    if written == bytes.len() { Ok(()) } else { Err(Errno::ENOSPC) }
}

fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    fill(&mut header, MAGIC.into_iter().chain(Boot::now().to_bytes()));
    header
}

fn encode((device, inode): Key, pipe: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let fields = [device, inode, pipe].into_iter().flat_map(u64::to_le_bytes);
    fill(&mut record, fields);
    record
}

fn decode(record: &[u8]) -> Option<(Key, u64)> {
    let mut numbers = record.chunks_exact(8).map(|bytes| bytes.try_into().map(u64::from_le_bytes));
    let mut next = || numbers.next()?.ok();
    Some(((next()?, next()?), next()?))
}

/// The record that an earlier svscan wrote, and whether it is of this boot. `None` if there is
/// none, or if it is not to be believed.
fn read(records: &ScanRecords) -> Option<(Likeness, BTreeMap<Key, u64>)> {
    let file = records.read(PIPES).ok()?;
    let facts = file::facts_of(file.as_fd()).ok()?;
    if facts.owner != file::our_user() || facts.mode & 0o022 != 0 || facts.size > LARGEST {
        return None;
    }
    let bytes = descriptor::read_whole(file.as_fd(), usize::try_from(facts.size).ok()?).ok()?;
    let bytes = bytes.strip_prefix(&MAGIC)?;
    let (boot, rest) = bytes.split_first_chunk()?;
    let likeness = Boot::from_bytes(*boot).compare(Boot::now());
    let mut known: BTreeMap<_, _> = rest.chunks_exact(RECORD).filter_map(decode).collect();
    known.retain(|_, pipe| *pipe != FORGOTTEN);
    Some((likeness, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(records: &ScanRecords) -> PipeRecords {
        let (pipes, written) = PipeRecords::open(records);
        written.unwrap();
        pipes
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for (key, pipe) in [((1, 2), 3), ((u64::MAX, 0), u64::MAX)] {
            assert_eq!(decode(&encode(key, pipe)), Some((key, pipe)));
        }
        assert_eq!(decode(&[0; RECORD - 1]), None);
    }

    #[test]
    fn a_successor_knows_what_was_recorded_and_the_last_word_counts() {
        let place = tempfile::tempdir().unwrap();
        let scan = std::fs::File::open(place.path()).unwrap();
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        let mut first = opened(&records);
        for pipe in [5, 6] {
            first.put((1, 2), pipe).unwrap();
        }
        first.put((1, 3), 7).unwrap();
        let second = opened(&records);
        assert_eq!((second.get((1, 2)), second.get((1, 3))), (Some(6), Some(7)));
        assert_eq!(second.get((9, 9)), None);
        // Recorded without a logger, then forgotten.
        let mut second = second;
        second.put((1, 4), NO_PIPE).unwrap();
        second.forget((1, 3)).unwrap();
        let third = opened(&records);
        assert_eq!(third.services().collect::<Vec<_>>(), [(1, 2), (1, 4)]);
        assert_eq!((third.get((1, 3)), third.get((1, 4))), (None, None));
        // The last record is torn: the records before it are valid.
        let path = place.path().join(".svscan/pipes");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(opened(&records).get((1, 2)), Some(6));
        // The directory with the file is gone: it is written anew, with everything known so far.
        let mut fourth = opened(&records);
        std::fs::remove_dir_all(place.path().join(".svscan")).unwrap();
        assert!(!records.are_of(scan.as_fd()));
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        fourth.go_over_to(&records).unwrap();
        fourth.put((1, 5), 8).unwrap();
        let mut fifth = opened(&records);
        assert_eq!((fifth.get((1, 2)), fifth.get((1, 5))), (Some(6), Some(8)));
        // A file of another boot is not believed.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[10] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let sixth = opened(&records);
        assert!(!sixth.knows((1, 2)) && !sixth.may_know((1, 2)));
        // A file that was written without /proc is of this boot perhaps.
        fifth.go_over_to(&records).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[MAGIC.len()..HEADER].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let seventh = opened(&records);
        assert!(!seventh.knows((1, 2)) && seventh.may_know((1, 2)) && !seventh.may_know((9, 9)));
    }

    #[test]
    fn a_record_that_has_become_long_is_written_anew() {
        let place = tempfile::tempdir().unwrap();
        let scan = std::fs::File::open(place.path()).unwrap();
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        let mut pipes = opened(&records);
        pipes.put((1, 1), 5).unwrap();
        let mut count = 0;
        while !pipes.are_due() {
            count += 1;
            pipes.put((1, 2), 6).unwrap();
            pipes.forget((1, 2)).unwrap();
        }
        assert_eq!(count, SURPLUS / 2 + 1);
        let size = || std::fs::metadata(place.path().join(".svscan/pipes")).unwrap().len();
        assert!(size() > RECORD as u64 * SURPLUS as u64);
        pipes.go_over_to(&records).unwrap();
        assert!(!pipes.are_due());
        assert_eq!(size(), (HEADER + RECORD) as u64);
        pipes.put((1, 3), 7).unwrap();
        let next = opened(&records);
        assert_eq!(
            (next.get((1, 1)), next.get((1, 2)), next.get((1, 3))),
            (Some(5), None, Some(7))
        );
    }

    #[test]
    fn what_cannot_be_written_is_known_all_the_same_and_written_later() {
        let place = tempfile::tempdir().unwrap();
        let scan = std::fs::File::open(place.path()).unwrap();
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        let mut first = opened(&records);
        first.put((1, 2), 5).unwrap();
        first.put((1, 3), 6).unwrap();
        // No new file can be made: the successor knows what is in the old one.
        let obstacle = place.path().join(".svscan/pipes.new");
        std::fs::create_dir(&obstacle).unwrap();
        let (mut second, written) = PipeRecords::open(&records);
        assert!(written.is_err() && second.are_due());
        assert_eq!((second.get((1, 2)), second.get((1, 3))), (Some(5), Some(6)));
        second.forget((1, 3)).unwrap();
        assert!(second.go_over_to(&records).is_err() && second.are_due());
        std::fs::remove_dir(&obstacle).unwrap();
        second.go_over_to(&records).unwrap();
        assert!(!second.are_due());
        // A full disk takes no record: it is written when the disk has room.
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        second.file = Some(full.into());
        assert_eq!(second.put((1, 4), 7), Err(Errno::ENOSPC));
        assert_eq!(second.forget((1, 2)), Err(Errno::ENOSPC));
        assert!(second.are_due() && second.knows((1, 4)) && !second.knows((1, 2)));
        second.go_over_to(&records).unwrap();
        assert!(!second.are_due());
        assert_eq!(opened(&records).services().collect::<Vec<_>>(), [(1, 4)]);
    }

    #[test]
    fn what_could_be_written_in_part_only_is_written_over_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        let scan = std::fs::File::open(place.path()).unwrap();
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        let mut first = opened(&records);
        first.put((1, 2), 5).unwrap();
        // A full disk leaves some bytes of a record, and no more.
        let path = place.path().join(".svscan/pipes");
        let torn = [std::fs::read(&path).unwrap(), vec![7; RECORD - 5]].concat();
        std::fs::write(&path, torn).unwrap();
        first.put((1, 3), 6).unwrap();
        first.put((1, 4), 7).unwrap();
        let second = opened(&records);
        let pipes = [(1, 2), (1, 3), (1, 4)].map(|service| second.get(service));
        assert_eq!(pipes, [Some(5), Some(6), Some(7)]);
    }
}
