//! Opens entries that another user may have planted: those of `supervise/`, of `.svscan/` and of a
//! log directory.
//!
//! The owner of such a directory can replace each entry by a link, a second name of another file, a
//! FIFO, a device or a directory, at any moment. So an entry is looked at before it is opened (the
//! mere open of some devices does something), opened with O_NOFOLLOW and O_NOCTTY, and looked at
//! again before the descriptor is used. Nothing is truncated, and no mode is set, before that
//! second look.

use super::descriptor::open_with;
use super::file::{self, Facts, Kind};
use super::{Errno, directory};
use nix::fcntl::OFlag;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What the entry is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To read and write.
    Update,
    /// To write at the end; made (0600 less the umask) if it is not there.
    Append,
}

/// What the entry has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A regular file with one name.
    File,
    /// A FIFO with one name.
    Fifo,
}

/// How often to try again if an entry changes between the two looks.
const TRIES: u8 = 50;

/// Opens entry `name` of `directory` if it has this shape.
///
/// # Errors
/// ELOOP for a link, EISDIR for a directory, EINVAL for another shape, EMLINK for a second name,
/// EAGAIN for an entry that does not stop changing; those of openat(2).
pub fn open(
    directory: BorrowedFd<'_>,
    name: &[u8],
    access: Access,
    shape: Shape,
) -> Result<OwnedFd, Errno> {
    open_if(directory, name, access, |facts| shape.fits(facts)).map(|(opened, _)| opened)
}

