//! Which scan directory is meant, and what is in it.

use crate::SVCTL;
use crate::text;
use daemontools_rs::env;
use daemontools_rs::error::Exit;
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::file::{self, Kind};
use daemontools_rs::sys::proc::{self, Worker};
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{Errno, directory};
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The usual paths of the machine's own scan directory.
pub const USUAL: [&[u8]; 2] = [b"/service", b"/etc/service"];

/// An open scan directory.
#[derive(Debug)]
pub struct Scan {
    /// Its absolute path, as it is shown.
    pub path: Vec<u8>,
    descriptor: OwnedFd,
}

/// What a name in the scan directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory, or a link to one: a service.
    Service,
    /// A link that leads nowhere: a service that svscan cannot start.
    Dangling,
    /// Anything else, which svscan ignores.
    Other,
    /// Nothing.
    Nothing,
}

impl Scan {
    /// Opens the directory that `-d` names, or else `SVDIR`, or else the first usual one that
    /// exists, or else the one in which an svscan of our own user works.
    ///
    /// # Errors
    /// The exit code, after a message.
    pub fn choose(option: Option<&[u8]>) -> Result<Self, Exit> {
        let named = option.or_else(|| env::value(b"SVDIR").filter(|value| !value.is_empty()));
        if let Some(path) = named {
            return Self::open(&typed(path));
        }
        let is_directory =
            |path: &&[u8]| file::facts(HERE, path).is_ok_and(|facts| facts.kind == Kind::Directory);
        if let Some(path) = USUAL.into_iter().find(is_directory) {
            return Self::open(path);
        }
        match &own_scans()[..] {
            [path] => Self::open(path),
            [] => {
                let text = b"unable to find a scan directory: there is no /service and no \
                    /etc/service, and no svscan of yours runs; name it with -d";
                Err(SVCTL.fatal(&[text]))
            }
            several => {
                let several: Vec<String> = several.iter().map(|path| text::name(path)).collect();
                let text = "unable to choose a scan directory, an svscan of yours works in each of";
                let _ = SVCTL.fatal(&[
                    text.as_bytes(),
                    b" ",
                    several.join(", ").as_bytes(),
                    b": name it with -d",
                ]);
                Err(Exit::USAGE)
            }
        }
    }

    fn open(path: &[u8]) -> Result<Self, Exit> {
        let descriptor = open(HERE, path, Purpose::Directory).map_err(|error| {
            SVCTL.fatal_because(&[b"unable to open ", text::name(path).as_bytes()], error)
        })?;
        Ok(Self { path: absolute(path), descriptor })
    }

    /// The names of its services and of the links that lead nowhere, sorted.
    ///
    /// # Errors
    /// Those of open(2) and getdents(2).
    pub fn services(&self) -> Result<Vec<Vec<u8>>, Errno> {
        let mut names: Vec<Vec<u8>> = directory::names_in(self.as_fd())?
            .into_iter()
            .filter(|name| !name.starts_with(b"."))
            .filter(|name| matches!(self.entry(name), Entry::Service | Entry::Dangling))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// What `name` is in the scan directory.
    #[must_use]
    pub fn entry(&self, name: &[u8]) -> Entry {
        match file::facts(self.as_fd(), name) {
            Ok(facts) if facts.kind == Kind::Directory => Entry::Service,
            Ok(_) => Entry::Other,
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG) => {
                match file::facts_no_link(self.as_fd(), name) {
                    Ok(_) => Entry::Dangling,
                    Err(_) => Entry::Nothing,
                }
            }
            // The error (no permission, or a circle of links) is reported when the service is
            // opened.
            Err(_) => Entry::Dangling,
        }
    }

    /// The path of `name` in the scan directory.
    #[must_use]
    pub fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let directory = self.path.strip_suffix(b"/").unwrap_or(&self.path);
        [directory, b"/", name].concat()
    }

    /// Whether an svscan works in it; not known if /proc does not show that.
    #[must_use]
    pub fn is_scanned(&self) -> Option<bool> {
        let facts = file::facts_of(self.as_fd()).ok()?;
        let may_look = file::our_user() == 0 || facts.owner == file::our_user();
        // Root may look at the scan directory of another user, and that user's svscan counts there.
        let is_users = ![0, file::our_user()].contains(&facts.owner);
        let is_scanned = proc::has_worker_in(&facts, b"svscan")
            || is_users && !self.workers(&[b"svscan"]).is_empty();
        (is_scanned || may_look).then_some(is_scanned)
    }

    /// The processes with one of these names that work in it: root's, our own, and those of the
    /// user who owns the directory.
    #[must_use]
    pub fn workers(&self, names: &[&[u8]]) -> Vec<Pid> {
        let Ok(facts) = file::facts_of(self.as_fd()) else { return Vec::new() };
        let pids = proc::numbers(b"/proc").unwrap_or_default().into_iter();
        let is_named = |pid| names.iter().any(|name| proc::is_named(pid, name));
        let is_owners = |pid| proc::users_of(pid).is_some_and(|users| users == [facts.owner; 3]);
        pids.filter(|&pid| proc::works_in(pid, &facts) && is_named(pid))
            .filter(|&pid| proc::is_trusted(pid) || is_owners(pid))
            .collect()
    }
}

impl AsFd for Scan {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The directories that svscans of our own user work in, each once.
fn own_scans() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for Worker { pid, directory: facts, .. } in proc::workers(b"svscan") {
        let path = format!("/proc/{pid}");
        let is_own = file::facts(HERE, path.as_bytes())
            .is_ok_and(|process| process.owner == file::our_user());
        let Ok(path) = file::link_target(HERE, format!("{path}/cwd").as_bytes()) else { continue };
        // The directory may be removed, and its name may belong to another one now.
        let has_name = file::facts(HERE, &path)
            .is_ok_and(|other| (other.device, other.inode) == (facts.device, facts.inode));
        if is_own && has_name {
            found.push(path);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The absolute path. A path that is absolute already stays as it was typed, without slashes at its
/// end.
#[must_use]
pub fn absolute(path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        let end = path.iter().rposition(|&byte| byte != b'/').map_or(1, |last| last + 1);
        return path.get(..end).unwrap_or_default().to_vec();
    }
    real(path).unwrap_or_else(|| path.to_vec())
}

/// The path that a user means who may have copied it from our output, which escapes bytes: as it
/// was typed if that exists, or else without the escapes if that exists.
#[must_use]
pub fn typed(path: &[u8]) -> Vec<u8> {
    let unescaped = text::unescaped(path);
    let is_there = |path: &[u8]| file::facts_no_link(HERE, path).is_ok();
    if !is_there(path) && is_there(&unescaped) { unescaped } else { path.to_vec() }
}

/// The path without symbolic links, if it can be resolved.
#[must_use]
pub fn real(path: &[u8]) -> Option<Vec<u8>> {
    std::fs::canonicalize(OsStr::from_bytes(path)).ok().map(|path| path.into_os_string().into_vec())
}
