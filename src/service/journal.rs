//! `supervise/journal`: what the 18 bytes of the status cannot hold, so that the successor of a
//! killed supervise can recognise the running service as its own. An addition of ours.
//!
//! It has two checksummed slots, overwritten in turn, in a file that is made once. So a record can
//! be written on a full disk, and if supervise dies in the middle of a write, the record before it
//! is still whole. [`super::trust`] decides whether to believe a record, [`super::record`] has its
//! contents; other programs read it through [`super::onlooker`].

use super::entries::{JOURNAL, NEW_JOURNAL};
use super::record::{Origin, Record};
use super::records::Records;
use super::slot::{PITCH, SLOT, Slot};
use super::trust::{Doubt, FORMER_MODE, Finding, Found, MODE, doubt, judge};
use crate::sys::descriptor::{self, HERE};
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Facts};
use crate::sys::proc::Boot;
use crate::sys::{Errno, directory};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Size of the file in bytes.
const FILE: usize = 2 * PITCH;

/// The journal of a supervise that holds the lock.
#[derive(Debug)]
pub struct Journal {
    origin: Origin,
    sequence: u64,
    /// The file to read at first, and then to write into. Without one, the first write makes a new
    /// file.
    file: Option<File>,
    /// Why not to trust what the file holds at first.
    doubt: Option<Doubt>,
    /// Why there is no file.
    error: Option<Errno>,
    /// Whether the image before us handed the file over.
    is_handed: bool,
}

#[derive(Debug)]
struct File {
    descriptor: OwnedFd,
    device: u64,
    inode: u64,
    size: u64,
}

/// The origin of a record that is written for this service directory now.
pub(super) fn origin(directory: BorrowedFd<'_>) -> Result<Origin, Errno> {
    let facts = file::facts(directory, b".")?;
    let boot = Boot::now().to_bytes();
    Ok(Origin { boot, device: facts.device, inode: facts.inode })
}

impl Journal {
    /// Opens the journal of the current directory's service. A journal that the image before us
    /// handed over is certainly ours.
    ///
    /// # Errors
    /// Those of stat(2), for the service directory.
    pub fn open(records: &Records, handed: Option<OwnedFd>) -> Result<Self, Errno> {
        let is_handed = handed.is_some();
        let opened = match handed {
            Some(descriptor) => file::facts_of(descriptor.as_fd()).map(|facts| (descriptor, facts)),
            None => open_file(records, Access::Update),
        };
        let (file, doubt, error) = match opened {
            Ok((descriptor, facts)) => {
                let doubt = if is_handed { None } else { doubt(&facts) };
                let Facts { device, inode, size, .. } = facts;
                (Some(File { descriptor, device, inode, size }), doubt, None)
            }
            Err(error) => (None, None, Some(error)),
        };
        Ok(Self { origin: origin(HERE)?, sequence: 0, file, doubt, error, is_handed })
    }

    /// Reads the journal. Call this once, before the first write.
    pub fn read(&mut self) -> Finding {
        let Some(file) = &self.file else {
            return self.error.map_or(Finding::Nothing, of_error);
        };
        let mut bytes = [0; PITCH];
        let read = newest(file.descriptor.as_fd(), file.size, &mut bytes);
        let slot = read.map(|read| (read, Slot::from_bytes(&bytes)));
        // Other processes may have this file open to write, or it is none of ours: leave it, and
        // make a new one under its name.
        if self.doubt.is_some() || file.size != FILE as u64 {
            self.file = None;
        }
        match slot {
            Ok((Read::Slot, Some(slot))) => {
                self.sequence = slot.sequence;
                if self.is_handed {
                    return Finding::Found(Found { record: slot.record, doubt: None });
                }
                judge(&slot, &self.origin, self.doubt)
            }
            Ok((Read::Empty, _)) => Finding::Nothing,
            Ok((Read::Torn(reason), _)) => match self.doubt {
                Some(Doubt::Alien(first)) => Finding::Ignored(first),
                Some(Doubt::Unmarked) | None => Finding::Ignored(reason),
            },
            Ok((Read::Slot, None)) => Finding::Failed(Errno::EIO),
            Err(error) => Finding::Failed(error),
        }
    }

    /// Writes `record` over the older slot. If the file under the journal's name is not the one
    /// that we made, or other users may write it, it writes a new file and renames it to that name.
    ///
    /// # Errors
    /// Those of pwrite(2), and of openat(2) and renameat(2) for a new file; EIO if less than a slot
    /// was written.
    pub fn write(&mut self, records: &Records, record: &Record) -> Result<(), Errno> {
        // After a failed write the next one goes to the same slot: the other slot holds the last
        // good record.
        let sequence = self.sequence.wrapping_add(1);
        let result = match &self.file {
            Some(file) if file.is_ours_in(records) => self.put(&file.descriptor, sequence, record),
            old => match self.renew(records, sequence, record) {
                Ok(new) => {
                    self.file = Some(new);
                    Ok(())
                }
                Err(error) => {
                    if let Some(old) = old {
                        // It may still have the journal's name, or get it back.
                        let _ = self.put(&old.descriptor, sequence, record);
                    }
                    Err(error)
                }
            },
        };
        result.map(|()| self.sequence = sequence)
    }

