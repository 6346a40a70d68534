//! `supervise/journal`: what the 18 bytes of the status cannot hold, so that a successor of a
//! killed supervise knows the running service for its own. An addition of ours.
//!
//! Two checksummed slots, overwritten in turn in a file made once: a full disk cannot stop a
//! record, and a death in the middle of one leaves the one before. Whoever can write the
//! `supervise` directory could forge a journal and have root adopt, and later kill, a process of
//! his choice: so it is believed only under the marks that [`Journal::open`] checks.

use super::entries::JOURNAL;
use super::records::Records;
use super::request::Want;
use crate::sys::descriptor::{self, HERE};
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Facts};
use crate::sys::process::{End, Pid};
use crate::sys::{Errno, proc};
use crate::tai64n::Label;
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const MAGIC: [u8; 6] = *b"dt-rs\n";
const VERSION: u16 = 1;
/// Bytes from one slot to the next: a slot never crosses a disk sector.
const PITCH: usize = 512;
/// Bytes of a slot, its checksum last.
const SLOT: usize = 160;
const FILE: usize = 2 * PITCH;

/// A process by what no later process of the same number has: its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: Pid,
    /// Its start in clock ticks since boot, as in /proc/PID/stat; 0 where that is not known.
    pub start: u64,
}

/// A process group that outlived its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The leader's pid, which is the group's number.
    pub leader: Pid,
    /// When the leader had ended, in clock ticks since boot.
    pub since: u64,
}

/// One record: the state of a supervise and its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The service's process while it is up.
    pub service: Option<Identity>,
    /// The process that wrote this.
    pub supervise: Identity,
    /// What the service is wanted to be.
    pub want: Want,
    /// Whether `x` was asked.
    pub exit_requested: bool,
    /// Whether the service was paused by `p`.
    pub is_paused: bool,
    /// Whether a start was due and had not happened yet.
    pub start_owed: bool,
    /// Whether `k` was asked for this process.
    pub kill_asked: bool,
    /// Whether the process was sent the signal of `d`.
    pub down_told: bool,
    /// Whether the process leads a group of its own (`kill-group`).
    pub leads_group: bool,
    /// What the process before left in its group.
    pub left_group: Option<Leftover>,
    /// Whether this supervise has left after `x`: its successor starts as if it were the first.
    pub left_cleanly: bool,
    /// How the service last ended, where that is known.
    pub last_end: Option<End>,
    /// How often this journal's service was started.
    pub starts: u64,
    /// When the pid last changed: the status's label.
    pub label: Label,
    /// When the service was last started, by the monotonic clock.
    pub started: Duration,
}

/// What an opened journal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No record: a new journal, or one of another boot.
    Nothing,
    /// A record of this boot and this directory.
    Believed(Record),
    /// Something that must not be believed, and why.
    Ignored(&'static str),
}

/// The open journal of a supervise that holds the lock.
#[derive(Debug)]
pub struct Journal {
    file: OwnedFd,
    place: Place,
    sequence: u64,
    /// Whether the file has its full size.
    is_whole: bool,
}

/// Where and when a journal counts: this boot, these pids, this service directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    boot: [u8; 16],
    pids: u64,
    device: u64,
    inode: u64,
}

impl Place {
    fn of(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let directory = file::facts(directory, b".")?;
        Ok(Self {
            boot: proc::boot(),
            pids: proc::pid_namespace(),
            device: directory.device,
            inode: directory.inode,
        })
    }
}

impl Journal {
    /// Opens the journal, or makes a new one, and says what it holds. It is believed only if it
    /// is a regular file with one name, owned by our effective user, writable by nobody else, of
    /// the expected size, checksummed, of our version, of this boot, and of this directory.
    ///
    /// # Errors
    /// Those of openat(2) when no journal can be had at all.
    pub fn open(records: &Records) -> Result<(Self, Finding), Errno> {
        let place = Place::of(HERE)?;
        let refused = match open(records, Access::Update) {
            Ok((file, None)) => return Self::read(file, place),
            Ok((_, reason)) => reason,
            Err(Errno::ENOENT) => None,
            Err(Errno::ELOOP | Errno::EINVAL | Errno::EISDIR) => Some("not a regular file"),
            Err(Errno::EACCES | Errno::EPERM) => Some("owned by another user"),
            Err(error) => return Err(error),
        };
        let file = entry::make(records.as_fd(), JOURNAL, 0o600)?;
        let finding = refused.map_or(Finding::Nothing, Finding::Ignored);
        Ok((Self { file, place, sequence: 0, is_whole: false }, finding))
    }

