//! The bytes of a record in the journal. Pure.
//!
//! A slot begins with 160 bytes, the core, whose layout never changes: it is that of 0.1.0, and
//! holds what identifies a process and a directory. So every version can read the core of every
//! other, and adopt the process in it. Later fields follow, with a length and a checksum of their
//! own: a later version appends fields, an earlier one reads those it knows. If only this checksum
//! is wrong, these fields are ignored.

use super::fields::{Reader, Writer, checksum, checksum_from};
use super::record::{History, LastEnd, LeftGroup, Origin, Owed, ProcessIdentity, Record};
use super::request::Want;
use crate::fill::fill;
use crate::tai64n::Label;
use core::time::Duration;

const MAGIC: [u8; 6] = *b"dt-rs\n";
/// Version of the core.
const VERSION: u16 = 1;
/// Bytes from one slot to the next: a slot never crosses a disk sector.
pub const PITCH: usize = 512;
/// Size of the core in bytes. Its checksum comes last.
const CORE: usize = 160;
/// Size in bytes of the part after the core: its length comes first, its checksum last.
const ADDED: usize = 116;
/// Size in bytes of a slot, as we write it.
pub const SLOT: usize = CORE + ADDED;
/// Size of a checksum in bytes.
const SUM: usize = 8;

/// One slot of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Of the two slots the one with the higher number is the later one.
    pub sequence: u64,
    /// Where and when the record is valid.
    pub origin: Origin,
    /// What it says.
    pub record: Record,
}

impl Slot {
    /// The bytes of the slot on disk.
    #[must_use]
    pub fn encode(sequence: u64, origin: &Origin, record: &Record) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        let mut fields = Writer { bytes: &mut bytes, at: 0 };
        let history = &record.history;
        // The core has room for 24 bytes of the boot: the added part has the other eight.
        let [id @ .., _, _, _, _, _, _, _, _] = &origin.boot;
        let [.., a, b, c, d, e, f, g, h] = origin.boot;
        fields.put(&MAGIC);
        fields.put(&VERSION.to_le_bytes());
        fields.number(sequence);
        fields.put(id);
        fields.number(origin.device);
        fields.number(origin.inode);
        let none = ProcessIdentity { pid: 0, start: 0 };
        for identity in [record.supervise, record.service.unwrap_or(none)] {
            fields.number(u64::from(identity.pid));
            fields.number(identity.start);
        }
        fields.put(&[
            record.want.to_byte(),
            u8::from(record.exit_requested),
            u8::from(record.is_paused),
            u8::from(record.left_cleanly),
            match record.owed {
                Owed::Nothing => 0,
                Owed::Restart => 1,
                Owed::Asked => 2,
            },
            u8::from(record.kill_asked)
                | u8::from(record.down_told) << 1
                | u8::from(record.leads_group) << 2
                | u8::from(record.is_doubted) << 3,
        ]);
        let (end, has_core) = match history.last_end {
            None => ([0, 0], false),
            Some(LastEnd::Code(code)) => ([1, code], false),
            Some(LastEnd::Killed(signal, has_core)) => ([2, signal], has_core),
        };
        fields.put(&end);
        fields.number(history.starts);
        fields.put(&history.label.to_bytes());
        fields.put(&history.started.subsec_nanos().to_le_bytes());
        fields.number(history.started.as_secs());
        let left = history.left_group.unwrap_or(LeftGroup { leader: 0, since: 0 });
        fields.number(u64::from(left.leader));
        fields.number(left.since);
        fields.at = CORE - SUM;
        fields.sum(0);

