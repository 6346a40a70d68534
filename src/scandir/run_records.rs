//! `/run/svscan/DEVICE-INODE`: where root keeps the records of a scan directory in which no
//! `.svscan` can be made, for example on a read-only file system.
//!
//! The same device and inode numbers may later belong to another directory, certainly in another
//! boot. So the place records its boot and the path of the scan directory. If either is different
//! now, and no svscan or svscanboot works there, the old records are removed.

use super::entries::{BOOT_LOCK, LOCK, MESSAGES, NEW_OWNER, OWNER, PIPES, STOPPED};
use crate::service::lock;
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Facts};
use crate::sys::proc::{self, Boot, Likeness};
use crate::sys::{Errno, directory};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Parent directories to try. EL6 has only the second one.
const PARENTS: [&[u8]; 2] = [b"/run", b"/var/run"];
const NAME: &[u8] = b"svscan";
/// The longest recorded path of a scan directory.
const LONGEST: usize = 4096;

/// Opens the place for this scan directory, and makes it if `makes`.
///
/// # Errors
/// EPERM if we are not root, or if a user other than root can write a directory on the way; ENOENT
/// if the place is not there, or belongs to another scan directory; those of mkdirat(2) and
/// openat(2).
pub fn open_place(scan_directory: BorrowedFd<'_>, makes: bool) -> Result<OwnedFd, Errno> {
    if file::our_user() != 0 {
        return Err(Errno::EPERM);
    }
    let parent = PARENTS.iter().find_map(|name| open(HERE, name, Purpose::Directory).ok());
    let parent = parent.filter(|parent| is_roots_alone(parent.as_fd())).ok_or(Errno::ENOENT)?;
    open_below(parent.as_fd(), scan_directory, makes)
}

fn open_below(
    parent: BorrowedFd<'_>,
    scan_directory: BorrowedFd<'_>,
    makes: bool,
) -> Result<OwnedFd, Errno> {
    let facts = file::facts(scan_directory, b".")?;
    let name = format!("{}-{}", facts.device, facts.inode);
    let places = step_into(parent, NAME, makes)?;
    let place = step_into(places.as_fd(), name.as_bytes(), makes)?;
    if !is_in_use(place.as_fd()) && !is_of(place.as_fd(), scan_directory) {
        if !makes {
            return Err(Errno::ENOENT);
        }
        begin_anew(place.as_fd(), scan_directory)?;
    }
    Ok(place)
}

fn step_into(parent: BorrowedFd<'_>, name: &[u8], makes: bool) -> Result<OwnedFd, Errno> {
    if makes {
        match directory::make(parent, name, 0o700) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
    }
    let place = open(parent, name, Purpose::DirectoryNoLink)?;
    if is_roots_alone(place.as_fd()) { Ok(place) } else { Err(Errno::EPERM) }
}

/// Whether the directory belongs to root (we are root) and no other user can write it.
fn is_roots_alone(directory: BorrowedFd<'_>) -> bool {
    let is_it = |facts: Facts| facts.owner == file::our_user() && facts.mode & 0o022 == 0;
    file::facts_of(directory).is_ok_and(is_it)
}

/// Whether an svscan or an svscanboot works with the records in this place, that is, holds one of
/// the locks. If none does, this call holds each lock for a moment, and an svscan that starts just
/// then waits for it.
#[must_use]
pub fn is_in_use(place: BorrowedFd<'_>) -> bool {
    [LOCK, BOOT_LOCK].iter().any(|name| lock::is_name_held(place, name).unwrap_or(false))
}

/// Whether the records in this place belong to this boot and to this path.
fn is_of(place: BorrowedFd<'_>, scan_directory: BorrowedFd<'_>) -> bool {
    let Ok(file) = entry::open(place, OWNER, Access::Read, Shape::File) else { return false };
    let bytes = descriptor::read_whole(file.as_fd(), Boot::SIZE + LONGEST).unwrap_or_default();
    let Some((boot, path)) = bytes.split_first_chunk() else { return false };
    Boot::from_bytes(*boot).compare(Boot::now()) == Likeness::Same
        && path_of(scan_directory).is_ok_and(|own| own == path)
}

/// Removes the records of another scan directory or boot, and records this one as the owner.
fn begin_anew(place: BorrowedFd<'_>, scan_directory: BorrowedFd<'_>) -> Result<(), Errno> {
    // If one of them cannot be removed, the new file below cannot be made either.
    for name in [STOPPED, MESSAGES, PIPES, NEW_OWNER] {
        let _ = directory::remove(place, name);
    }
    let file = entry::make(place, NEW_OWNER, 0o600)?;
    // If we cannot find out the path, these records will not be believed later.
    let path = path_of(scan_directory).unwrap_or_default();
    let bytes = [&Boot::now().to_bytes()[..], &path].concat();
    descriptor::write_all_of(file.as_fd(), &bytes)?;
    directory::rename(place, NEW_OWNER, OWNER)
}

fn path_of(scan_directory: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    proc::path_behind(open(scan_directory, b".", Purpose::Directory)?.as_fd())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn records_of_another_path_or_boot_are_removed_unless_a_process_works_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["run", "scan"] {
            fs::create_dir(path(name)).unwrap();
        }
        fs::set_permissions(path("run"), fs::Permissions::from_mode(0o755)).unwrap();
        let [parent, scan] = ["run", "scan"].map(|name| File::open(path(name)).unwrap());
        let open = |makes| open_below(parent.as_fd(), scan.as_fd(), makes);
        assert_eq!(open(false).map(drop), Err(Errno::ENOENT));
        let place = open(true).unwrap();
        let facts = file::facts(scan.as_fd(), b".").unwrap();
        let here = path("run/svscan").join(format!("{}-{}", facts.device, facts.inode));
        let mark = here.join("stopped");
        fs::write(&mark, "x").unwrap();
        // The same directory: its records stay.
        assert!(open(false).is_ok() && open(true).is_ok() && mark.exists());
        // The directory has another path now: first while its lock is held, then afterwards.
        fs::rename(path("scan"), path("moved")).unwrap();
        let held = File::create(here.join("lock")).unwrap();
        crate::sys::flock::take(held.as_fd()).unwrap();
        assert!(is_in_use(place.as_fd()));
        assert!(open(true).is_ok() && mark.exists());
        drop(held);
        assert_eq!(open(false).map(drop), Err(Errno::ENOENT));
        assert!(open(true).is_ok() && !mark.exists());
        assert!(open(false).is_ok());
        // Another boot.
        fs::write(&mark, "x").unwrap();
        let owner = here.join("scan-directory");
        let mut bytes = fs::read(&owner).unwrap();
        bytes[0] ^= 1;
        fs::write(&owner, bytes).unwrap();
        assert!(open(true).is_ok() && !mark.exists());
        // Other users can write it.
        fs::set_permissions(&here, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(open(true).map(drop), Err(Errno::EPERM));
    }
}
