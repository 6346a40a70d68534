//! The way from a service directory to its records if `supervise` is a link. We follow the links
//! ourselves, step by step, to see which users own the links and directories on the way.
//!
//! Links and directories of root's or our own may lead anywhere. Those of another user may lead
//! only to a directory of that same user: so root's svc reaches the supervise of user U through U's
//! service directory, and no link of U's makes it reach the supervise of another user. A way
//! through links of several other users is refused, and so is one through a directory that all
//! users can write. supervise, svscan and the commands share this one rule.

use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::{Errno, directory};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The name of the records in a service directory.
pub(super) const NAME: &[u8] = b"supervise";
/// How many links are followed: as many as the kernel follows.
const LINKS: u8 = 40;
const STICKY: u32 = 0o1000;

/// How to move from directory to directory.
#[derive(Debug)]
pub enum Feet<'a> {
    /// Open each directory, beginning with this one. The current directory stays the same.
    Open(BorrowedFd<'a>, Option<OwnedFd>),
    /// Change the current directory at each step. This needs only the right to search.
    Change,
}

/// Which user must own the directory at the end of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// Any user: all links and directories so far belong to root or to us.
    Nobody,
    /// This user, to whom a link or directory on the way belongs.
    To(u32),
}

/// Goes from where `feet` stand to the records, through the link `supervise`. With `makes`, it
/// makes the directory at the end if it is missing and may be ours.
///
/// # Errors
/// EPERM for a way that is not trusted; ELOOP for too many links; those of openat(2) or chdir(2).
pub fn follow(feet: &mut Feet<'_>, makes: bool) -> Result<(), Errno> {
    let mut bound = Bound::Nobody;
    let mut left = vec![NAME.to_vec()];
    let mut links = 0;
    while let Some(name) = left.pop() {
        bound = bound.by_directory(&feet.place()?)?;
        let found = match file::facts_no_link(feet.as_fd(), &name) {
            Err(Errno::ENOENT) if makes && left.is_empty() && bound.lets_us() => {
                directory::make(feet.as_fd(), &name, 0o700)?;
                file::facts_no_link(feet.as_fd(), &name)?
            }
            other => other?,
        };
        if found.kind != Kind::Link {
            feet.step(&name)?;
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(Errno::ELOOP);
        }
        bound = bound.by(found.owner)?;
        let target = file::link_target(feet.as_fd(), &name)?;
        if target.first() == Some(&b'/') {
            feet.step(b"/")?;
        }
        let parts = target.rsplit(|&byte| byte == b'/').filter(|part| !part.is_empty());
        left.extend(parts.map(<[u8]>::to_vec));
    }
    bound.reaches(&feet.place()?)
}

impl Bound {
    /// The bound after a link or directory of this user.
    fn by(self, owner: u32) -> Result<Self, Errno> {
        if owner == 0 || owner == file::our_user() { Ok(self) } else { self.to(owner) }
    }

    /// The bound after a name was looked up in this directory, since users who can write the
    /// directory decide what the name leads to. If its group can write it, the way may lead only to
    /// what its owner owns. In a sticky directory, each entry belongs to its own owner.
    fn by_directory(self, facts: &Facts) -> Result<Self, Errno> {
        match facts.mode & 0o022 {
            _ if facts.mode & STICKY != 0 => self.by(facts.owner),
            0 => self.by(facts.owner),
            0o020 => self.to(facts.owner),
            _ => Err(Errno::EPERM),
        }
    }

    fn to(self, owner: u32) -> Result<Self, Errno> {
        match self {
            Self::To(other) if other != owner => Err(Errno::EPERM),
            Self::Nobody | Self::To(_) => Ok(Self::To(owner)),
        }
    }

    fn reaches(self, end: &Facts) -> Result<(), Errno> {
        match self {
            Self::To(owner) if owner != end.owner => Err(Errno::EPERM),
            Self::Nobody | Self::To(_) => Ok(()),
        }
    }

    /// Whether the directory at the end may be our own.
    fn lets_us(self) -> bool {
        self == Self::Nobody || self == Self::To(file::our_user())
    }
}

impl AsFd for Feet<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Open(start, at) => at.as_ref().map_or(*start, AsFd::as_fd),
            Self::Change => HERE,
        }
    }
}

impl Feet<'_> {
    /// The facts of the directory in which they stand.
    fn place(&self) -> Result<Facts, Errno> {
        file::facts(self.as_fd(), b".")
    }

    /// Steps into directory `name`, never through a link.
    ///
    /// # Errors
    /// ELOOP or ENOTDIR for a link or anything else that is no directory; EAGAIN if it was replaced
    /// at this moment; those of openat(2) or chdir(2).
    pub fn step(&mut self, name: &[u8]) -> Result<(), Errno> {
        if let Self::Open(..) = self {
            let next = open(self.as_fd(), name, Purpose::DirectoryNoLink)?;
            if let Self::Open(_, at) = self {
                *at = Some(next);
            }
            return Ok(());
        }
        let seen = file::facts_no_link(HERE, name)?;
        match seen.kind {
            Kind::Directory => {}
            Kind::Link => return Err(Errno::ELOOP),
            Kind::Regular | Kind::Fifo | Kind::Other => return Err(Errno::ENOTDIR),
        }
        directory::change(name)?;
        // chdir(2) follows links. If we are now in the directory seen before, it followed none.
        let reached = self.place()?;
        let is_it = (reached.device, reached.inode) == (seen.device, seen.inode);
        if is_it { Ok(()) } else { Err(Errno::EAGAIN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: Facts = Facts {
        kind: Kind::Directory,
        device: 0,
        inode: 0,
        links: 2,
        owner: 0,
        group: 0,
        mode: 0o755,
        size: 0,
        changed: core::time::Duration::ZERO,
    };

    #[test]
    fn what_is_ones_own_leads_anywhere_and_what_is_another_s_to_what_is_his() {
        let us = file::our_user();
        let (one, other) = (us + 1000, us + 1001);
        let of = |owner| Facts { owner, ..DIRECTORY };
        for own in [0, us] {
            let bound = Bound::Nobody.by(own).unwrap().by_directory(&of(own)).unwrap();
            assert!([0, us, one].into_iter().all(|end| bound.reaches(&of(end)).is_ok()));
            assert!(bound.lets_us());
        }
        for bound in [Bound::Nobody.by(one), Bound::Nobody.by_directory(&of(one))] {
            let bound = bound.unwrap().by(0).unwrap().by(one).unwrap();
            assert_eq!(bound.reaches(&of(one)), Ok(()));
            for end in [0, us, other] {
                assert_eq!(bound.reaches(&of(end)), Err(Errno::EPERM));
            }
            assert_eq!(bound.by(other), Err(Errno::EPERM));
            assert!(!bound.lets_us());
        }
    }

    #[test]
    fn a_directory_that_others_can_write_leads_nowhere_or_to_what_is_its_owner_s() {
        let us = file::our_user();
        let of = |mode| Facts { owner: us, mode, ..DIRECTORY };
        let by = |mode| Bound::Nobody.by_directory(&of(mode));
        assert_eq!(by(0o777), Err(Errno::EPERM));
        assert_eq!(by(0o757), Err(Errno::EPERM));
        assert_eq!(by(0o775), Ok(Bound::To(us)));
        assert_eq!(by(0o1777), Ok(Bound::Nobody));
        assert!(Bound::To(us).lets_us());
    }
}
