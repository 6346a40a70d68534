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
}

impl PipeRecords {
    /// Records in memory alone, where no file can be written.
    #[must_use]
    pub const fn none() -> Self {
        Self { file: None, length: 0, known: BTreeMap::new(), undated: BTreeSet::new() }
    }

    /// Reads what an earlier svscan of this boot recorded and writes the file anew. A file that
    /// cannot be read counts as missing.
    ///
    /// # Errors
    /// Those of openat(2), write(2) and renameat(2): then nothing can be recorded.
    pub fn open(records: &ScanRecords) -> Result<Self, Errno> {
        let mut pipes = Self::none();
        pipes.go_over_to(records)?;
        Ok(pipes)
    }

    /// Writes the file anew into `records`: because the old records, or the scan directory with
    /// them, were removed, or because the file has become long.
    ///
    /// # Errors
    /// As [`Self::open`]; then it goes on in the old file.
    pub fn go_over_to(&mut self, records: &ScanRecords) -> Result<(), Errno> {
        let (likeness, found) = read(records).unwrap_or((Likeness::Another, BTreeMap::new()));
        let mut undated = core::mem::take(&mut self.undated);
        let mut known = BTreeMap::new();
        match likeness {
            Likeness::Same => known = found,
            Likeness::Unknown => undated.extend(found.into_keys()),
            Likeness::Another => {}
        }
        known.extend(&self.known);
        let file = records.make(NEW_PIPES)?;
        let mut bytes = header().to_vec();
        bytes.extend(known.iter().flat_map(|(key, pipe)| encode(*key, *pipe)));
        write_whole(&file, &bytes, 0)?;
        directory::rename(records.as_fd(), NEW_PIPES, PIPES)?;
        *self = Self { file: Some(file), length: bytes.len(), known, undated };
        Ok(())
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
    /// Those of write(2).
    pub fn put(&mut self, service: Key, pipe: u64) -> Result<(), Errno> {
        if self.known.get(&service) != Some(&pipe) {
            self.append(service, pipe)?;
            self.known.insert(service, pipe);
        }
        Ok(())
    }

    /// Records that svscan no longer cares for a service.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn forget(&mut self, service: Key) -> Result<(), Errno> {
        if self.known.contains_key(&service) {
            self.append(service, FORGOTTEN)?;
            self.known.remove(&service);
        }
        Ok(())
    }

    /// Whether the file should be written anew: services that came and went have made it long, and
    /// a file that is too large would not be read.
    #[must_use]
    pub fn are_long(&self) -> bool {
        let few = self.known.len().saturating_mul(2).saturating_add(SURPLUS);
        self.length > HEADER.saturating_add(few.saturating_mul(RECORD))
    }

    fn append(&mut self, service: Key, pipe: u64) -> Result<(), Errno> {
        let Some(file) = &self.file else { return Ok(()) };
        write_whole(file, &encode(service, pipe), self.length)?;
        self.length = self.length.saturating_add(RECORD);
        Ok(())
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
        let mut first = PipeRecords::open(&records).unwrap();
        for pipe in [5, 6] {
            first.put((1, 2), pipe).unwrap();
        }
        first.put((1, 3), 7).unwrap();
        let second = PipeRecords::open(&records).unwrap();
        assert_eq!((second.get((1, 2)), second.get((1, 3))), (Some(6), Some(7)));
        assert_eq!(second.get((9, 9)), None);
        // Recorded without a logger, then forgotten.
        let mut second = second;
        second.put((1, 4), NO_PIPE).unwrap();
        second.forget((1, 3)).unwrap();
        let third = PipeRecords::open(&records).unwrap();
        assert_eq!(third.services().collect::<Vec<_>>(), [(1, 2), (1, 4)]);
        assert_eq!((third.get((1, 3)), third.get((1, 4))), (None, None));
        // The last record is torn: the records before it are valid.
        let path = place.path().join(".svscan/pipes");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(PipeRecords::open(&records).unwrap().get((1, 2)), Some(6));
        // The directory with the file is gone: it is written anew, with everything known so far.
        let mut fourth = PipeRecords::open(&records).unwrap();
        std::fs::remove_dir_all(place.path().join(".svscan")).unwrap();
        assert!(!records.are_of(scan.as_fd()));
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        fourth.go_over_to(&records).unwrap();
        fourth.put((1, 5), 8).unwrap();
        let mut fifth = PipeRecords::open(&records).unwrap();
        assert_eq!((fifth.get((1, 2)), fifth.get((1, 5))), (Some(6), Some(8)));
        // A file of another boot is not believed.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[10] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let sixth = PipeRecords::open(&records).unwrap();
        assert!(!sixth.knows((1, 2)) && !sixth.may_know((1, 2)));
        // A file that was written without /proc is of this boot perhaps.
        fifth.go_over_to(&records).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[MAGIC.len()..HEADER].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let seventh = PipeRecords::open(&records).unwrap();
        assert!(!seventh.knows((1, 2)) && seventh.may_know((1, 2)) && !seventh.may_know((9, 9)));
    }

    #[test]
    fn a_record_that_has_become_long_is_written_anew() {
        let place = tempfile::tempdir().unwrap();
        let scan = std::fs::File::open(place.path()).unwrap();
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        let mut pipes = PipeRecords::open(&records).unwrap();
        pipes.put((1, 1), 5).unwrap();
        let mut count = 0;
        while !pipes.are_long() {
            count += 1;
            pipes.put((1, 2), 6).unwrap();
            pipes.forget((1, 2)).unwrap();
        }
        assert_eq!(count, SURPLUS / 2 + 1);
        let size = || std::fs::metadata(place.path().join(".svscan/pipes")).unwrap().len();
        assert!(size() > RECORD as u64 * SURPLUS as u64);
        pipes.go_over_to(&records).unwrap();
        assert!(!pipes.are_long());
        assert_eq!(size(), (HEADER + RECORD) as u64);
        pipes.put((1, 3), 7).unwrap();
        let next = PipeRecords::open(&records).unwrap();
        assert_eq!(
            (next.get((1, 1)), next.get((1, 2)), next.get((1, 3))),
            (Some(5), None, Some(7))
        );
    }

    #[test]
    fn what_could_be_written_in_part_only_is_written_over_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        let scan = std::fs::File::open(place.path()).unwrap();
        let records = ScanRecords::open_or_make(scan.as_fd()).unwrap();
        let mut first = PipeRecords::open(&records).unwrap();
        first.put((1, 2), 5).unwrap();
        // A full disk leaves some bytes of a record, and no more.
        let path = place.path().join(".svscan/pipes");
        let torn = [std::fs::read(&path).unwrap(), vec![7; RECORD - 5]].concat();
        std::fs::write(&path, torn).unwrap();
        first.put((1, 3), 6).unwrap();
        first.put((1, 4), 7).unwrap();
        let second = PipeRecords::open(&records).unwrap();
        let pipes = [(1, 2), (1, 3), (1, 4)].map(|service| second.get(service));
        assert_eq!(pipes, [Some(5), Some(6), Some(7)]);
    }
}
