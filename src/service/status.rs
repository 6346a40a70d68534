//! `supervise/status`: 18 bytes that anyone may read (contract.md, section 3.3), replaced whole.

use super::entries::{NEW_STATUS, STATUS};
use super::records::Records;
use super::request::Want;
use crate::fill::fill;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Facts};
use crate::sys::{Errno, descriptor, directory};
use crate::tai64n::Label;
use std::os::fd::AsFd;

/// How many bytes a status has.
pub const SIZE: usize = 18;

/// What the status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// When the pid last changed.
    pub label: Label,
    /// The service's process; 0 while it is down.
    pub pid: u32,
    /// Whether `p` paused it. Never set while it is down.
    pub is_paused: bool,
    /// What it is wanted to be.
    pub want: Want,
}

impl Status {
    /// Label big-endian, pid little-endian, paused, want.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let parts = self.label.to_bytes().into_iter().chain(self.pid.to_le_bytes());
        let parts = parts.chain([u8::from(self.is_paused), self.want.to_byte()]);
        fill(&mut bytes, parts);
        bytes
    }

    /// Decodes a status. Any 18 bytes are valid.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SIZE]) -> Self {
        let [label @ .., p, i, d, s, paused, want] = bytes;
        Self {
            label: Label::from_bytes(label),
            pid: u32::from_le_bytes([p, i, d, s]),
            is_paused: paused != 0,
            want: Want::from_byte(want),
        }
    }
}

/// Which step of a publication failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// `status.new` could not be made.
    Open(Errno),
    /// It could not be written.
    Write(Errno),
    /// Fewer than 18 bytes were written.
    Partial,
    /// It could not be renamed to `status`.
    Rename(Errno),
}

/// Replaces the status: a reader sees the old 18 bytes or the new ones. Not synced: a status
/// outlives no reboot.
///
/// # Errors
/// The step that failed; the old status is then still there.
pub fn publish(records: &Records, status: Status) -> Result<(), PublishError> {
    let place = records.as_fd();
    // Always a new file: another user may have put a link or a file under this name.
    let file = entry::make(place, NEW_STATUS, 0o644).map_err(PublishError::Open)?;
    match descriptor::write(file.as_fd(), &status.to_bytes()) {
        Ok(SIZE) => {}
        Ok(_) => return Err(PublishError::Partial),
        Err(error) => return Err(PublishError::Write(error)),
    }
    directory::rename(place, NEW_STATUS, STATUS).map_err(PublishError::Rename)
}

/// Why a status could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The file could not be opened.
    Open(Errno),
    /// It could not be read.
    Read(Errno),
    /// It has fewer than 18 bytes.
    BadFormat,
}

/// Reads the status of the service with these records. Bytes after the 18th are ignored.
///
/// # Errors
/// See [`ReadError`].
pub fn read(records: &Records) -> Result<Status, ReadError> {
    let file = entry::open(records.as_fd(), STATUS, Access::Read, Shape::File);
    let file = file.map_err(|error| match error {
        // For a directory 0.76 reports that it cannot read it.
        Errno::EISDIR => ReadError::Read(error),
        other => ReadError::Open(other),
    })?;
    match descriptor::read_array(file.as_fd()) {
        Ok(Some(bytes)) => Ok(Status::from_bytes(bytes)),
        Ok(None) => Err(ReadError::BadFormat),
        Err(error) => Err(ReadError::Read(error)),
    }
}

/// The status that a supervise before us left. `None` unless the file is regular, has one name,
/// belongs to root or to us, and no other user can write it.
#[must_use]
pub fn left_behind(records: &Records) -> Option<Status> {
    let is_trusted = |facts: &Facts| {
        let is_ours = facts.owner == 0 || facts.owner == file::our_user();
        let is_trusted = is_ours && facts.mode & 0o022 == 0;
        if is_trusted { Shape::File.fits(facts) } else { Err(Errno::EPERM) }
    };
    let (file, _) = entry::open_if(records.as_fd(), STATUS, Access::Read, is_trusted).ok()?;
    descriptor::read_array(file.as_fd()).ok()?.map(Status::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_0_76() {
        let label = Label::from_bytes(*b"\x40\0\0\0\x37\xc2\x19\xbf\x2e\xf0\x2e\x94");
        let status = Status { label, pid: 0x0102_0304, is_paused: true, want: Want::Down };
        let bytes = *b"\x40\0\0\0\x37\xc2\x19\xbf\x2e\xf0\x2e\x94\x04\x03\x02\x01\x01d";
        assert_eq!(status.to_bytes(), bytes);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for pid in [0, 1, 255, 256, 4_194_304, u32::MAX] {
            for is_paused in [false, true] {
                for want in [Want::Up, Want::Down, Want::Once] {
                    let status = Status { label: Label::default(), pid, is_paused, want };
                    assert_eq!(Status::from_bytes(status.to_bytes()), status);
                }
            }
        }
    }
}
