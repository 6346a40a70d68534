//! `.svscan/pipes`: which services are held, and which pipe joins which to its logger, so that a
//! successor of a killed svscan finds the same pipe again and no other, and a service whose name is
//! gone from the scan directory. An addition of ours.
//!
//! A header names the boot and the pid namespace; each record is a service's device and inode and
//! its pipe's inode ([`NO_PIPE`] without a logger, [`FORGOTTEN`] when it is let go of), appended when
//! that comes to be, a later one over an earlier one. The file is written anew, shorter, when an
//! svscan starts.

use super::records::ScanRecords;
use crate::sys::descriptor::{self, Purpose, open};
use crate::sys::file::{self, Kind};
use crate::sys::{Errno, directory, proc};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

const NAME: &[u8] = b"pipes";
const NEW: &[u8] = b"pipes.new";
const MAGIC: [u8; 8] = *b"dt-pipe\n";
const HEADER: usize = 32;
const RECORD: usize = 24;
/// A hundred thousand services: more than that is not read.
const LARGEST: u64 = 100_000 * RECORD as u64;

/// The pipe of a service without a logger.
pub const NO_PIPE: u64 = 0;
/// The pipe of a service that is held no longer.
const FORGOTTEN: u64 = u64::MAX;

/// A service directory, by device and inode.
pub type Key = (u64, u64);

/// The record of the log pipes.
#[derive(Debug)]
pub struct PipeRecords {
    file: Option<OwnedFd>,
    known: BTreeMap<Key, u64>,
}

impl PipeRecords {
    /// No record at all, where none can be kept.
    #[must_use]
    pub const fn none() -> Self {
        Self { file: None, known: BTreeMap::new() }
    }

    /// Reads what an earlier svscan of this boot recorded and writes it anew. What cannot be read
    /// is as if it were not there.
    ///
    /// # Errors
    /// Those of openat(2), write(2) and renameat(2): nothing can be recorded then.
    pub fn open(records: &ScanRecords) -> Result<Self, Errno> {
        let known = read(records).unwrap_or_default();
        let _ = directory::remove(records.as_fd(), NEW);
        let file = open(records.as_fd(), NEW, Purpose::New(0o600))?;
        let mut bytes = header().to_vec();
        bytes.extend(known.iter().flat_map(|(key, pipe)| encode(*key, *pipe)));
        write_whole(&file, &bytes)?;
        directory::rename(records.as_fd(), NEW, NAME)?;
        Ok(Self { file: Some(file), known })
    }

    /// The inode of the pipe that was recorded for a service.
    #[must_use]
    pub fn get(&self, service: Key) -> Option<u64> {
        self.known.get(&service).copied().filter(|&pipe| pipe != NO_PIPE)
    }

    /// Every service that is held, or was when its svscan died.
    pub fn services(&self) -> impl Iterator<Item = Key> {
        self.known.keys().copied()
    }

    /// Records a service and its pipe.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn put(&mut self, service: Key, pipe: u64) -> Result<(), Errno> {
        if self.known.insert(service, pipe) == Some(pipe) {
            return Ok(());
        }
        self.append(service, pipe)
    }

    /// Records that a service is let go of.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn forget(&mut self, service: Key) -> Result<(), Errno> {
        match self.known.remove(&service) {
            Some(_) => self.append(service, FORGOTTEN),
            None => Ok(()),
        }
    }

    fn append(&self, service: Key, pipe: u64) -> Result<(), Errno> {
        match &self.file {
            Some(file) => write_whole(file, &encode(service, pipe)),
            None => Ok(()),
        }
    }
}

fn write_whole(file: &OwnedFd, bytes: &[u8]) -> Result<(), Errno> {
    if descriptor::write(file.as_fd(), bytes)? == bytes.len() { Ok(()) } else { Err(Errno::ENOSPC) }
}

fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let fields = [&MAGIC[..], &proc::boot(), &proc::pid_namespace().to_le_bytes()].concat();
    for (byte, field) in header.iter_mut().zip(fields) {
        *byte = field;
    }
    header
}

fn encode((device, inode): Key, pipe: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let fields = [device, inode, pipe].into_iter().flat_map(u64::to_le_bytes);
    for (byte, field) in record.iter_mut().zip(fields) {
        *byte = field;
    }
    record
}

fn decode(record: &[u8]) -> Option<(Key, u64)> {
    let mut numbers = record.chunks_exact(8).map(|bytes| bytes.try_into().map(u64::from_le_bytes));
    let mut next = || numbers.next()?.ok();
    Some(((next()?, next()?), next()?))
}

fn read(records: &ScanRecords) -> Option<BTreeMap<Key, u64>> {
    let file = open(records.as_fd(), NAME, Purpose::ReadNoLink).ok()?;
    let facts = file::facts_of(file.as_fd()).ok()?;
    let is_ours = facts.kind == Kind::Regular && facts.owner == file::our_user();
    if !is_ours || facts.mode & 0o022 != 0 || facts.size > LARGEST {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(facts.size).ok()?];
    let length = descriptor::read(file.as_fd(), &mut bytes).ok()?;
    let (found, rest) = bytes.get(..length)?.split_at_checked(HEADER)?;
    let mut known: BTreeMap<_, _> = rest.chunks_exact(RECORD).filter_map(decode).collect();
    known.retain(|_, pipe| *pipe != FORGOTTEN);
    (found == header()).then_some(known)
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
        // Held without a logger; let go of.
        let mut second = second;
        second.put((1, 4), NO_PIPE).unwrap();
        second.forget((1, 3)).unwrap();
        let third = PipeRecords::open(&records).unwrap();
        assert_eq!(third.services().collect::<Vec<_>>(), [(1, 2), (1, 4)]);
        assert_eq!((third.get((1, 3)), third.get((1, 4))), (None, None));
        // Torn in its last record: the ones before it count.
        let path = place.path().join(".svscan/pipes");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(PipeRecords::open(&records).unwrap().get((1, 2)), Some(6));
        // Of another boot: not believed.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[10] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(PipeRecords::open(&records).unwrap().get((1, 2)), None);
    }
}
