//! Names in a log directory: what has a name, how the name of a finished log is made, and which
//! logs are removed first (contract.md, sections 10.5 and 10.6).

use super::trouble::KEPT;
use crate::fill::fill;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::{Errno, directory, flock};
use crate::tai64n::{Label, TEXT};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The endings of a log that is complete, and of one that may be cut short.
pub const SAFE: &str = ".s";
/// See [`SAFE`].
pub const UNSAFE: &str = ".u";
/// How many logs to remove are found in one listing.
pub const VICTIMS: usize = 32;

/// Gives the file with the first name the second name, in a directory.
pub type Give = fn(BorrowedFd<'_>, &[u8], &[u8]) -> Result<(), Errno>;

/// A log that may be removed. Those that sort first are removed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Victim {
    /// Whether its name is not later than now.
    is_early: bool,
    name: [u8; KEPT],
}

/// The logs of a directory: how many there are, and which are removed first.
#[derive(Debug, Default)]
pub struct Logs {
    /// How many.
    pub count: usize,
    victims: [Option<Victim>; VICTIMS],
}

impl Logs {
    /// The logs in `place`: regular files that have our names. Names later than `now` are removed
    /// first, and `spared` never.
    ///
    /// # Errors
    /// Those of open(2) and getdents(2).
    pub fn of(
        place: BorrowedFd<'_>,
        now: Duration,
        spared: Option<[u8; KEPT]>,
    ) -> Result<Self, Errno> {
        let now = Label::of_unix(now).text();
        let mut logs = Self::default();
        directory::each_in(place, |directory::Listed { name, kind, .. }| {
            let Some(log) = log_name(name).filter(|_| is_regular(place, name, kind)) else {
                return;
            };
            logs.count += 1;
            if spared != Some(log) {
                logs.add(Victim { is_early: log.as_slice() <= &now[..], name: log });
            }
        })?;
        Ok(logs)
    }

    /// The logs to remove first, at most [`VICTIMS`].
    pub fn first(&self) -> impl Iterator<Item = [u8; KEPT]> {
        self.victims.iter().flatten().map(|victim| victim.name)
    }

    fn add(&mut self, mut new: Victim) {
        for place in &mut self.victims {
            match place {
                Some(old) if *old <= new => {}
                Some(old) => core::mem::swap(old, &mut new),
                None => {
                    *place = Some(new);
                    return;
                }
            }
        }
    }
}

/// The facts of the entry with this name. A link is not followed.
///
/// # Errors
/// Those of fstatat(2), ENOENT excepted.
pub fn found(place: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Facts>, Errno> {
    match file::facts_no_link(place, name) {
        Ok(facts) => Ok(Some(facts)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `name` is a name of this file.
#[must_use]
pub fn stands(place: BorrowedFd<'_>, name: &[u8], file: BorrowedFd<'_>) -> bool {
    file::facts_no_link(place, name).is_ok_and(|facts| file::same(file, &facts).is_ok())
}

/// A name made from this time, or from `later` microseconds after it: so two logs of the same
/// microsecond, or of a clock that stands still, get different names.
#[must_use]
pub fn name_of(moment: Duration, later: u64, ending: &str) -> [u8; KEPT] {
    let label = Label::of_unix(moment.saturating_add(Duration::from_micros(later))).text();
    let mut name = [b'.'; KEPT];
    fill(&mut name, label.into_iter().chain(ending.bytes()));
    name
}

/// link(2). If the file system has no hard links, or no more for this file, as [`look_and_rename`].
///
/// # Errors
/// Those of link(2) and rename(2).
pub fn link(place: BorrowedFd<'_>, name: &[u8], kept: &[u8]) -> Result<(), Errno> {
    match directory::link(place, name, kept) {
        Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK) => {
            look_and_rename(place, name, kept)
        }
        result => result,
    }
}

/// rename(2) to a free name. We hold the directory's lock, so no other multilog takes the name
/// between the look and the rename.
///
/// # Errors
/// EEXIST if the name is taken; those of rename(2).
pub fn look_and_rename(place: BorrowedFd<'_>, name: &[u8], kept: &[u8]) -> Result<(), Errno> {
    if found(place, kept)?.is_some() {
        return Err(Errno::EEXIST);
    }
    directory::rename(place, name, kept)
}

/// Whether a file has the name of a finished log too: then an interrupted run has kept it.
///
/// # Errors
/// Those of open(2) and getdents(2).
pub fn has_twin(place: BorrowedFd<'_>, facts: &Facts) -> Result<bool, Errno> {
    let mut has_twin = false;
    directory::each_in(place, |directory::Listed { name, .. }| {
        has_twin |= log_name(name).is_some()
            && found(place, name).is_ok_and(|other| {
                other
                    .is_some_and(|other| (other.device, other.inode) == (facts.device, facts.inode))
            });
    })?;
    Ok(has_twin)
}

fn is_regular(place: BorrowedFd<'_>, name: &[u8], kind: Option<Kind>) -> bool {
    let kind = kind.or_else(|| found(place, name).ok().flatten().map(|facts| facts.kind));
    kind == Some(Kind::Regular)
}

/// Recognises a name that multilog gives: `@`, 24 digits, `.s` or `.u`. Other files are not counted
/// or removed.
fn log_name(name: &[u8]) -> Option<[u8; KEPT]> {
    let log: [u8; KEPT] = name.try_into().ok()?;
    let (stamp, ending) = log.split_first_chunk::<TEXT>()?;
    let is_ours = ending == SAFE.as_bytes() || ending == UNSAFE.as_bytes();
    (is_ours && Label::of_text(stamp).is_some()).then_some(log)
}

/// Locks the directory. A lock file with a second name may belong to any user, and is replaced.
///
/// # Errors
/// EAGAIN if another multilog holds it; those of openat(2).
pub fn lock_in(place: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let is_file = |facts: &Facts| match Shape::File.fits(facts) {
        Err(Errno::EMLINK) => Ok(()),
        judged => judged,
    };
    for _ in 0..TRIES {
        let (file, facts) = entry::open_if(place, b"lock", Access::Append, is_file)?;
        flock::take(file.as_fd())?;
        if facts.links > 1 {
            directory::remove(place, b"lock")?;
        } else if stands(place, b"lock", file.as_fd()) {
            return Ok(file);
        }
    }
    Err(Errno::EAGAIN)
}

/// How often the lock file may be replaced while we take it.
const TRIES: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_later_than_now_goes_first_then_the_oldest() {
        let mut logs = Logs::default();
        let name = |digit: u8| {
            let mut name = *b"@400000000000000000000000.s";
            name[24] = digit;
            name
        };
        for digit in *b"37159" {
            logs.add(Victim { is_early: digit < b'6', name: name(digit) });
        }
        assert_eq!(logs.first().map(|name| name[24]).collect::<Vec<_>>(), *b"79135");
        for digit in 0..=255 {
            logs.add(Victim { is_early: true, name: name(digit) });
        }
        let order: Vec<u8> = logs.first().map(|name| name[24]).collect();
        assert_eq!(order[..4], [b'7', b'9', 0, 1]);
        assert_eq!(order.len(), VICTIMS);
    }

    #[test]
    fn only_names_that_we_give_are_logs() {
        assert!(log_name(b"@400000000000000000000000.s").is_some());
        for other in [
            &b"@400000000000000000000000.S"[..],
            b"@400000000000000000000000.ss",
            b"@40000000000000000000000G.u",
            b"@40000000000000000000000.u",
            b"current",
            b"",
        ] {
            assert_eq!(log_name(other), None);
        }
    }
}
