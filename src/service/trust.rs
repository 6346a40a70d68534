//! Whether to believe a journal. A user who can write the `supervise` directory could forge one and
//! make root's supervise adopt, and later kill, any process. So a journal is believed only if the
//! file has the marks that [`doubt`] checks. One of them is the mode 01600: root's other programs
//! may write files into that directory, some with contents that its owner chose (a log, a copy),
//! but none sets the sticky bit on a file.

use super::record::{Origin, Record};
use super::slot::Slot;
use crate::sys::file::{self, Facts};
use crate::sys::proc::{Boot, Likeness};
use crate::sys::{Errno, clock};

/// The mode that marks a journal of ours.
pub const MODE: u32 = 0o1600;
/// The mode of a journal of 0.1.0.
pub const FORMER_MODE: u32 = 0o600;

/// Why a record is not fully believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Only the mark is missing: 0.1.0 did not set it.
    Unmarked,
    /// Another user may have written it.
    Alien(&'static str),
}

/// A record of this directory and, as far as we know, of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub record: Record,
    /// Why it is not fully believed, if so.
    pub doubt: Option<Doubt>,
}

/// Why a journal is not used that was copied, with the rest of a service directory.
pub const OF_ANOTHER_DIRECTORY: &str = "of another directory";

/// What an opened journal says.
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No record: there is no journal, or one of another boot.
    Nothing,
    /// A record.
    Found(Found),
    /// No usable record, and why.
    Ignored(&'static str),
    /// It could not be opened or read.
    Failed(Errno),
}

/// Why a journal file with these facts is not fully believed, if so.
pub fn doubt(facts: &Facts) -> Option<Doubt> {
    doubt_as_of(facts, file::our_user())
}

/// As [`doubt`], for the journal of a supervise that runs as user `owner`.
pub fn doubt_as_of(facts: &Facts, owner: u32) -> Option<Doubt> {
    if facts.owner != owner {
        Some(Doubt::Alien("owned by another user"))
    } else if facts.links > 1 {
        Some(Doubt::Alien("has another name"))
    } else if facts.mode & 0o022 != 0 {
        Some(Doubt::Alien("writable by others"))
    } else if facts.mode == FORMER_MODE {
        Some(Doubt::Unmarked)
    } else if facts.mode != MODE {
        Some(Doubt::Alien("without the mark of a journal"))
    } else {
        None
    }
}

/// What a slot says, if it is valid in this boot and directory.
#[must_use]
pub fn judge(slot: &Slot, here: &Origin, doubt: Option<Doubt>) -> Finding {
    let [recorded, now] = [slot.origin.boot, here.boot].map(Boot::from_bytes);
    match recorded.compare(now) {
        Likeness::Another => return Finding::Nothing,
        // The boots cannot be compared. But a start that would be later than now was made in
        // another boot.
        Likeness::Unknown if slot.record.history.started > clock::monotonic() => {
            return Finding::Nothing;
        }
        Likeness::Unknown | Likeness::Same => {}
    }
    if (slot.origin.device, slot.origin.inode) != (here.device, here.inode) {
        return Finding::Ignored(OF_ANOTHER_DIRECTORY);
    }
    Finding::Found(Found { record: slot.record, doubt })
}

#[cfg(test)]
mod tests {
    use super::super::record::{History, ProcessIdentity};
    use super::*;
    use crate::sys::file::Kind;
    use core::time::Duration;

    const HERE: Origin = Origin { boot: [7; 32], device: 2, inode: 3 };

    fn slot(origin: Origin) -> Slot {
        let record = Record {
            service: Some(ProcessIdentity { pid: 42, start: 4242 }),
            alive: 4300,
            supervise: ProcessIdentity { pid: 41, start: 4141 },
            history: History { started: Duration::from_nanos(1), ..History::default() },
            ..Record::default()
        };
        Slot { sequence: 5, origin, record }
    }

    fn judged(origin: Origin) -> Finding {
        judge(&slot(origin), &HERE, None)
    }

    #[test]
    fn a_record_of_another_boot_is_nothing_and_one_of_another_directory_has_a_reason() {
        let believed = Finding::Found(Found { record: slot(HERE).record, doubt: None });
        assert_eq!(judged(HERE), believed);
        for place in [0, 20, 30] {
            let mut boot = HERE.boot;
            boot[place] ^= 1;
            assert_eq!(judged(Origin { boot, ..HERE }), Finding::Nothing, "byte {place}");
        }
        let another = Finding::Ignored(OF_ANOTHER_DIRECTORY);
        assert_eq!(judged(Origin { inode: 9, ..HERE }), another);
        assert_eq!(judged(Origin { device: 9, ..HERE }), another);
    }

    #[test]
    fn without_a_boot_id_only_the_clock_can_say_that_it_is_another_boot() {
        let unknown = Origin { boot: [0; 32], ..HERE };
        assert!(matches!(judge(&slot(unknown), &unknown, None), Finding::Found(_)));
        assert!(matches!(judge(&slot(HERE), &unknown, None), Finding::Found(_)));
        let mut later = slot(unknown);
        later.record.history.started = clock::monotonic() + Duration::from_secs(1000);
        assert_eq!(judge(&later, &unknown, None), Finding::Nothing);
    }

    #[test]
    fn only_our_own_mark_is_beyond_doubt() {
        let facts = Facts {
            kind: Kind::Regular,
            device: 1,
            inode: 1,
            links: 1,
            owner: file::our_user(),
            group: 0,
            mode: 0o1600,
            size: 1024,
            changed: core::time::Duration::ZERO,
        };
        assert_eq!(doubt(&facts), None);
        assert_eq!(doubt(&Facts { mode: 0o600, ..facts }), Some(Doubt::Unmarked));
        for alien in [
            Facts { owner: facts.owner + 1, ..facts },
            Facts { links: 2, ..facts },
            Facts { mode: 0o1620, ..facts },
            Facts { mode: 0o1602, ..facts },
            // The mode of multilog's files, and a few others.
            Facts { mode: 0o644, ..facts },
            Facts { mode: 0o744, ..facts },
            Facts { mode: 0o1644, ..facts },
            Facts { mode: 0o4600, ..facts },
        ] {
            assert!(matches!(doubt(&alien), Some(Doubt::Alien(_))), "{alien:?}");
        }
    }
}
