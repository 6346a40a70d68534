//! Processes looked for by name, by the directory they work in, or by their group.

use super::{Process, is_named, numbers, path_of, read_file};
use crate::sys::descriptor::HERE;
use crate::sys::file::{self, Facts};
use crate::sys::process::Pid;

/// Whether process `pid` works in the directory of these facts.
#[must_use]
pub fn works_in(pid: Pid, directory: &Facts) -> bool {
    let mut path = [0; 32];
    path_of(pid, b"/cwd", &mut path)
        .and_then(|path| file::facts(HERE, path))
        .is_ok_and(|cwd| (cwd.device, cwd.inode) == (directory.device, directory.inode))
}

/// Whether process `pid` was started in the directory of these facts, by the PWD in the
/// environment it was exec'd with.
#[must_use]
pub fn was_started_in(pid: Pid, directory: &Facts) -> bool {
    let mut path = [0; 32];
    let Ok(path) = path_of(pid, b"/environ", &mut path) else { return false };
    let mut text = vec![0; 1 << 17];
    let length = read_file(path, &mut text).unwrap_or(0);
    let mut strings = text.get(..length).unwrap_or_default().split(|&byte| byte == 0);
    let place = strings.find_map(|string| string.strip_prefix(b"PWD="));
    place.is_some_and(|place| {
        file::facts(HERE, place)
            .is_ok_and(|found| (found.device, found.inode) == (directory.device, directory.inode))
    })
}

/// Whether process group and session `leader` still has a member that was there at `moment`: then
/// its number cannot have been given to anyone else since.
#[must_use]
pub fn has_member_since(leader: Pid, moment: u64) -> bool {
    numbers(b"/proc").unwrap_or_default().into_iter().any(|pid| {
        Process::read(pid).is_ok_and(|found| {
            found.group == leader && found.session == leader && found.start <= moment
        })
    })
}

/// Whether a process is root's or our own: nobody else's name or descriptors mean anything.
#[must_use]
pub fn is_trusted(pid: Pid) -> bool {
    let mut path = [0; 32];
    path_of(pid, b"", &mut path)
        .and_then(|path| file::facts(HERE, path))
        .is_ok_and(|facts| facts.owner == 0 || facts.owner == file::our_user())
}

/// Every process of this name, root's or our own, that works in the directory of these facts. The directory is looked
/// at first: that costs a third of what the name does.
#[must_use]
pub fn workers_in(directory: &Facts, name: &[u8]) -> Vec<Pid> {
    let pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.filter(|&pid| works_in(pid, directory) && is_named(pid, name) && is_trusted(pid)).collect()
}

/// Every process of this name, root's or our own, with the facts of the directory it works in.
#[must_use]
pub fn working_directories(name: &[u8]) -> Vec<(Pid, Facts)> {
    let with_facts = |pid| {
        let mut path = [0; 32];
        let path = path_of(pid, b"/cwd", &mut path).ok()?;
        Some((pid, file::facts(HERE, path).ok()?))
    };
    processes_named(name).into_iter().filter_map(with_facts).collect()
}

/// Every process of this name, root's or our own.
#[must_use]
pub fn processes_named(name: &[u8]) -> Vec<Pid> {
    let pids = numbers(b"/proc").unwrap_or_default().into_iter();
    pids.filter(|&pid| is_named(pid, name) && is_trusted(pid)).collect()
}
