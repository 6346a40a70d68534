//! The logs of a directory: which there are, their order, and how each is opened and read.

use crate::look::logger;
use daemontools_rs::sys::file::{self, Facts};
use daemontools_rs::sys::{Errno, descriptor, directory};
use daemontools_rs::tai64n::{Label, TEXT};
use flate2::read::MultiGzDecoder;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The first bytes of a file that gzip made.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A finished log, whose name says when it ended; or `previous`, which multilog is about to rename.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Log {
    /// Its name.
    pub name: Vec<u8>,
    /// When it was finished, by its name.
    pub end: Option<Label>,
}

impl Log {
    /// The log of this name, if multilog gives such names to finished logs.
    #[must_use]
    pub fn finished(name: &[u8]) -> Option<Self> {
        let (label, ending) = name.split_first_chunk::<TEXT>()?;
        let end = Label::of_text(label)?;
        (ending == b".s" || ending == b".u").then(|| Self { name: name.to_vec(), end: Some(end) })
    }

    /// A log of this name, which does not say when it ended.
    #[must_use]
    pub fn named(name: &[u8]) -> Self {
        Self { name: name.to_vec(), end: None }
    }

    /// Whether its multilog was killed, or the machine failed: it may end in the middle of a line.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.name.ends_with(b".u")
    }
}

/// The device and inode number of a file: the same under each of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(u64, u64);

impl Identity {
    /// The identity in these facts.
    #[must_use]
    pub const fn of(facts: &Facts) -> Self {
        Self(facts.device, facts.inode)
    }

    /// The identity of the file of this name.
    #[must_use]
    pub fn named(place: BorrowedFd<'_>, name: &[u8]) -> Option<Self> {
        file::facts_no_link(place, name).ok().map(|facts| Self::of(&facts))
    }
}

/// The finished logs of a directory, in the order of their names, and `previous`.
///
/// # Errors
/// Those of open(2) and getdents(2).
pub fn list(place: BorrowedFd<'_>) -> Result<Vec<Log>, Errno> {
    let mut logs = Vec::new();
    let mut has_previous = false;
    directory::each_in(place, |directory::Listed { name, .. }| {
        has_previous |= name == b"previous";
        logs.extend(Log::finished(name));
    })?;
    logs.sort_unstable();
    if let Some(previous) = Identity::named(place, b"previous").filter(|_| has_previous) {
        // While multilog renames it, `previous` has the name of a finished log too.
        if !is_among(place, &logs, previous) {
            logs.push(Log::named(b"previous"));
        }
    }
    Ok(logs)
}

/// Whether a file has one of these names. The newest is tried first: most often it is that.
fn is_among(place: BorrowedFd<'_>, logs: &[Log], file: Identity) -> bool {
    logs.iter().rev().any(|log| Identity::named(place, &log.name) == Some(file))
}

/// Whether a file has a name of a finished log.
#[must_use]
pub fn is_finished(place: BorrowedFd<'_>, file: Identity) -> bool {
    let mut logs = list(place).unwrap_or_default();
    logs.retain(|log| log.end.is_some());
    is_among(place, &logs, file)
}

/// Whether a file has a name of a finished log, or is `previous`.
#[must_use]
pub fn has_name(place: BorrowedFd<'_>, file: Identity) -> bool {
    is_among(place, &list(place).unwrap_or_default(), file)
}

/// Why a log is not read.
#[derive(Debug)]
pub enum Trouble {
    /// A system call failed.
    System(Errno),
    /// It is compressed and damaged.
    Damaged,
}

impl Trouble {
    /// The reason in words.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::System(Errno::ELOOP | Errno::EINVAL | Errno::EISDIR | Errno::ENXIO) => {
                "it is no regular file"
            }
            Self::System(error) => daemontools_rs::error::words(*error),
            Self::Damaged => "its compressed data are damaged",
        }
    }
}

/// An open log.
#[derive(Debug)]
pub enum Body {
    /// A plain log, as multilog writes it.
    Plain {
        /// The file.
        file: OwnedFd,
        /// Where to read on.
        at: u64,
        /// How far to read, if not to its end.
        end: Option<u64>,
    },
    /// A log compressed by gzip.
    Packed(Box<MultiGzDecoder<File>>),
}

/// A file that gzip's decoder reads from the beginning.
#[derive(Debug)]
pub struct File(OwnedFd);

impl io::Read for File {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        descriptor::read(self.0.as_fd(), room).map_err(io::Error::from)
    }
}

impl Body {
    /// Opens a log, and returns its facts too.
    ///
    /// # Errors
    /// As [`logger::open_log`].
    pub fn open(place: BorrowedFd<'_>, name: &[u8]) -> Result<(Self, Facts), Errno> {
        let (file, facts) = logger::open_log(place, name)?;
        Ok((Self::of(file, name == b"current")?, facts))
    }

    /// `is_plain`: whether it is not compressed.
    fn of(file: OwnedFd, is_plain: bool) -> Result<Self, Errno> {
        let mut magic = [0; 2];
        let count = if is_plain { 0 } else { descriptor::read_at(file.as_fd(), &mut magic, 0)? };
        Ok(if count == 2 && magic == MAGIC {
            Self::Packed(Box::new(MultiGzDecoder::new(File(file))))
        } else {
            Self::Plain { file, at: 0, end: None }
        })
    }

    /// A second descriptor of a plain log: while it is open, no other file gets the log's inode
    /// number.
    #[must_use]
    pub fn hold(&self) -> Option<OwnedFd> {
        match self {
            Self::Plain { file, .. } => file.try_clone().ok(),
            Self::Packed(_) => None,
        }
    }

    /// Reads on, and returns how many bytes: 0 at the end.
    ///
    /// # Errors Why it cannot be read.
    pub fn read(&mut self, room: &mut [u8]) -> Result<usize, Trouble> {
        match self {
            Self::Plain { file, at, end } => {
                let left = end.map_or(u64::MAX, |end| end.saturating_sub(*at));
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
                let room = room.get_mut(..most).unwrap_or_default();
                if room.is_empty() {
                    return Ok(0);
                }
                let count = read_at(file, *at, room).map_err(Trouble::System)?;
                *at += count as u64;
                Ok(count)
            }
            Self::Packed(unpacked) => {
                io::Read::read(unpacked, room).map_err(|error| match error.raw_os_error() {
                    Some(number) => Trouble::System(Errno::from_raw(number)),
                    None => Trouble::Damaged,
                })
            }
        }
    }
}

/// pread(2) at a place in a log.
///
/// # Errors
/// Those of pread(2).
pub fn read_at(file: &OwnedFd, place: u64, room: &mut [u8]) -> Result<usize, Errno> {
    let place = i64::try_from(place).map_err(|_| Errno::EFBIG)?;
    descriptor::read_at(file.as_fd(), room, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_multilog_gives_are_finished_logs() {
        let log = Log::finished(b"@4000000037c219c92ef02e94.s").unwrap();
        assert_eq!(log.end.map(Label::unix_seconds), Some(935_467_455));
        assert!(!log.is_cut() && Log::finished(b"@4000000037c219c92ef02e94.u").unwrap().is_cut());
        for name in [
            "@4000000037c219c92ef02e94",
            "@4000000037c219c92ef02e94.sx",
            "@x.s",
            "current",
            "state",
        ] {
            assert_eq!(Log::finished(name.as_bytes()), None, "{name}");
        }
    }
}
