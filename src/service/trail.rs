//! The way from a service directory to its records, where `supervise` is a link: step by step, so
//! that it is known whose links and directories led there.
//!
//! What is root's or our own may lead anywhere. What is another user's may lead to what is that
//! user's: root's svc in his service directory reaches his supervise, and no link of his makes it
//! reach another's. What several users had a hand in leads nowhere, and what anyone can write does
//! not either. supervise, svscan and the commands go by this one rule.

use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::{Errno, directory};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The name of the records in a service directory.
pub(super) const NAME: &[u8] = b"supervise";
/// How many links are followed: as many as the kernel follows.
const LINKS: u8 = 40;
const STICKY: u32 = 0o1000;

/// How the way is gone.
#[derive(Debug)]
pub enum Feet<'a> {
    /// By opening each directory, from this one on; our own directory stays.
    Open(BorrowedFd<'a>, Option<OwnedFd>),
    /// By changing our own directory, from the current one on: the right to search is enough.
    Change,
}

/// Whom the directory at the end has to belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// Anybody: only root and we had a hand in the way.
    Nobody,
    To(u32),
}

/// Goes from where `feet` stand to the records, through the link of their name. With `makes`, a
/// directory that is missing at the end is made, if it may be ours.
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
    /// After a link or directory of this user.
    fn by(self, owner: u32) -> Result<Self, Errno> {
        if owner == 0 || owner == file::our_user() { Ok(self) } else { self.to(owner) }
    }

    /// After a name that was looked up in this directory: who can write it decides what stands there.
    /// Its group may lead to what is its owner's. In a sticky directory each link is its owner's.
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

    /// Whether a directory of our own may stand at the end.
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
    /// What the directory is in which they stand.
    fn place(&self) -> Result<Facts, Errno> {
        file::facts(self.as_fd(), b".")
    }

    /// Steps into directory `name`, never through a link.
    ///
    /// # Errors
    /// ELOOP or ENOTDIR for a link and what is no directory, EAGAIN for one that was swapped just
    /// now; those of openat(2) or chdir(2).
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
        // chdir(2) follows links: this one did not if it led to what was seen.
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
        mode: 0o755,
        size: 0,
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