    fn read(file: OwnedFd, place: Place) -> Result<(Self, Finding), Errno> {
        let mut bytes = [0; FILE];
        let is_whole = match descriptor::read_at(file.as_fd(), &mut bytes, 0)? {
            FILE => true,
            // Made by one that was killed before its first record.
            0 => false,
            _ => return Err(Errno::EIO),
        };
        let newest = bytes.chunks(PITCH).filter_map(Slot::decode).max_by_key(|slot| slot.sequence);
        let (finding, sequence) = match newest {
            None if bytes.iter().all(|&byte| byte == 0) => (Finding::Nothing, 0),
            None => (Finding::Ignored("checksum does not match"), 0),
            Some(slot) => (slot.judge(place), slot.sequence),
        };
        Ok((Self { file, place, sequence, is_whole }, finding))
    }

    /// Writes `record` over the older slot.
    ///
    /// # Errors
    /// Those of pwrite(2); EIO when less than a slot was taken.
    pub fn write(&mut self, record: &Record) -> Result<(), Errno> {
        // A failed record is tried again in its slot: the other one holds the last good record.
        let sequence = self.sequence.wrapping_add(1);
        let slot = Slot { version: VERSION, sequence, place: self.place, record: Some(*record) };
        let bytes = slot.encode(record);
        let is_even = sequence.is_multiple_of(2);
        if self.is_whole {
            let offset = if is_even { 0 } else { 512 };
            if descriptor::write_at(self.file.as_fd(), &bytes, offset)? != SLOT {
                return Err(Errno::EIO);
            }
        } else {
            self.write_whole(&bytes, if is_even { 0 } else { PITCH })?;
        }
        self.sequence = sequence;
        Ok(())
    }

    /// The first record brings the file to its size: no later one needs room on the disk.
    fn write_whole(&mut self, slot: &[u8; SLOT], offset: usize) -> Result<(), Errno> {
        let mut bytes = [0; FILE];
        for (byte, part) in bytes.iter_mut().skip(offset).zip(slot) {
            *byte = *part;
        }
        match descriptor::write_at(self.file.as_fd(), &bytes, 0) {
            Ok(FILE) => {
                self.is_whole = true;
                Ok(())
            }
            other => {
                // Not half a journal, which the next supervise would wonder at.
                let _ = file::empty(self.file.as_fd());
                Err(other.err().unwrap_or(Errno::ENOSPC))
            }
        }
    }
}

/// Reads the journals of many services from outside, to show what they say: which boot this is, it
/// asks the kernel once.
#[derive(Clone, Copy, Debug)]
pub struct Onlooker {
    /// Ours; the directory is each service's own.
    here: Place,
}

impl Onlooker {
    /// An onlooker of this boot.
    ///
    /// # Errors
    /// Those of stat(2).
    pub fn new() -> Result<Self, Errno> {
        Ok(Self { here: Place::of(HERE)? })
    }

    /// What the journal of the service with these records says. It is believed under the marks of
    /// [`Journal::open`], but for its owner: what is shown is no reason to signal anything.
    ///
    /// # Errors
    /// ENOENT where there is none, EACCES where we may not read it; those of openat(2).
    pub fn read(&self, records: &Records) -> Result<Finding, Errno> {
        let (file, facts) = open_file(records, Access::Read)?;
        if let Some(reason) = distrust(&facts, facts.owner) {
            return Ok(Finding::Ignored(reason));
        }
        let file::Facts { device, inode, .. } = *records.service();
        let place = Place { device, inode, ..self.here };
        Journal::read(file, place).map(|(_, finding)| finding)
    }
}

/// The supervise that wrote the record of a service directory, as seen from outside: believed
/// under the same marks, and only while it lives. 0.76's writes none.
#[must_use]
pub fn recorded_supervise(directory: BorrowedFd<'_>) -> Option<Identity> {
    alive(believed(directory)?.supervise)
}

/// The service's recorded process as seen from outside, from the service directory: believed
/// under the same marks, and only while it lives.
#[must_use]
pub fn recorded_service(directory: BorrowedFd<'_>) -> Option<Identity> {
    alive(believed(directory)?.service?)
}

/// Whether the last supervise of the service in `directory` has left after `x`, as seen from
/// outside: believed under the same marks. Nothing where no journal says.
#[must_use]
pub fn has_left(directory: BorrowedFd<'_>) -> Option<bool> {
    believed(directory).map(|record| record.left_cleanly)
}