    /// Makes a new file of full size, so that no later record needs room on the disk. It is
    /// complete before it is renamed to the journal's name.
    fn renew(&self, records: &Records, sequence: u64, record: &Record) -> Result<File, Errno> {
        let place = records.as_fd();
        let descriptor = entry::make(place, NEW_JOURNAL, FORMER_MODE)?;
        let made = file::set_mode(descriptor.as_fd(), MODE)
            .and_then(|()| give_size(descriptor.as_fd()))
            .and_then(|()| self.put(&descriptor, sequence, record))
            .and_then(|()| directory::rename(place, NEW_JOURNAL, JOURNAL))
            .and_then(|()| file::facts_of(descriptor.as_fd()));
        match made {
            Ok(Facts { device, inode, size, .. }) => Ok(File { descriptor, device, inode, size }),
            Err(error) => {
                // It has no use, and a full disk needs its room.
                let _ = directory::remove(place, NEW_JOURNAL);
                Err(error)
            }
        }
    }

    /// Writes one slot: an odd sequence number goes to the second one. Never inlined: its buffer
    /// and the caller's path names would be on the stack together.
    #[inline(never)]
    fn put(&self, file: &OwnedFd, sequence: u64, record: &Record) -> Result<(), Errno> {
        let offset = if sequence % 2 == 0 { 0 } else { 512 };
        let slot = Slot::encode(sequence, &self.origin, record);
        match descriptor::write_at(file.as_fd(), &slot, offset)? {
            SLOT => Ok(()),
            _ => Err(Errno::EIO),
        }
    }

    /// Whether the file that we write into still has the journal's name.
    #[must_use]
    pub fn is_in(&self, records: &Records) -> bool {
        self.file.as_ref().is_some_and(|file| file.is_ours_in(records))
    }

    /// The file, to hand over to the next image.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(|file| file.descriptor.as_fd())
    }
}

/// Gives a new file its full size, by writing the first byte and the last. So the disk has room for
/// every block of it.
fn give_size(file: BorrowedFd<'_>) -> Result<(), Errno> {
    for at in [0, 1023] {
        if descriptor::write_at(file, &[0], at)? != 1 {
            return Err(Errno::ENOSPC);
        }
    }
    Ok(())
}

impl File {
    fn is_ours_in(&self, records: &Records) -> bool {
        file::facts_no_link(records.as_fd(), JOURNAL).is_ok_and(|facts| {
            (facts.device, facts.inode) == (self.device, self.inode) && doubt(&facts).is_none()
        })
    }
}

/// Whether the journal was removed from `supervise` while that directory is still in its place. An
/// admin does this to say that the process in the journal is not the service.
#[must_use]
pub fn was_removed(records: &Records) -> bool {
    records.are_in_place() && file::facts_no_link(records.as_fd(), JOURNAL) == Err(Errno::ENOENT)
}

/// What a journal that was opened to read says.
pub(super) fn judged(
    file: BorrowedFd<'_>,
    facts: &Facts,
    here: &Origin,
    doubt: Option<Doubt>,
) -> Result<Finding, Errno> {
    let mut bytes = [0; PITCH];
    Ok(match newest(file, facts.size, &mut bytes)? {
        Read::Slot => match Slot::from_bytes(&bytes) {
            Some(slot) => judge(&slot, here, doubt),
            None => Finding::Nothing,
        },
        Read::Empty => Finding::Nothing,
        Read::Torn(reason) => Finding::Ignored(reason),
    })
}

/// Opens the journal. A link is not followed; a second name is left to [`Doubt`].
pub(super) fn open_file(records: &Records, access: Access) -> Result<(OwnedFd, Facts), Errno> {
    let is_file = |facts: &Facts| match Shape::File.fits(facts) {
        // `doubt_as_of` reports a second name with a message of its own.
        Err(Errno::EMLINK) => Ok(()),
        other => other,
    };
    entry::open_if(records.as_fd(), JOURNAL, access, is_file)
}

fn of_error(error: Errno) -> Finding {
    match error {
        Errno::ENOENT => Finding::Nothing,
        Errno::ELOOP | Errno::EINVAL | Errno::EISDIR => Finding::Ignored("not a regular file"),
        Errno::EACCES | Errno::EPERM => Finding::Ignored("owned by another user"),
        error => Finding::Failed(error),
    }
}

/// What the two slots hold.
enum Read {
    /// A record whose checksum is right.
    Slot,
    /// No record was ever written.
    Empty,
    /// No record has the right checksum.
    Torn(&'static str),
}

/// Reads into `bytes` the later one of the slots whose checksum is right.
fn newest(file: BorrowedFd<'_>, size: u64, bytes: &mut [u8; PITCH]) -> Result<Read, Errno> {
    if size != FILE as u64 && size != 0 {
        return Ok(Read::Torn("unexpected size"));
    }
    let (mut newest, mut is_empty) = (None, true);
    for at in [0, PITCH] {
        // Empty: the supervise that made it was killed before its first record.
        if read_slot(file, bytes, at)? {
            is_empty &= bytes.iter().all(|&byte| byte == 0);
            newest = newest.max(Slot::sequence_in(bytes).map(|sequence| (sequence, at)));
        }
    }
    match newest {
        Some((_, at)) if read_slot(file, bytes, at)? => Ok(Read::Slot),
        _ if is_empty => Ok(Read::Empty),
        _ => Ok(Read::Torn("checksum does not match")),
    }
}

fn read_slot(file: BorrowedFd<'_>, bytes: &mut [u8; PITCH], at: usize) -> Result<bool, Errno> {
    let at = i64::try_from(at).unwrap_or(0);
    match descriptor::read_at(file, bytes, at)? {
        PITCH => Ok(true),
        0 => Ok(false),
        _ => Err(Errno::EIO),
    }
}
