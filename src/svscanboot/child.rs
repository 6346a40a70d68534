//! A child of svscanboot, svscan or readproctitle: started again when it ends, in a session of its
//! own and with only PATH in its environment.

use super::SVSCANBOOT;
use crate::error::Exit;
use crate::exec;
use crate::fork_rest::ForkRest;
use crate::own_path;
use crate::sys::process::{self, Environment, Pid, Side};
use crate::sys::signal::{self, SignalNumber};
use crate::sys::{Errno, clock};
use core::time::Duration;
use std::ffi::{CStr, CString};

/// Time between two starts of a child, and between two looks at a scan directory where another
/// svscanboot leads.
pub const PACE: Duration = Duration::from_secs(1);
/// The PATH that svscan and every service get: 0.76's.
const PATH: &[u8] = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:\
                      /usr/X11R6/bin";

/// A child that is started again when it ends, at most once a second.
#[derive(Debug, Default)]
pub struct KeptChild {
    pid: Option<Pid>,
    not_before: Duration,
    rest: ForkRest,
}

impl KeptChild {
    /// Its pid while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Starts the child, if it does not run and the last start is long enough ago. After a failed
    /// fork no start is tried for a while. `set_up` runs in the child before the exec. The signal
    /// in `later` stays blocked in the child: it stays pending until the child listens for it, and
    /// cannot end it before.
    pub fn keep(
        &mut self,
        words: &[&CStr],
        later: Option<SignalNumber>,
        set_up: impl FnOnce() -> Result<(), Errno>,
    ) {
        let now = clock::monotonic();
        if self.pid.is_none() && now >= self.not_before {
            self.not_before = now.saturating_add(PACE);
            match start(words, later, set_up) {
                Ok(pid) => {
                    self.pid = Some(pid);
                    self.rest.end();
                }
                Err(error) => {
                    let seconds = self.rest.fail(now);
                    self.not_before = self.rest.over_at(now).unwrap_or(self.not_before);
                    let (name, seconds) =
                        (words.first().copied().unwrap_or_default(), seconds.to_string());
                    let text: &[&[u8]] = &[b"unable to fork for ", name.to_bytes(), b", sleeping "];
                    SVSCANBOOT.warning_because(
                        &[text, &[seconds.as_bytes(), b" seconds"]].concat(),
                        error,
                    );
                }
            }
        }
    }

    /// How long to wait before [`Self::keep`] is called again; `None` while the child runs.
    #[must_use]
    pub fn look_after(&self) -> Option<Duration> {
        let left = self.not_before.saturating_sub(clock::monotonic());
        self.pid.is_none().then_some(left.max(Duration::from_millis(1)))
    }

    /// Notes that process `pid` has ended. Returns whether it was this child.
    pub fn note_end(&mut self, pid: Pid) -> bool {
        let is_it = self.pid == Some(pid);
        if is_it {
            self.pid = None;
        }
        is_it
    }
}

/// Forks a child in a session of its own, so that a TERM to our group, a hang-up and Ctrl-C reach
/// only us, and executes `words` there with only PATH in the environment.
fn start(
    words: &[&CStr],
    later: Option<SignalNumber>,
    set_up: impl FnOnce() -> Result<(), Errno>,
) -> Result<Pid, Errno> {
    match process::fork()? {
        Side::Parent(pid) => Ok(pid),
        Side::Child => {
            later.map_or_else(signal::all_default, signal::all_default_but);
            // A fresh child leads no group: this cannot fail.
            let _ = process::new_session();
            let name = words.first().copied().unwrap_or_default();
            let error = match set_up() {
                Ok(()) => exec_beside(name, words),
                Err(error) => error,
            };
            let text: &[&[u8]] = &[b"unable to start ", name.to_bytes()];
            SVSCANBOOT.warning_because(text, error);
            process::leave(Exit::SYSTEM.number())
        }
    }
}

/// Executes the command in our own directory, or else the one on PATH. If our directory is not on
/// that PATH, puts it at the front, for the services.
fn exec_beside(name: &CStr, words: &[&CStr]) -> Errno {
    let mut path = b"PATH=".to_vec();
    let is_on_path =
        |directory: &&[u8]| PATH.split(|&byte| byte == b':').any(|part| part == *directory);
    if let Some(directory) = own_path::directory().filter(|directory| !is_on_path(directory)) {
        path.extend_from_slice(directory);
        path.push(b':');
    }
    path.extend_from_slice(PATH);
    let Ok(path) = CString::new(path) else { return Errno::EINVAL };
    exec::run_beside(PATH, name, words, &Environment::Exactly(&[path.as_c_str()]))
}
