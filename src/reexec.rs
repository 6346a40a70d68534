//! Re-execution: an upgrade replaces the program on disk, and HUP has a daemon become it without
//! letting go of anything. First a trial: a child runs the new program, found by the path we were
//! started by, and has to say that it reads our hand-over; only then the exec. What is handed
//! over are descriptors, named by their numbers in one environment variable that the new image
//! removes before anything else; the rest stands in the records on disk.

use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, End, Environment, Pid, Side};
use crate::sys::{Errno, clock, signal, start};
use core::time::Duration;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The option that asks a program whether it reads the hand-over of the version that follows.
pub const QUESTION: &CStr = c"--hand-over";
/// The version of our hand-over: which descriptors, and what the records on disk hold.
pub const VERSION: &CStr = c"1";
const VARIABLE: &CStr = c"DAEMONTOOLS_RS_HANDOVER";
/// How long a trial may take.
const TRIAL: Duration = Duration::from_secs(1);
/// How many descriptors are handed over at most.
const MOST: usize = 4;

/// What a trial has shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// The new program reads our hand-over.
    Passed,
    /// It does not, or it did not say so in time.
    Failed,
}

/// A child that tries the new program.
#[derive(Debug)]
pub struct Trial {
    pid: Pid,
    until: Duration,
    end: Option<End>,
}

impl Trial {
    /// Starts a trial of the program at our own path, under `name`.
    ///
    /// # Errors
    /// ENOENT when we were not started by an absolute path; those of fork(2).
    pub fn start(name: &CStr) -> Result<Self, Errno> {
        let path = our_path().ok_or(Errno::ENOENT)?;
        match process::fork()? {
            Side::Parent(pid) => {
                Ok(Self { pid, until: clock::monotonic().saturating_add(TRIAL), end: None })
            }
            Side::Child => {
                signal::all_default();
                // An older program would complain of the question: that is our affair.
                if let Ok(null) = open(HERE, b"/dev/null", Purpose::Write) {
                    let _ = descriptor::place_at(null.as_fd(), 1);
                    let _ = descriptor::place_at(null.as_fd(), 2);
                }
                let nothing = Environment::Exactly(&[]);
                let _ = process::exec(path, &[name, QUESTION, VERSION], &nothing);
                process::leave(1)
            }
        }
    }

    /// The child that tries.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// When the trial is over at the latest.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.until
    }

    /// Takes note of a reaped child; whether it was the trial.
    pub fn note_end(&mut self, pid: Pid, end: End) -> bool {
        if pid == self.pid {
            self.end = Some(end);
        }
        pid == self.pid
    }

    /// What it has shown. A trial that takes too long is killed.
    pub fn outcome(&mut self) -> Outcome {
        if self.end.is_none() {
            self.end = process::reap(self.pid);
        }
        match self.end {
            Some(End::Code(0)) => Outcome::Passed,
            Some(_) => Outcome::Failed,
            None if clock::monotonic() < self.until => Outcome::Pending,
            None => {
                let _ = process::kill(self.pid, signal::SIGKILL);
                let _ = process::wait_for(self.pid);
                Outcome::Failed
            }
        }
    }
}

/// Becomes the program at our own path, under `words`, handing over `descriptors`. Returns only
/// to say why not; everything is as before then.
#[must_use]
pub fn replace(words: &[&CStr], descriptors: &[BorrowedFd<'_>]) -> Errno {
    let Some(path) = our_path() else { return Errno::ENOENT };
    let numbers: Vec<String> =
        descriptors.iter().map(|descriptor| descriptor.as_raw_fd().to_string()).collect();
    let [name, version] = [VARIABLE, VERSION].map(CStr::to_string_lossy);
    let Ok(variable) = CString::new(format!("{name}={version}:{}", numbers.join(":"))) else {
        return Errno::EINVAL;
    };
    let mut environment: Vec<&CStr> = start::environment().map(|string| string as &CStr).collect();
    environment.push(&variable);
    for descriptor in descriptors {
        if let Err(error) = descriptor::keep_on_exec(*descriptor, true) {
            return error;
        }
    }
    let error = process::exec(path, words, &Environment::Exactly(&environment));
    for descriptor in descriptors {
        let _ = descriptor::keep_on_exec(*descriptor, false);
    }
    error
}

/// What an image before us handed over, close-on-exec again, in its order; nothing in an
/// ordinary start. The variable is gone afterwards: no service ever sees it. Whoever takes the
/// descriptors has to make sure that they are what they should be.
#[must_use]
pub fn take_over() -> Option<[Option<OwnedFd>; MOST]> {
    let value = start::take_variable(VARIABLE)?;
    let mut fields = value.split(|&byte| byte == b':');
    if fields.next() != Some(VERSION.to_bytes()) {
        return None;
    }
    let mut taken = [const { None }; MOST];
    for (slot, field) in taken.iter_mut().zip(fields) {
        let number = std::str::from_utf8(field).ok()?.parse::<u16>().ok()?;
        *slot = descriptor::inherited(i32::from(number), |_| number > 2);
    }
    Some(taken)
}

/// Answers the trial's question: the exit code says whether we read that version.
#[must_use]
pub fn reads(version: Option<&[u8]>) -> bool {
    version == Some(VERSION.to_bytes())
}

/// The path we were started by, if it is an absolute one.
fn our_path() -> Option<&'static CStr> {
    start::program_path().filter(|path| path.to_bytes().first() == Some(&b'/'))
}