        fields.put(&u16::try_from(ADDED).unwrap_or(0).to_le_bytes());
        fields.put(&[u8::from(has_core), 0]);
        fields.put(&[a, b, c, d, e, f, g, h]);
        fields.number(record.alive);
        fields.number(history.last_run.map_or(UNKNOWN, nanoseconds));
        fields.number(history.want_since);
        fields.number(history.ended);
        history.last_starts.iter().for_each(|start| fields.number(*start));
        // Includes the core's checksum: an earlier version overwrites the core alone.
        fields.sum(CORE - SUM);
        bytes
    }

    /// The sequence number in a slot whose checksum is right.
    #[must_use]
    pub fn sequence_in(bytes: &[u8]) -> Option<u64> {
        Self::checked(bytes)?.0.number()
    }

    /// Of a slot whose core has the right checksum: the fields after the version, the checksum, and
    /// the bytes after it.
    fn checked(bytes: &[u8]) -> Option<(Reader<'_>, &[u8], &[u8])> {
        let (core, rest) = bytes.split_at_checked(CORE)?;
        let (body, sum) = core.split_at_checked(CORE - SUM)?;
        let mut fields = Reader { bytes: body };
        if checksum(body) != u64::from_le_bytes(sum.try_into().ok()?) || fields.take()? != MAGIC {
            return None;
        }
        let _version: [u8; 2] = fields.take()?;
        Some((fields, sum, rest))
    }

    /// The contents of a slot whose core has the right checksum.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut fields, sum, rest) = Self::checked(bytes)?;
        let sequence = fields.number()?;
        let id: [u8; 24] = fields.take()?;
        let (device, inode) = (fields.number()?, fields.number()?);
        let mut boot = [0; 32];
        fill(&mut boot, id);
        let mut slot = Self {
            sequence,
            origin: Origin { boot, device, inode },
            record: core_of(&mut fields)?,
        };
        if let Some(mut added) = added(sum, rest) {
            // An earlier version wrote fewer fields: the rest keeps its default.
            let _ = slot.add(&mut added);
        }
        Some(slot)
    }

    /// Reads the fields that were added since 0.1.0, as far as they are there.
    fn add(&mut self, fields: &mut Reader<'_>) -> Option<()> {
        let [has_core, _]: [u8; 2] = fields.take()?;
        if let Some(LastEnd::Killed(_, core)) = &mut self.record.history.last_end {
            *core = has_core & 1 != 0;
        }
        let init: [u8; 8] = fields.take()?;
        fill(self.origin.boot.get_mut(24..).unwrap_or_default(), init);
        self.record.alive = fields.number()?;
        let last_run = fields.number()?;
        self.record.history.last_run =
            (last_run != UNKNOWN).then_some(Duration::from_nanos(last_run));
        self.record.history.want_since = fields.number()?;
        self.record.history.ended = fields.number()?;
        for start in &mut self.record.history.last_starts {
            *start = fields.number()?;
        }
        Some(())
    }
}

/// Reads the record from the fields of the core after the origin.
fn core_of(fields: &mut Reader<'_>) -> Option<Record> {
    let mut identity = || {
        let pid = u32::try_from(fields.number()?).ok()?;
        Some(ProcessIdentity { pid, start: fields.number()? })
    };
    let (supervise, service) = (identity()?, identity()?);
    let service = Some(service).filter(|service| service.pid != 0);
    let [want, exit, paused, left, owed, flags, how, number]: [u8; 8] = fields.take()?;
    let want = Want::from_byte(want);
    let starts = fields.number()?;
    let label = Label::from_bytes(fields.take()?);
    let nanoseconds = u32::from_le_bytes(fields.take()?).min(999_999_999);
    let started = Duration::new(fields.number()?, nanoseconds);
    let leader = u32::try_from(fields.number()?).ok()?;
    let left_group = LeftGroup { leader, since: fields.number()? };
    Some(Record {
        service,
        // At least it was alive when it began. The added part may say more.
        alive: service.map_or(0, |service| service.start),
        leads_group: flags & 4 != 0,
        supervise,
        want,
        exit_requested: exit != 0,
        is_paused: paused != 0,
        owed: match owed {
            0 => Owed::Nothing,
            // 0.1.0 writes 1 for both `Restart` and `Asked`.
            1 if want == Want::Up => Owed::Restart,
            _ => Owed::Asked,
        },
        kill_asked: flags & 1 != 0,
        down_told: flags & 2 != 0,
        is_doubted: flags & 8 != 0,
        left_cleanly: left != 0,
        history: History {
            label,
            started,
            starts,
            last_end: match how {
                1 => Some(LastEnd::Code(number)),
                2 => Some(LastEnd::Killed(number, false)),
                _ => None,
            },
            left_group: Some(left_group).filter(|left| left.leader != 0),
            ..History::default()
        },
    })
}

/// The fields after the core, if their checksum (which includes that of the core) is right.
fn added<'a>(core_sum: &[u8], bytes: &'a [u8]) -> Option<Reader<'a>> {
    let (length, _) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (body, sum) = bytes.get(..length)?.split_at_checked(length.checked_sub(SUM)?)?;
    let found = checksum_from(checksum(core_sum), body);
    let is_right = found == u64::from_le_bytes(sum.try_into().ok()?);
    is_right.then_some(Reader { bytes: body.get(2..)? })
}

/// Stands for the length of a run that is not known.
const UNKNOWN: u64 = u64::MAX;

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).map_or(UNKNOWN - 1, |length| length.min(UNKNOWN - 1))
}

#[cfg(test)]
#[path = "slot_tests.rs"]
mod tests;
