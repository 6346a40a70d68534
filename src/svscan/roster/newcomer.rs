//! A service that svscan sees for the first time: its logger, its pipe, and the supervises that may
//! run there already.

use super::{Roster, Round};
use crate::scandir::pipe_records::NO_PIPE;
use crate::service;
use crate::svscan::SVSCAN;
use crate::svscan::adopted::Adopted;
use crate::svscan::entry::{Entry, LogPipe, Supervise, has_exited, has_no_records};
use crate::svscan::heir::finder::{Finder, is_there};
use crate::svscan::heir::pipes;
use crate::svscan::late_log::LateLog;
use crate::svscan::plan::{Ending, Key, Role};
use crate::sys::descriptor::HERE;
use crate::sys::{Errno, proc};
use core::time::Duration;
use std::os::fd::AsFd;

impl Roster {
    /// Holds a new service and starts what it has.
    pub(super) fn hold(&mut self, key: Key, name: Vec<u8>, round: Round) {
        let has_log = match service::has_logger(HERE, &name) {
            Ok(has_log) => has_log,
            Err(error) => return round.complain(&[b"unable to stat ", &name, b"/log"], error),
        };
        let find = |role: Role| Adopted::find_below(&[&name, role.suffix()].concat(), &self.finder);
        let [mut main, mut log] = [find(Role::Main), has_log.then(|| find(Role::Log)).flatten()];
        if self.is_heir {
            // Also look for supervises by their working directory: the names may be vanishing.
            let by_place = |role| self.finder.supervise(key, role).and_then(Adopted::of);
            main = main.or_else(|| by_place(Role::Main));
            log = log.or_else(|| by_place(Role::Log));
        }
        let has_log = has_log || log.is_some();
        let is_found = [main.is_some(), !has_log || log.is_some()];
        let somebody_runs = main.is_some() || log.is_some();
        if !somebody_runs && !is_there(key, &name) {
            // It has gone since the listing was read. Its record stays.
            return;
        }
        for (role, is_found) in Role::BOTH.into_iter().zip(is_found) {
            if !is_found && self.may_run_unseen(key, &name, role) {
                let reason = b": its directory supervise was removed, and there is no /proc";
                let text: &[&[u8]] = &[b"unable to see whether ", &name, role.suffix(), b" runs"];
                SVSCAN.warning(&[text, &[reason, b"; starting it"]].concat());
            }
        }
        let supervise = |found: Option<Adopted>, role: Role| match found {
            Some(adopted) => Supervise::Adopted(adopted),
            None if self.left_before_hangup(key, &name, role) => {
                Supervise::Idle(round.next_tick, Some(Ending::Left))
            }
            None => Supervise::Idle(Duration::ZERO, None),
        };
        let (main, log) = (supervise(main, Role::Main), has_log.then(|| supervise(log, Role::Log)));
        let mut entry =
            Entry { name, pipe: None, main, log, was_seen: false, late_log: LateLog::default() };
        if has_log {
            match self.obtain_pipe(key, &entry, somebody_runs) {
                Ok(pipe) => entry.pipe = Some(pipe),
                Err(error) => {
                    return round.complain(&[b"unable to create pipe for ", &entry.name], error);
                }
            }
        } else {
            // If the record cannot be written, only a successor lacks it.
            let _ = self.records.put(key, NO_PIPE);
        }
        self.insert(key, entry);
        for role in Role::BOTH {
            let held = self.entries.get(&key).and_then(|entry| entry.supervise(role));
            if matches!(held, Some(Supervise::Idle(Duration::ZERO, _))) {
                self.start(key, role);
            }
        }
    }

    /// Whether a supervise that an svscan before us started may run here although we found none: it
    /// left its marks in a directory that was removed, and without /proc nothing else shows it. We
    /// start another nevertheless: what cannot be seen cannot be waited for.
    fn may_run_unseen(&self, key: Key, name: &[u8], role: Role) -> bool {
        let is_in_doubt = self.is_heir && self.records.may_know(key) && !proc::is_ours();
        is_in_doubt && has_no_records(&[name, role.suffix()].concat())
    }

    /// Whether its supervise exited after `x` before HUP: scripts remove the name then.
    fn left_before_hangup(&self, key: Key, name: &[u8], role: Role) -> bool {
        let path = [name, role.suffix()].concat();
        self.is_new_image && self.is_heir && self.records.knows(key) && has_exited(&path)
    }

    /// Finds or makes the log pipe of a service. If descriptors are short, gives up those of
    /// watches: we can watch adopted supervises without them.
    pub(super) fn obtain_pipe(
        &mut self,
        key: Key,
        entry: &Entry,
        somebody_runs: bool,
    ) -> Result<LogPipe, Errno> {
        let blind = Finder::blind();
        let running = if somebody_runs { &self.finder } else { &blind };
        loop {
            // Close the directories before making a pipe: descriptors may be few.
            let found = {
                let [main, log] = Role::BOTH.map(|role| entry.open_directory(role).ok());
                main.zip(log).and_then(|(main, log)| {
                    pipes::find(self.records.get(key), main.as_fd(), log.as_fd(), running)
                })
            };
            match pipes::keep(&mut self.records, key, found) {
                Err(Errno::EMFILE) if self.watches.make_room(&mut self.entries) => {}
                other => return other,
            }
        }
    }
}