/// Opens entry `name` of `directory` if `judge` accepts it both before and after the open. Returns
/// it with its facts.
///
/// # Errors
/// ELOOP for a link; the error of `judge`; EAGAIN for an entry that does not stop changing; those
/// of openat(2).
pub fn open_if(
    directory: BorrowedFd<'_>,
    name: &[u8],
    access: Access,
    judge: impl Fn(&Facts) -> Result<(), Errno>,
) -> Result<(OwnedFd, Facts), Errno> {
    for _ in 0..TRIES {
        let opened = match file::facts_no_link(directory, name) {
            Ok(facts) if facts.kind == Kind::Link => return Err(Errno::ELOOP),
            // It was replaced during the look, as `status` is at each change.
            Ok(facts) if facts.links == 0 => continue,
            Ok(facts) => {
                judge(&facts)?;
                open_with(directory, name, access.flags() | OFlag::O_NOFOLLOW, 0)
            }
            Err(Errno::ENOENT) if access == Access::Append => {
                open_with(directory, name, access.flags() | NEW, 0o600)
            }
            Err(error) => return Err(error),
        };
        match opened {
            Ok(opened) => {
                let facts = file::facts_of(opened.as_fd())?;
                // Without a name it was replaced since the look: try again.
                if facts.links > 0 {
                    judge(&facts)?;
                    return Ok((opened, facts));
                }
            }
            // It was made or removed since the look: try again.
            Err(Errno::EEXIST | Errno::ENOENT) if access == Access::Append => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::EAGAIN)
}

/// Makes entry `name` of `directory` as a new file with `mode` less the umask.
///
/// # Errors
/// EEXIST if there is an entry of that name; those of openat(2).
pub fn create(
    directory: BorrowedFd<'_>,
    name: &[u8],
    access: Access,
    mode: u32,
) -> Result<OwnedFd, Errno> {
    open_with(directory, name, access.flags() | NEW, mode)
}

/// Makes entry `name` of `directory` as a new file with `mode` less the umask, to read and write.
/// An entry of that name is removed first: so no other process has our new file open, and it has no
/// second name.
///
/// # Errors
/// EISDIR if a directory has the name; EEXIST if an entry keeps coming back; those of openat(2) and
/// unlinkat(2).
pub fn make(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<OwnedFd, Errno> {
    for _ in 0..TRIES {
        match open_with(directory, name, OFlag::O_RDWR | NEW, mode) {
            Err(Errno::EEXIST) => match directory::remove(directory, name) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(error) => return Err(error),
            },
            other => return other,
        }
    }
    Err(Errno::EEXIST)
}

const NEW: OFlag = OFlag::O_CREAT.union(OFlag::O_EXCL).union(OFlag::O_NOFOLLOW);

impl Access {
    const fn flags(self) -> OFlag {
        match self {
            Self::Read => OFlag::O_RDONLY,
            Self::Write => OFlag::O_WRONLY,
            Self::Update => OFlag::O_RDWR,
            Self::Append => OFlag::O_WRONLY.union(OFlag::O_APPEND),
        }
    }
}

impl Shape {
    /// Whether a file is of this shape.
    ///
    /// # Errors
    /// As [`open`].
    pub fn fits(self, facts: &Facts) -> Result<(), Errno> {
        let wanted = match self {
            Self::File => Kind::Regular,
            Self::Fifo => Kind::Fifo,
        };
        match facts.kind {
            kind if kind == wanted && facts.links == 1 => Ok(()),
            kind if kind == wanted => Err(Errno::EMLINK),
            Kind::Directory => Err(Errno::EISDIR),
            Kind::Link => Err(Errno::ELOOP),
            Kind::Regular | Kind::Fifo | Kind::Other => Err(Errno::EINVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn tried(
        place: &std::path::Path,
        name: &str,
        access: Access,
        shape: Shape,
    ) -> Result<(), Errno> {
        let directory = fs::File::open(place).unwrap();
        open(directory.as_fd(), name.as_bytes(), access, shape).map(drop)
    }

    #[test]
    fn only_what_has_the_shape_and_one_name_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        fs::write(place.join("file"), "x").unwrap();
        symlink("file", place.join("link")).unwrap();
        symlink("/dev/null", place.join("device")).unwrap();
        fs::create_dir(place.join("directory")).unwrap();
        fs::write(place.join("one"), "x").unwrap();
        fs::hard_link(place.join("one"), place.join("two")).unwrap();
        crate::sys::directory::make_fifo(fs::File::open(place).unwrap().as_fd(), b"fifo", 0o600)
            .unwrap();
        for access in [Access::Read, Access::Write, Access::Update, Access::Append] {
            let tried = |name, shape| tried(place, name, access, shape);
            assert_eq!(tried("file", Shape::File), Ok(()));
            assert_eq!(tried("file", Shape::Fifo), Err(Errno::EINVAL));
            assert_eq!(tried("link", Shape::File), Err(Errno::ELOOP));
            assert_eq!(tried("device", Shape::File), Err(Errno::ELOOP));
            assert_eq!(tried("directory", Shape::File), Err(Errno::EISDIR));
            assert_eq!(tried("one", Shape::File), Err(Errno::EMLINK));
            assert_eq!(tried("fifo", Shape::File), Err(Errno::EINVAL));
        }
        assert_eq!(tried(place, "fifo", Access::Read, Shape::Fifo), Ok(()));
        assert_eq!(tried(place, "none", Access::Read, Shape::File), Err(Errno::ENOENT));
        assert_eq!(tried(place, "none", Access::Append, Shape::File), Ok(()));
        assert!(place.join("none").is_file());
        assert_eq!(fs::read(place.join("file")).unwrap(), b"x");
    }

    #[test]
    fn a_file_that_is_replaced_all_the_time_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let publish = || {
            fs::write(place.join("status.new"), "x").unwrap();
            fs::rename(place.join("status.new"), place.join("status")).unwrap();
        };
        publish();
        let is_done = std::sync::atomic::AtomicBool::new(false);
        let done = std::sync::atomic::Ordering::Relaxed;
        let opened = fs::File::open(place).unwrap();
        let replaced = std::thread::scope(|scope| {
            let publisher = scope.spawn(|| {
                let mut times = 0;
                while !is_done.load(done) {
                    publish();
                    times += 1;
                }
                times
            });
            let mut failed = Ok(());
            for _ in 0..20_000 {
                let read = open(opened.as_fd(), b"status", Access::Read, Shape::File);
                failed = failed.and(read.map(drop));
            }
            is_done.store(true, done);
            failed.unwrap();
            publisher.join().unwrap()
        });
        assert!(replaced > 10, "{replaced}");
    }

    #[test]
    fn what_is_made_is_new_whatever_stood_there() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let opened = fs::File::open(place).unwrap();
        fs::write(place.join("precious"), "x").unwrap();
        symlink("precious", place.join("link")).unwrap();
        symlink("none", place.join("dangling")).unwrap();
        fs::hard_link(place.join("precious"), place.join("second")).unwrap();
        for name in ["new", "link", "dangling", "second"] {
            let made = make(opened.as_fd(), name.as_bytes(), 0o600).unwrap();
            let facts = file::facts_of(made.as_fd()).unwrap();
            assert_eq!((facts.kind, facts.links, facts.size), (Kind::Regular, 1, 0), "{name}");
        }
        assert_eq!(fs::read(place.join("precious")).unwrap(), b"x");
        assert!(!place.join("none").exists());
        fs::create_dir(place.join("directory")).unwrap();
        assert!(make(opened.as_fd(), b"directory", 0o600).is_err());
    }
}
