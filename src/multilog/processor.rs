//! A processor: `/bin/sh -c COMMAND` in the log directory, from `previous` to `processed` and from
//! `state` to `newstate` (contract.md, section 10.7). It leads a process group of its own, so that
//! its children can be killed with it.

use super::keeper::{CLOSED, Keeper};
use super::names::{SAFE, UNSAFE, found, stands};
use super::trouble::{Attempt, MULTILOG, Name, Trouble};
use crate::error::Exit;
use crate::sys::descriptor;
use crate::sys::entry::{self, Access, Shape};
use crate::sys::process::{self, End, Environment, Side};
use crate::sys::{Errno, directory, file, signal};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const SHELL: &CStr = c"/bin/sh";

/// The files of a processor, for its descriptors 0, 1, 4 and 5.
struct ProcessorFiles {
    previous: OwnedFd,
    processed: OwnedFd,
    state: OwnedFd,
    newstate: OwnedFd,
}

/// Runs the processor on `previous`, which is the open file `log`, until the processor succeeds.
/// After TERM multilog gives up, and keeps the log unprocessed.
///
/// # Errors
/// If TERM has come and the log could not be kept either.
pub fn process(
    keeper: &mut Keeper<'_>,
    command: &CStr,
    log: BorrowedFd<'_>,
) -> Result<(), Trouble> {
    loop {
        if !keeper.patience.has_time_for_processor() {
            break;
        }
        let Some(files) = open(keeper, log)? else {
            // Another program has replaced or removed `previous`: there is nothing to process.
            return keeper.keep("previous", UNSAFE);
        };
        let name = keeper.settings.name.as_slice();
        let pid = match process::fork() {
            Ok(Side::Child) => process::leave(become_shell(command, keeper.place, &files).number()),
            Ok(Side::Parent(pid)) => pid,
            Err(error) => {
                let attempt = Attempt::on_directory("fork for processor in ");
                if keeper.patience.pause(|| Trouble { attempt, error }.pausing(name)) {
                    continue;
                }
                break;
            }
        };
        let what: &[u8] = match keeper.patience.wait_for_processor(pid) {
            Ok(End::Code(0)) if stands(keeper.place, b"processed", files.processed.as_fd()) => {
                return take_over(keeper, &files);
            }
            Ok(End::Code(_)) => b"processor failed in ",
            Ok(End::Killed(_)) => b"processor crashed in ",
            Err(_) => b"wait failed for processor in ",
        };
        if keeper.patience.is_told_to_end() {
            MULTILOG.warning(&[what, name]);
            break;
        }
        let say = || MULTILOG.warning(&[what, name, b", pausing"]);
        if !keeper.patience.pause(say) || keeper.patience.is_told_to_end() {
            break;
        }
    }
    keeper.remove("processed")?;
    keeper.keep("previous", UNSAFE)
}

fn become_shell(command: &CStr, place: BorrowedFd<'_>, files: &ProcessorFiles) -> Exit {
    // A fresh child leads no session: this cannot fail.
    let _ = process::new_group();
    signal::ignore_size_limit(false);
    signal::ready_for_exec();
    if let Err(error) = directory::change_to(place) {
        return MULTILOG.fatal_because(&[b"unable to switch to the directory of a log"], error);
    }
    // First copy the descriptors to high numbers: one of them may have a number that another one
    // needs.
    let placed =
        [(&files.previous, 0), (&files.processed, 1), (&files.state, 4), (&files.newstate, 5)]
            .map(|(file, number)| (descriptor::copy_from(file.as_fd(), 10), number));
    for (copy, number) in placed {
        let result = copy.and_then(|copy| {
            descriptor::set_blocking(copy.as_fd(), true)?;
            descriptor::place_at(copy.as_fd(), number)
        });
        if let Err(error) = result {
            return MULTILOG.fatal_because(&[b"unable to set up descriptors"], error);
        }
    }
    let error = process::exec(SHELL, &[SHELL, c"-c", command], &Environment::Inherited);
    MULTILOG.fatal_because(&[b"unable to run ", SHELL.to_bytes()], error)
}

/// Opens the files of a processor. `None` if `previous` is no longer the log. The files that it
/// writes are made anew for each try, so that no other process has them open.
fn open(keeper: &mut Keeper<'_>, log: BorrowedFd<'_>) -> Result<Option<ProcessorFiles>, Trouble> {
    let place = keeper.place;
    let previous = keeper.insist(Attempt::on("read ", "previous"), || {
        let is_log = |facts: &file::Facts| file::same(log, facts);
        match entry::open_if(place, b"previous", Access::Read, is_log) {
            Ok((previous, _)) => Ok(Some(previous)),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::EINVAL) => Ok(None),
            Err(error) => Err(error),
        }
    })?;
    let Some(previous) = previous else { return Ok(None) };
    keeper.remove("processed")?;
    let new = Access::Update;
    let processed = keeper.make(Attempt::on("create ", "processed"), "processed", new)?;
    let state = state(keeper)?;
    keeper.remove("newstate")?;
    let newstate = keeper.make(Attempt::on("create ", "newstate"), "newstate", new)?;
    Ok(Some(ProcessorFiles { previous, processed, state, newstate }))
}

/// Opens `state`, what the last processor saved, or makes it empty. It must be a regular file.
fn state(keeper: &mut Keeper<'_>) -> Result<OwnedFd, Trouble> {
    let place = keeper.place;
    let state = keeper.insist(Attempt::on("read ", "state"), || {
        match entry::open(place, b"state", Access::Read, Shape::File) {
            Ok(state) => Ok(Some(state)),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::EISDIR | Errno::EINVAL | Errno::EMLINK) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    })?;
    if let Some(state) = state {
        return Ok(state);
    }
    keeper.remove("state")?;
    keeper.make(Attempt::on("write to ", "state"), "state", Access::Update)
}

/// The processor has succeeded: `processed` and `newstate` replace `previous` and `state`.
fn take_over(keeper: &mut Keeper<'_>, files: &ProcessorFiles) -> Result<(), Trouble> {
    let place = keeper.place;
    let (processed, newstate) = (files.processed.as_fd(), files.newstate.as_fd());
    keeper.insist(Attempt::to_sync("processed"), || file::sync(processed))?;
    keeper.insist(Attempt::to_sync("newstate"), || file::sync(newstate))?;
    keeper
        .insist(Attempt::on("set mode of ", "processed"), || file::set_mode(processed, CLOSED))?;
    keeper.remove("previous")?;
    let attempt = Attempt::new("rename newstate to state in directory ", Name::Directory);
    keeper.insist(attempt, || match found(place, b"newstate")? {
        // The processor or another program has removed `newstate`: the old `state` stays.
        None => Ok(()),
        Some(_) => directory::rename(place, b"newstate", b"state"),
    })?;
    keeper.keep("processed", SAFE)
}
