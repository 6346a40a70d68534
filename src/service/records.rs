//! The `supervise` directory of a service. Every file in it is made and read relative to the open
//! directory, so that a rename of a directory on the path changes nothing between two calls.
//! supervise and svscan hold it open, and so do svc, svok and svstat if they can. If not, they make
//! it their current directory: that needs only the right to search (a delegated `supervise` is
//! often 0711).

use super::trail::{Feet, NAME, follow};
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::{Errno, directory, proc};
use core::cell::OnceCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The `supervise` directory of a service.
#[derive(Debug)]
pub struct Records {
    /// `None`: it is the current directory.
    descriptor: Option<OwnedFd>,
    /// The service directory that it belongs to, from its first use on.
    service: OnceCell<Facts>,
}

impl Records {
    /// Opens `supervise` in the current directory, and makes it (0700) if it is not there. A link
    /// is followed as [`trail`](super::trail) has it; a dangling link's target is made, one level.
    ///
    /// # Errors
    /// Those of openat(2); EPERM for a link that is not trusted.
    pub fn open_or_make() -> Result<Self, Errno> {
        // If this fails, opening the directory fails too and reports it.
        let _ = directory::make(HERE, NAME, 0o700);
        let service = file::facts(HERE, b".")?;
        let descriptor = match open(HERE, NAME, Purpose::DirectoryNoLink) {
            Err(error) if is_link(HERE, error) => {
                // Step by step: that needs no right to read the directories on the way.
                let home = directory::current()?;
                let reached = follow(&mut Feet::Change, true).and_then(|()| directory::current());
                directory::change_to(home.as_fd())?;
                reached
            }
            other => other,
        };
        Ok(Self { descriptor: Some(descriptor?), service: service.into() })
    }

    /// Opens the records of the service in `directory`.
    ///
    /// # Errors
    /// As [`Records::open_or_make`].
    pub fn find(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let service = file::facts(directory, b".")?;
        let descriptor = match open(directory, NAME, Purpose::DirectoryNoLink) {
            Err(error) if is_link(directory, error) => {
                let mut feet = Feet::Open(directory, None);
                follow(&mut feet, false)?;
                open(feet.as_fd(), b".", Purpose::DirectoryNoLink)
            }
            other => other,
        };
        Ok(Self { descriptor: Some(descriptor?), service: service.into() })
    }

    /// Goes from the current directory, a service directory, into its records. The current
    /// directory may have changed afterwards, even if this failed.
    ///
    /// # Errors
    /// Those of chdir(2); EPERM for a link that is not trusted.
    pub fn enter() -> Result<Self, Errno> {
        // `supervise` is rarely a link, and rarely closed to us: then one call is enough.
        if let Ok(descriptor) = open(HERE, NAME, Purpose::DirectoryNoLink) {
            return Ok(Self { descriptor: Some(descriptor), service: OnceCell::new() });
        }
        let service = file::facts(HERE, b".")?;
        match Feet::Change.step(NAME) {
            Err(Errno::ELOOP) => follow(&mut Feet::Change, false)?,
            other => other?,
        }
        Ok(Self { descriptor: None, service: service.into() })
    }

    /// Whether the service in `name` below the current directory has no records, not even a link to
    /// some.
    #[must_use]
    pub fn are_missing(name: &[u8]) -> bool {
        let path = [name, b"/", NAME].concat();
        file::facts_no_link(HERE, &path) == Err(Errno::ENOENT)
    }

    /// The facts of the service directory that they belong to.
    ///
    /// # Errors
    /// Those of stat(2).
    pub(super) fn service(&self) -> Result<Facts, Errno> {
        if let Some(service) = self.service.get() {
            return Ok(*service);
        }
        // We came here through no link, so the service directory is the parent.
        let service = file::facts(self.as_fd(), b"..")?;
        Ok(*self.service.get_or_init(|| service))
    }

    /// Whether a user other than root and us could plant entries here.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        file::facts(self.as_fd(), b".").is_ok_and(|facts| {
            let is_ours = facts.owner == 0 || facts.owner == file::our_user();
            !is_ours || facts.mode & 0o022 != 0
        })
    }

    /// Whether a supervise works in the service directory and has the FIFO of these facts open.
    /// Then the FIFO is the service's own even if it has a second name: `cp -al` gives it one, and
    /// so can any user who can search the directory, where the kernel permits such links.
    pub(super) fn are_heard_through(&self, fifo: &Facts) -> bool {
        let supervises = self.service().map(|service| proc::workers_in(&service, NAME));
        supervises.unwrap_or_default().into_iter().any(|pid| proc::has_open(pid, fifo))
    }
}

impl Records {
    /// Goes on with the directory that the image before us handed over. Its service directory is
    /// the current directory.
    #[must_use]
    pub fn resume(descriptor: OwnedFd) -> Option<Self> {
        let facts = file::facts_of(descriptor.as_fd()).ok()?;
        let service = file::facts(HERE, b".").ok()?;
        let is_directory = facts.kind == Kind::Directory;
        is_directory.then(|| Self { descriptor: Some(descriptor), service: service.into() })
    }

    /// Whether the directory that we hold open is still there under its name in the current
    /// directory, the service directory.
    #[must_use]
    pub fn are_in_place(&self) -> bool {
        let named = file::facts(HERE, NAME);
        named.is_ok_and(|named| file::same(self.as_fd(), &named).is_ok())
    }
}

impl AsFd for Records {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_ref().map_or(HERE, AsFd::as_fd)
    }
}

/// Whether an open failed because of a link: ELOOP, or ENOTDIR from a kernel that checks
/// O_DIRECTORY first.
fn is_link(directory: BorrowedFd<'_>, error: Errno) -> bool {
    matches!(error, Errno::ELOOP | Errno::ENOTDIR)
        && file::facts_no_link(directory, NAME).is_ok_and(|facts| facts.kind == Kind::Link)
}