fn believed(directory: BorrowedFd<'_>) -> Option<Record> {
    let (file, reason) = open(&Records::find(directory).ok()?, Access::Read).ok()?;
    if reason.is_some() {
        return None;
    }
    match Journal::read(file, Place::of(directory).ok()?).ok()? {
        (_, Finding::Believed(record)) => Some(record),
        (_, Finding::Nothing | Finding::Ignored(_)) => None,
    }
}

fn alive(identity: Identity) -> Option<Identity> {
    let found = proc::Process::read(identity.pid).ok()?;
    (found.start == identity.start && found.is_alive()).then_some(identity)
}

/// Opens the journal, and why its marks say that it must not be believed.
fn open(records: &Records, access: Access) -> Result<(OwnedFd, Option<&'static str>), Errno> {
    let (file, facts) = open_file(records, access)?;
    Ok((file, distrust(&facts, file::our_user())))
}

fn open_file(records: &Records, access: Access) -> Result<(OwnedFd, Facts), Errno> {
    let is_file = |facts: &Facts| match Shape::File.fits(facts) {
        // That is said in words.
        Err(Errno::EMLINK) => Ok(()),
        other => other,
    };
    entry::open_if(records.as_fd(), JOURNAL, access, is_file)
}

/// Why the marks of a regular file say that it must not be believed as the journal of `owner`.
fn distrust(facts: &Facts, owner: u32) -> Option<&'static str> {
    if facts.owner != owner {
        Some("owned by another user")
    } else if facts.links != 1 {
        Some("has another name")
    } else if facts.mode & 0o022 != 0 {
        Some("writable by others")
    } else if facts.size != FILE as u64 && facts.size != 0 {
        Some("unexpected size")
    } else {
        None
    }
}

/// One slot of the file, its checksum found right.
struct Slot {
    version: u16,
    sequence: u64,
    place: Place,
    /// Nothing when the version is not ours to read.
    record: Option<Record>,
}

impl Slot {
    fn judge(&self, here: Place) -> Finding {
        let boot = |place: Place| (place.boot, place.pids);
        match self.record {
            None => Finding::Ignored("of another version"),
            // Without a boot id nothing can be told apart: better no memory than a false one.
            Some(_) if boot(self.place) != boot(here) || here.boot == [0; 16] => Finding::Nothing,
            Some(_) if self.place != here => Finding::Ignored("of another directory"),
            Some(record) => Finding::Believed(record),
        }
    }

    fn encode(&self, record: &Record) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        let mut fields = Writer { bytes: &mut bytes, at: 0 };
        fields.put(&MAGIC);
        fields.put(&self.version.to_le_bytes());
        fields.put(&self.sequence.to_le_bytes());
        fields.put(&self.place.boot);
        fields.number(self.place.pids);
        fields.number(self.place.device);
        fields.number(self.place.inode);
        for identity in [record.supervise, record.service.unwrap_or(Identity { pid: 0, start: 0 })]
        {
            fields.number(u64::from(identity.pid));
            fields.number(identity.start);
        }
        fields.put(&[
            record.want.to_byte(),
            u8::from(record.exit_requested),
            u8::from(record.is_paused),
            u8::from(record.left_cleanly),
            u8::from(record.start_owed),
            u8::from(record.kill_asked)
                | u8::from(record.down_told) << 1
                | u8::from(record.leads_group) << 2,
        ]);
        fields.put(&match record.last_end {
            None => [0, 0],
            Some(End::Code(code)) => [1, code],
            Some(End::Killed(signal)) => [2, signal],
        });
        fields.number(record.starts);
        fields.put(&record.label.to_bytes());
        fields.put(&record.started.subsec_nanos().to_le_bytes());
        fields.number(record.started.as_secs());
        let left = record.left_group.unwrap_or(Leftover { leader: 0, since: 0 });
        fields.number(u64::from(left.leader));
        fields.number(left.since);
        let sum = checksum(bytes.get(..SLOT - 8).unwrap_or_default());
        for (byte, part) in bytes.iter_mut().skip(SLOT - 8).zip(sum.to_le_bytes()) {
            *byte = part;
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SLOT)?;
        let (body, sum) = bytes.split_at_checked(SLOT - 8)?;
        let mut fields = Reader { bytes: body };
        if checksum(body) != u64::from_le_bytes(sum.try_into().ok()?) || fields.take()? != MAGIC {
            return None;
        }
        let version = u16::from_le_bytes(fields.take()?);
        let sequence = fields.number()?;
        let boot = fields.take()?;
        let (pids, device, inode) = (fields.number()?, fields.number()?, fields.number()?);
        let place = Place { boot, pids, device, inode };
        let record = if version == VERSION { Some(decode_record(&mut fields)?) } else { None };
        Some(Self { version, sequence, place, record })
    }
}

