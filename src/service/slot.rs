//! The bytes of a record in the journal. Pure.
//!
//! A slot begins with 160 bytes that never change again: they are what 0.1.0 writes, and what
//! identifies a process and a directory stands in them. So every program reads the record of every
//! other, and adopts by it. What was added since stands behind them, with a length and a checksum of
//! its own: a later program appends to it, an earlier one reads as far as it knows. If only that part
//! does not check, it is as if it were not there.

use super::fields::{Reader, Writer, checksum, checksum_from};
use super::record::{History, LastEnd, LeftGroup, Origin, Owed, ProcessIdentity, Record};
use super::request::Want;
use crate::tai64n::Label;
use core::time::Duration;

const MAGIC: [u8; 6] = *b"dt-rs\n";
/// Of the bytes that never change.
const VERSION: u16 = 1;
/// Bytes from one slot to the next: a slot never crosses a disk sector.
pub const PITCH: usize = 512;
/// Bytes that never change, their checksum last.
const CORE: usize = 160;
/// Bytes behind them, as we write them: their length first, their checksum last.
const ADDED: usize = 116;
/// Bytes of a slot as we write it.
pub const SLOT: usize = CORE + ADDED;
const SUM: usize = 8;
/// One slot of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The higher one is the later one.
    pub sequence: u64,
    /// Where and when it counts.
    pub origin: Origin,
    /// What it says.
    pub record: Record,
}

impl Slot {
    /// The bytes on disk of a record.
    #[must_use]
    pub fn encode(sequence: u64, origin: &Origin, record: &Record) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        let mut fields = Writer { bytes: &mut bytes, at: 0 };
        let history = &record.history;
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
        // With the checksum of what never changes: an earlier program writes over that alone.
        fields.sum(CORE - SUM);
        bytes
    }

    /// The sequence number in a slot whose checksum is right.
    #[must_use]
    pub fn sequence_in(bytes: &[u8]) -> Option<u64> {
        Self::checked(bytes)?.0.number()
    }

    /// The fields behind the version of a slot whose checksum is right, that checksum, and what
    /// follows it. Whoever wrote it: the fields are as they are here.
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

    /// What stands in a slot whose checksum is right.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut fields, sum, rest) = Self::checked(bytes)?;
        let sequence = fields.number()?;
        let id: [u8; 24] = fields.take()?;
        let (device, inode) = (fields.number()?, fields.number()?);
        let mut boot = [0; 32];
        for (byte, part) in boot.iter_mut().zip(id) {
            *byte = part;
        }
        let mut slot = Self {
            sequence,
            origin: Origin { boot, device, inode },
            record: core_of(&mut fields)?,
        };
        if let Some(mut added) = added(sum, rest) {
            let _ = slot.add(&mut added);
        }
        Some(slot)
    }

    /// What was added since 0.1.0, as far as it is there.
    fn add(&mut self, fields: &mut Reader<'_>) -> Option<()> {
        let [has_core, _]: [u8; 2] = fields.take()?;
        if let Some(LastEnd::Killed(_, core)) = &mut self.record.history.last_end {
            *core = has_core & 1 != 0;
        }
        let init: [u8; 8] = fields.take()?;
        for (byte, part) in self.origin.boot.iter_mut().skip(24).zip(init) {
            *byte = part;
        }
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

fn core_of(fields: &mut Reader<'_>) -> Option<Record> {
    let mut identity = || {
        let pid = u32::try_from(fields.number()?).ok()?;
        Some(ProcessIdentity { pid, start: fields.number()? })
    };
    let (supervise, service) = (identity()?, identity()?);
    let service = Some(service).filter(|service| service.pid != 0);
    let [want, exit, paused, left, owed, asked, how, number]: [u8; 8] = fields.take()?;
    let want = Want::from_byte(want);
    let starts = fields.number()?;
    let label = Label::from_bytes(fields.take()?);
    let nanoseconds = u32::from_le_bytes(fields.take()?).min(999_999_999);
    let started = Duration::new(fields.number()?, nanoseconds);
    let leader = u32::try_from(fields.number()?).ok()?;
    let left_group = LeftGroup { leader, since: fields.number()? };
    Some(Record {
        service,
        // It lived when it began, if we learn no more.
        alive: service.map_or(0, |service| service.start),
        leads_group: asked & 4 != 0,
        supervise,
        want,
        exit_requested: exit != 0,
        is_paused: paused != 0,
        owed: match owed {
            0 => Owed::Nothing,
            // 0.1.0 writes 1 for both.
            1 if want == Want::Up => Owed::Restart,
            _ => Owed::Asked,
        },
        kill_asked: asked & 1 != 0,
        down_told: asked & 2 != 0,
        is_doubted: asked & 8 != 0,
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

/// The fields behind the core, if their checksum, which begins with the core's, is right.
fn added<'a>(core_sum: &[u8], bytes: &'a [u8]) -> Option<Reader<'a>> {
    let (length, _) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (body, sum) = bytes.get(..length)?.split_at_checked(length.checked_sub(SUM)?)?;
    let found = checksum_from(checksum(core_sum), body);
    let is_right = found == u64::from_le_bytes(sum.try_into().ok()?);
    is_right.then_some(Reader { bytes: body.get(2..)? })
}

const UNKNOWN: u64 = u64::MAX;

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).map_or(UNKNOWN - 1, |length| length.min(UNKNOWN - 1))
}

