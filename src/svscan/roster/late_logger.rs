//! A `log` that was made after its service was started: by a playbook just after `run`, or by an
//! admin a year later.

use super::{Roster, Round};
use crate::service;
use crate::svscan::SVSCAN;
use crate::svscan::entry::Supervise;
use crate::svscan::heir::finder::is_there;
use crate::svscan::plan::{Key, Role};
use crate::sys::descriptor::HERE;
use crate::sys::signal::SIGTERM;
use crate::sys::{Errno, clock, file, process};
use core::time::Duration;

/// For how long such a `log` must have been complete.
const QUIET: Duration = Duration::from_millis(200);

impl Roster {
    /// Looks for such loggers at ticks. One that is still complete a moment later is started.
    pub fn look_for_late_loggers(&mut self, round: Round) {
        let now = clock::monotonic();
        let mut quiet = Vec::new();
        for (key, entry) in &mut self.entries {
            let late = &mut entry.late_log;
            let is_due = round.is_tick && late.is_due() || late.complete_since.is_some();
            if entry.log.is_some() || !is_due {
                continue;
            }
            let has_name = file::facts_no_link(HERE, &[&entry.name, b"/log".as_slice()].concat())
                != Err(Errno::ENOENT);
            if has_name {
                late.await_rest();
            }
            let is_complete = has_name
                && service::has_logger(HERE, &entry.name) == Ok(true)
                && service::is_ready(HERE, &entry.name)
                && is_there(*key, &entry.name);
            match late.complete_since {
                _ if !is_complete => late.complete_since = None,
                None => {
                    late.complete_since = Some(now);
                    let look = now.saturating_add(QUIET);
                    self.next_start = Some(self.next_start.map_or(look, |next| next.min(look)));
                }
                Some(seen) if now >= seen.saturating_add(QUIET) => quiet.push(*key),
                Some(_) => {}
            }
        }
        for key in quiet {
            self.take_late_logger_in(key, round);
        }
    }

    /// Makes the pipe and starts the logger. Ends the service's supervise, which leaves the service
    /// running: the next supervise has the pipe for the next start of the service.
    fn take_late_logger_in(&mut self, key: Key, round: Round) {
        let Some(mut entry) = self.entries.remove(&key) else { return };
        entry.late_log.complete_since = None;
        let pipe = self.obtain_pipe(key, &entry, false);
        let pid = match &entry.main {
            Supervise::Child(pid, _) => Some(*pid),
            Supervise::Adopted(adopted) => adopted.pid(),
            Supervise::Idle(..) => None,
        };
        let name = entry.name.clone();
        let is_made = match pipe {
            Ok(pipe) => {
                entry.pipe = Some(pipe);
                entry.log = Some(Supervise::Idle(Duration::ZERO, None));
                true
            }
            Err(error) => {
                round.complain(&[b"unable to create pipe for ", &name], error);
                false
            }
        };
        self.entries.insert(key, entry);
        if is_made {
            SVSCAN
                .warning(&[&name, b" has a logger now, which it writes to from its next start on"]);
            self.start(key, Role::Log);
            if let Some(pid) = pid {
                let _ = process::kill(pid, SIGTERM);
            }
        }
    }
}
