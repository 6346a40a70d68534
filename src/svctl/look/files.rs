//! The logs of a directory: which there are, and how each is opened and read. Every reader of a log
//! directory comes here.

use super::moment::{self, Log, Moment, Names};
use daemontools_rs::multilog::keeper::WHOLE;
use daemontools_rs::sys::entry::{self, Access};
use daemontools_rs::sys::file::{self, Facts, Kind};
use daemontools_rs::sys::{Errno, descriptor, directory};
use flate2::read::MultiGzDecoder;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The first bytes of a file that gzip made.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

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

/// A log directory, as [`moment`] looks at it.
struct Place<'a>(BorrowedFd<'a>);

impl Names for Place<'_> {
    type Id = Identity;
    type File = Opened;
    type Error = Errno;

    fn open(&self, name: &'static [u8]) -> Option<Opened> {
        let opened = Body::open(self.0, name);
        let is_there = match (&opened, name == moment::PROCESSED) {
            (Ok((_, facts)), true) => facts.mode & WHOLE != 0,
            (Err(_), true) | (Err(Errno::ENOENT), _) => false,
            _ => true,
        };
        is_there.then_some(opened)
    }

    fn id(file: &Opened) -> Option<Identity> {
        file.as_ref().ok().map(|(_, facts)| Identity::of(facts))
    }

    fn has_one_name(&self, file: &Opened) -> bool {
        let facts = file.as_ref().ok().map(|(body, _)| file::facts_of(body.file()));
        facts.is_some_and(|facts| facts.is_ok_and(|facts| facts.links <= 1))
    }

    fn named(&self, name: &[u8]) -> Option<Identity> {
        Identity::named(self.0, name)
    }

    fn list(&self) -> Result<Vec<Log>, Errno> {
        let mut logs = Vec::new();
        directory::each_in(self.0, |listed| logs.extend(Log::finished(listed.name)))?;
        logs.sort_unstable();
        Ok(logs)
    }
}

/// What a directory has now.
///
/// # Errors
/// Those of open(2) and getdents(2).
pub fn look(place: BorrowedFd<'_>) -> Result<Moment<Opened>, Errno> {
    moment::look(&Place(place))
}

/// Whether a file has the name of a log, finished or not.
#[must_use]
pub fn has_name(place: BorrowedFd<'_>, file: Identity) -> bool {
    moment::has_name(&Place(place), &file)
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

/// An open log and its facts, or why it cannot be opened.
pub type Opened = Result<(Body, Facts), Errno>;

/// A file that gzip's decoder reads from the beginning.
#[derive(Debug)]
pub struct File(OwnedFd);

impl io::Read for File {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        descriptor::read(self.0.as_fd(), room).map_err(io::Error::from)
    }
}

impl Body {
    /// Opens a log, and returns its facts too. The owner of the directory may have put another
    /// kind of file there.
    ///
    /// # Errors
    /// ELOOP, EINVAL for what is no regular file; those of openat(2).
    pub fn open(place: BorrowedFd<'_>, name: &[u8]) -> Result<(Self, Facts), Errno> {
        let is_file = |facts: &Facts| match facts.kind {
            Kind::Regular => Ok(()),
            _ => Err(Errno::EINVAL),
        };
        let (file, facts) = entry::open_if(place, name, Access::Read, is_file)?;
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

    /// The file.
    fn file(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain { file, .. } => file.as_fd(),
            Self::Packed(unpacked) => unpacked.get_ref().0.as_fd(),
        }
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

    /// Which file a plain log is, and how far it was read.
    #[must_use]
    pub fn place(&self) -> Option<(Identity, u64)> {
        let Self::Plain { file, at, .. } = self else { return None };
        file::facts_of(file.as_fd()).ok().map(|facts| (Identity::of(&facts), *at))
    }

    /// A plain log is read from there on.
    pub fn go_to(&mut self, place: u64) {
        if let Self::Plain { at, .. } = self {
            *at = place;
        }
    }

    /// Reads on, and returns how many bytes: 0 at the end.
    ///
    /// # Errors
    /// Why it cannot be read.
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
