//! The `supervise` directory of a service, held open: every record is made and read relative to
//! this descriptor, so that nobody can move it away under a running supervise.

use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::file::{self, Kind};
use crate::sys::{Errno, directory};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NAME: &[u8] = b"supervise";

/// The open `supervise` directory.
#[derive(Debug)]
pub struct Records {
    descriptor: OwnedFd,
}

impl Records {
    /// Opens `supervise` in the current directory, and makes it (0700) if it is not there. A link
    /// is followed once if it and the service directory are root's or our own and nobody else can
    /// write them: whoever can plant a link must not choose where root's files go. A dangling
    /// link's target is made, one level.
    ///
    /// # Errors
    /// Those of openat(2); EPERM for a link that is not trusted.
    pub fn open_or_make() -> Result<Self, Errno> {
        // What matters is whether it can be opened: a failure to make it shows there.
        let _ = directory::make(HERE, NAME, 0o700);
        let descriptor = match open(HERE, NAME, Purpose::DirectoryNoLink) {
            // A link: ELOOP, or ENOTDIR from a kernel that looks at O_DIRECTORY first.
            Err(error @ (Errno::ELOOP | Errno::ENOTDIR)) if is_link() => follow(error)?,
            other => other?,
        };
        Ok(Self { descriptor })
    }
}

impl AsFd for Records {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn is_link() -> bool {
    file::facts_no_link(HERE, NAME).is_ok_and(|facts| facts.kind == Kind::Link)
}

fn follow(refused: Errno) -> Result<OwnedFd, Errno> {
    let us = file::our_user();
    let link = file::facts_no_link(HERE, NAME)?;
    let around = file::facts(HERE, b".")?;
    let trusted = |owner: u32| owner == 0 || owner == us;
    if !trusted(link.owner) || !trusted(around.owner) || around.mode & 0o022 != 0 {
        return Err(Errno::EPERM);
    }
    let target = file::link_target(HERE, NAME)?;
    match open(HERE, &target, Purpose::DirectoryNoLink) {
        Err(Errno::ENOENT) => {
            let _ = directory::make(HERE, &target, 0o700);
            open(HERE, &target, Purpose::DirectoryNoLink)
        }
        Err(Errno::ELOOP) => Err(refused),
        other => other,
    }
}