#[cfg(test)]
mod tests {
    use super::super::record::STARTS;
    use super::*;

    fn label(seconds: u64) -> Label {
        Label::of_unix(Duration::new(seconds, 123_456_000))
    }

    fn slot() -> Slot {
        let mut history = History {
            starts: u64::MAX - 10,
            last_run: Some(Duration::from_millis(1234)),
            want_since: 999,
            ended: 888,
            ..History::default()
        };
        for seconds in 1..=10 {
            let wall = Duration::new(seconds, 123_456_000);
            history.note_start(wall, Duration::new(70 + seconds, 999_999_999));
        }
        history.last_end = Some(LastEnd::Killed(11, true));
        history.left_group = Some(LeftGroup { leader: 40, since: 4000 });
        let record = Record {
            service: Some(ProcessIdentity { pid: 42, start: 4242 }),
            alive: 5000,
            leads_group: true,
            supervise: ProcessIdentity { pid: 41, start: 4141 },
            want: Want::Once,
            exit_requested: true,
            is_paused: true,
            left_cleanly: false,
            owed: Owed::Asked,
            kill_asked: true,
            down_told: false,
            is_doubted: false,
            history,
        };
        let mut boot = [7; 32];
        boot[31] = 9;
        Slot { sequence: 5, origin: Origin { boot, device: 2, inode: 3 }, record }
    }

    impl Slot {
        fn to_bytes(self) -> [u8; SLOT] {
            Self::encode(self.sequence, &self.origin, &self.record)
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let other = |history| Record {
            service: None,
            alive: 0,
            want: Want::Up,
            left_cleanly: true,
            owed: Owed::Restart,
            kill_asked: false,
            down_told: true,
            leads_group: false,
            is_doubted: true,
            history,
            ..slot().record
        };
        let ended = Some(LastEnd::Code(3));
        let history = History { last_end: ended, left_group: None, ..slot().record.history };
        for record in [slot().record, other(history), other(History::default())] {
            let slot = Slot { record, ..slot() };
            assert_eq!(Slot::from_bytes(&slot.to_bytes()), Some(slot));
        }
        let starts = slot().record.history.last_starts;
        assert_eq!(starts, core::array::from_fn(|age| (80 - age as u64) * 1_000_000 + 999_999));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = slot().to_bytes();
        for bit in 0..SLOT * 8 {
            let mut torn = bytes;
            torn[bit / 8] ^= 1 << (bit % 8);
            let read = Slot::from_bytes(&torn);
            assert_eq!(Slot::sequence_in(&torn), read.map(|slot| slot.sequence));
            if bit < CORE * 8 {
                assert_eq!(read, None, "bit {bit}");
            } else {
                // What never changes is believed all the same.
                assert_eq!(read, Slot::from_bytes(&bytes[..CORE]), "bit {bit}");
                assert!(read.is_some());
            }
        }
        assert_eq!(Slot::from_bytes(&bytes[..CORE - 1]), None);
        assert_eq!(Slot::from_bytes(&[0; PITCH]), None);
    }

