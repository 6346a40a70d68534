//! Services that still run although their names are gone from the scan directory. The successor of
//! a killed or re-executed svscan finds them in the record of held services, so that it keeps their
//! pipes and its orderly stop reaches them. Their directories may be gone too.

use super::finder::Finder;
use super::pipes;
use crate::scandir::pipe_records::PipeRecords;
use crate::service;
use crate::svscan::adopted::Adopted;
use crate::svscan::entry::{Entry, Supervise};
use crate::svscan::late_log::LateLog;
use crate::svscan::plan::{Key, Role};
use crate::sys::descriptor::{Purpose, open};
use crate::sys::process::Pid;
use crate::sys::{Errno, proc};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};

/// The entry of a service that is recorded but was not seen, if it still has a supervise.
#[must_use]
pub fn find(key: Key, records: &mut PipeRecords, running: &Finder) -> Option<Entry> {
    let [main, log] = Role::BOTH.map(|role| running.supervise(key, role));
    main.or(log)?;
    let place = |pid: Option<Pid>, rest: &[u8]| {
        pid.ok_or(Errno::ESRCH).and_then(|pid| proc::open_working_directory(pid, rest))
    };
    let directory = place(main, b"").or_else(|_| place(log, b"/..")).ok()?;
    let log_directory =
        place(log, b"").or_else(|_| open(directory.as_fd(), b"log", Purpose::Directory)).ok();
    let has_log = log_directory.is_some() || service::has_log(directory.as_fd());
    let pipe = log_directory.as_ref().and_then(|log| {
        let recorded = records.get(key);
        let found = pipes::find(recorded, directory.as_fd(), log.as_fd(), running);
        pipes::keep(records, key, found).ok()
    });
    Some(Entry {
        name: proc::name_of(directory.as_fd()).ok()?,
        pipe,
        log: has_log.then(|| adopt(log, log_directory, running)),
        main: adopt(main, Some(directory), running),
        was_seen: false,
        late_log: LateLog::default(),
    })
}

fn adopt(pid: Option<Pid>, directory: Option<OwnedFd>, running: &Finder) -> Supervise {
    let by_name = directory.and_then(|place| Adopted::find_in(place.as_fd(), running));
    let adopted = by_name.or_else(|| Adopted::of(pid?));
    adopted.map_or(Supervise::Idle(Duration::ZERO, None), Supervise::Adopted)
}
