//! Services whose names are gone from the scan directory and that still run: the successor of a
//! killed or re-executed svscan finds them by the record of what was held, so that it keeps their
//! pipes and the orderly stop reaches them. Their directories may be gone too.

use super::pipes::{self, Finder};
use crate::scandir::pipe_records::{Key, PipeRecords};
use crate::service;
use crate::svscan::entry::{Adopted, Entry, Supervise};
use crate::svscan::plan::Identity;
use crate::sys::descriptor::{HERE, Purpose, open};
use crate::sys::process::Pid;
use crate::sys::{Errno, file, proc};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};

/// The supervises of one service.
#[derive(Debug, Default)]
struct Supervises {
    main: Option<Pid>,
    log: Option<Pid>,
}

/// Of the services `lost`, recorded but not seen, those that still have a supervise.
#[must_use]
pub fn find(
    lost: &BTreeSet<Key>,
    records: &PipeRecords,
    running: &Finder,
) -> Vec<(Identity, Entry)> {
    let mut found: BTreeMap<Key, Supervises> = BTreeMap::new();
    for (pid, here) in running.all() {
        if lost.contains(&here) {
            found.entry(here).or_default().main = Some(pid);
        } else if let Ok(around) = around(pid)
            && lost.contains(&around)
        {
            found.entry(around).or_default().log = Some(pid);
        }
    }
    let entries = found.into_iter().filter_map(|(key, supervises)| {
        let identity = Identity { device: key.0, inode: key.1 };
        Some((identity, hold(&supervises, records.get(key), running).ok()?))
    });
    entries.collect()
}

/// The directory around the one that a process works in.
fn around(pid: Pid) -> Result<Key, Errno> {
    let directory = proc::open_working_directory(pid, b"/..")?;
    let facts = file::facts_of(directory.as_fd())?;
    Ok((facts.device, facts.inode))
}

fn hold(supervises: &Supervises, recorded: Option<u64>, running: &Finder) -> Result<Entry, Errno> {
    let place = |pid: Option<Pid>, rest: &[u8]| {
        pid.ok_or(Errno::ESRCH).and_then(|pid| proc::open_working_directory(pid, rest))
    };
    let main = place(supervises.main, b"").or_else(|_| place(supervises.log, b"/.."))?;
    let log =
        place(supervises.log, b"").or_else(|_| open(main.as_fd(), b"log", Purpose::Directory));
    let has_log = log.is_ok() || service::has_log(main.as_fd());
    Ok(Entry {
        name: proc::name_of(main.as_fd())?,
        pipe: log.as_ref().ok().and_then(|log| pipes::find(recorded, &main, log, running)),
        log: has_log.then(|| adopt(supervises.log, log)),
        main: adopt(supervises.main, Ok(main)),
    })
}

fn adopt(pid: Option<Pid>, directory: Result<OwnedFd, Errno>) -> Supervise {
    let again =
        || directory.as_ref().ok().map(|place| open(place.as_fd(), b".", Purpose::Directory));
    let by_name = again().and_then(|place| Adopted::find_in(place.ok()?));
    let adopted = by_name.or_else(|| Adopted::of(pid?, again()?.ok()?));
    adopted.map_or(Supervise::Idle(Duration::ZERO, None), Supervise::Adopted)
}

/// Whether this service still stands under this name.
#[must_use]
pub fn is_there(identity: Identity, name: &[u8]) -> bool {
    file::facts(HERE, name)
        .is_ok_and(|facts| (facts.device, facts.inode) == (identity.device, identity.inode))
}