    /// A slot with other bytes at a place, and the checksum of the core that goes with them.
    fn with(at: usize, field: &[u8]) -> [u8; SLOT] {
        let mut bytes = slot().to_bytes();
        bytes[at..at + field.len()].copy_from_slice(field);
        let sum = checksum(&bytes[..CORE - SUM]);
        bytes[CORE - SUM..CORE].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    #[test]
    fn what_never_changes_stands_where_0_1_0_put_it() {
        // As 0.1.0 wrote it, byte by byte.
        let mut old = Vec::new();
        old.extend(*b"dt-rs\n");
        old.extend(1_u16.to_le_bytes());
        old.extend(5_u64.to_le_bytes());
        old.extend([7; 16]);
        old.extend([7; 8]);
        for number in [2_u64, 3, 41, 4141, 42, 4242] {
            old.extend(number.to_le_bytes());
        }
        old.extend([0, 1, 1, 0, 2, 5, 2, 11]);
        old.extend(u64::MAX.to_le_bytes());
        old.extend(label(10).to_bytes());
        old.extend(999_999_999_u32.to_le_bytes());
        for number in [80_u64, 40, 4000, 0] {
            old.extend(number.to_le_bytes());
        }
        old.extend(checksum(&old).to_le_bytes());
        assert_eq!(slot().to_bytes()[..CORE], old[..]);
        // It knew nothing of what was added.
        let read = Slot::from_bytes(&old).unwrap();
        let history = slot().record.history;
        assert_eq!(read.record.history.last_starts, [0; STARTS]);
        assert_eq!(read.record.history.label, history.label);
        assert_eq!(read.record.alive, 4242);
        assert_eq!(read.origin.boot[24..], [0; 8]);
        // It writes over the first part alone: the second is of another record then.
        let mut mixed = [0; SLOT];
        mixed.copy_from_slice(&slot().to_bytes());
        let older = Slot { sequence: 4, ..slot() }.to_bytes();
        mixed[..CORE].copy_from_slice(&older[..CORE]);
        let read = Slot::from_bytes(&mixed).unwrap();
        assert_eq!((read.sequence, read.record.history.last_run), (4, None));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = Slot::from_bytes(&with(6, &9_u16.to_le_bytes())).unwrap();
        assert_eq!(later.record.service, slot().record.service);
        assert_eq!(later.record.want, slot().record.want);
        // Longer by what we do not know; and, as one between the versions wrote it, shorter.
        for (length, is_known) in [(ADDED + 40, true), (2 + 2 + 8 + 8 + SUM, false)] {
            let mut bytes = [0; PITCH];
            bytes[..SLOT].copy_from_slice(&slot().to_bytes());
            bytes[CORE..CORE + 2].copy_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
            let sum = checksum(&bytes[CORE - SUM..CORE + length - SUM]);
            bytes[CORE + length - SUM..CORE + length].copy_from_slice(&sum.to_le_bytes());
            let read = Slot::from_bytes(&bytes).unwrap();
            assert_eq!((read.origin, read.record.alive), (slot().origin, 5000));
            let starts =
                read.record.history.last_starts.iter().filter(|start| **start != 0).count();
            assert_eq!(starts, if is_known { STARTS } else { 0 });
        }
        for nonsense in [0, 1, 7, 353, u16::MAX] {
            let mut bytes = [0; PITCH];
            bytes[..SLOT].copy_from_slice(&slot().to_bytes());
            bytes[CORE..CORE + 2].copy_from_slice(&nonsense.to_le_bytes());
            assert_eq!(Slot::from_bytes(&bytes).unwrap().record.alive, 4242);
        }
    }

    #[test]
    fn a_start_that_0_1_0_owed_is_one_from_an_end_if_it_is_wanted_up() {
        let owed = |want: u8, byte: u8| {
            Slot::from_bytes(&with(88, &[want, 0, 0, 0, byte])).unwrap().record.owed
        };
        assert_eq!((owed(b'u', 1), owed(0, 1)), (Owed::Restart, Owed::Asked));
        assert_eq!((owed(b'u', 2), owed(b'd', 0)), (Owed::Asked, Owed::Nothing));
    }
}
