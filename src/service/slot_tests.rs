//! What a slot holds is read as it was written, by earlier and later programs too.

use super::*;
use crate::service::record::STARTS;

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
            // The core is believed all the same.
            assert_eq!(read, Slot::from_bytes(&bytes[..CORE]), "bit {bit}");
            assert!(read.is_some());
        }
    }
    assert_eq!(Slot::from_bytes(&bytes[..CORE - 1]), None);
    assert_eq!(Slot::from_bytes(&[0; PITCH]), None);
}

/// A slot with other bytes at one offset, and a core checksum to match.
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
    // 0.1.0 did not write the added part.
    let read = Slot::from_bytes(&old).unwrap();
    let history = slot().record.history;
    assert_eq!(read.record.history.last_starts, [0; STARTS]);
    assert_eq!(read.record.history.label, history.label);
    assert_eq!(read.record.alive, 4242);
    assert_eq!(read.origin.boot[24..], [0; 8]);
    // 0.1.0 overwrites the core alone: the added part then belongs to another record.
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
    // Longer, by fields that we do not know; and shorter, as an intermediate version wrote it.
    for (length, is_known) in [(ADDED + 40, true), (2 + 2 + 8 + 8 + SUM, false)] {
        let mut bytes = [0; PITCH];
        bytes[..SLOT].copy_from_slice(&slot().to_bytes());
        bytes[CORE..CORE + 2].copy_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        let sum = checksum(&bytes[CORE - SUM..CORE + length - SUM]);
        bytes[CORE + length - SUM..CORE + length].copy_from_slice(&sum.to_le_bytes());
        let read = Slot::from_bytes(&bytes).unwrap();
        assert_eq!((read.origin, read.record.alive), (slot().origin, 5000));
        let starts = read.record.history.last_starts.iter().filter(|start| **start != 0).count();
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