fn decode_record(fields: &mut Reader<'_>) -> Option<Record> {
    let mut identity = || {
        let pid = Pid::try_from(fields.number()?).ok()?;
        Some(Identity { pid, start: fields.number()? })
    };
    let (supervise, service) = (identity()?, identity()?);
    let [want, exit, paused, left, owed, asked, how, number]: [u8; 8] = fields.take()?;
    let last_end = match how {
        1 => Some(End::Code(number)),
        2 => Some(End::Killed(number)),
        _ => None,
    };
    let starts = fields.number()?;
    let label = Label::from_bytes(fields.take()?);
    let nanoseconds = u32::from_le_bytes(fields.take()?).min(999_999_999);
    Some(Record {
        service: Some(service).filter(|service| service.pid != 0),
        supervise,
        want: Want::from_byte(want),
        exit_requested: exit != 0,
        is_paused: paused != 0,
        left_cleanly: left != 0,
        start_owed: owed != 0,
        kill_asked: asked & 1 != 0,
        down_told: asked & 2 != 0,
        leads_group: asked & 4 != 0,
        last_end,
        starts,
        label,
        started: Duration::new(fields.number()?, nanoseconds),
        left_group: {
            let leader = Pid::try_from(fields.number()?).ok()?;
            let left = Leftover { leader, since: fields.number()? };
            Some(left).filter(|left| left.leader != 0)
        },
    })
}

/// FNV-1a, 64 bits: against torn writes, not against forgers.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

struct Writer<'a> {
    bytes: &'a mut [u8; SLOT],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, field: &[u8]) {
        for (byte, part) in self.bytes.iter_mut().skip(self.at).zip(field) {
            *byte = *part;
        }
        self.at += field.len();
    }

    fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*field)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place { boot: [7; 16], pids: 1, device: 2, inode: 3 };

    fn record() -> Record {
        Record {
            service: Some(Identity { pid: 42, start: 4242 }),
            supervise: Identity { pid: 41, start: 4141 },
            want: Want::Once,
            exit_requested: true,
            is_paused: true,
            left_cleanly: false,
            start_owed: true,
            kill_asked: true,
            down_told: false,
            leads_group: true,
            left_group: Some(Leftover { leader: 40, since: 4000 }),
            last_end: Some(End::Killed(9)),
            starts: u64::MAX,
            label: Label::of_unix(Duration::new(1_000_000_000, 123_456_000)),
            started: Duration::new(77, 999_999_999),
        }
    }

    fn slot(version: u16, place: Place, record: Record) -> Slot {
        Slot { version, sequence: 5, place, record: Some(record) }
    }

    fn judged(slot: &Slot) -> Finding {
        let bytes = slot.encode(&slot.record.unwrap());
        Slot::decode(&bytes).unwrap().judge(HERE)
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let other = Record {
            service: None,
            want: Want::Up,
            left_cleanly: true,
            last_end: Some(End::Code(3)),
            kill_asked: false,
            down_told: true,
            leads_group: false,
            left_group: None,
            ..record()
        };
        for record in [record(), other, Record { last_end: None, ..other }] {
            assert_eq!(judged(&slot(VERSION, HERE, record)), Finding::Believed(record));
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = slot(VERSION, HERE, record()).encode(&record());
        for bit in 0..SLOT * 8 {
            let mut torn = bytes;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert!(Slot::decode(&torn).is_none(), "bit {bit}");
        }
        assert!(Slot::decode(&bytes[..SLOT - 1]).is_none());
        assert!(Slot::decode(&[0; PITCH]).is_none());
    }

    #[test]
    fn another_boot_is_forgotten_without_a_word_and_the_rest_with_one() {
        let elsewhere = |place| judged(&slot(VERSION, place, record()));
        assert_eq!(elsewhere(Place { boot: [8; 16], ..HERE }), Finding::Nothing);
        assert_eq!(elsewhere(Place { pids: 9, ..HERE }), Finding::Nothing);
        let another = Finding::Ignored("of another directory");
        assert_eq!(elsewhere(Place { inode: 9, ..HERE }), another);
        assert_eq!(elsewhere(Place { device: 9, ..HERE }), another);
        let later = judged(&slot(VERSION + 1, HERE, record()));
        assert_eq!(later, Finding::Ignored("of another version"));
        // Without a boot id to compare, nothing is believed.
        let unknown = Place { boot: [0; 16], ..HERE };
        let bytes = slot(VERSION, unknown, record()).encode(&record());
        assert_eq!(Slot::decode(&bytes).unwrap().judge(unknown), Finding::Nothing);
    }
}
