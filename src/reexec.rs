//! Re-execution: an upgrade replaces the program on disk, and HUP has a daemon become it without
//! letting go of anything. First a trial: a child runs the new program, found by the path we were
//! started by, and has to say that it reads our hand-over; only then the exec. What is handed
//! over are descriptors ([`Handed`]), by name and number in one environment variable that the new
//! image removes before anything else; the rest stands in the records on disk.

use crate::own_path;
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, End, Environment, Pid, Side};
use crate::sys::{Errno, clock, command_line, heap, signal};
use core::time::Duration;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The option that asks a program whether it reads the hand-over of the version that follows.
pub const QUESTION: &CStr = c"--hand-over";
/// The version of our hand-over: how descriptors are named, and what the records on disk hold.
pub const VERSION: &CStr = c"2";
/// The version before, of 0.1.0: numbers only, in an order that the daemon knows.
const FORMER_VERSION: &[u8] = b"1";
const VARIABLE: &CStr = c"DAEMONTOOLS_RS_HANDOVER";
/// How long a trial may take.
const TRIAL: Duration = Duration::from_secs(1);

/// The descriptors that an image hands over to the next. A name that a later version adds is passed
/// over by an earlier one.
#[derive(Debug)]
pub struct Handed<T> {
    /// The lock of the service directory or of the scan directory.
    pub lock: Option<T>,
    /// The end of the control FIFO that is read from.
    pub control: Option<T>,
    /// The end of the FIFO that says that we run.
    pub presence: Option<T>,
    /// A read end of the message pipe.
    pub messages: Option<T>,
    /// The directory of our records.
    pub records: Option<T>,
    /// The journal.
    pub journal: Option<T>,
}

impl<T> Default for Handed<T> {
    fn default() -> Self {
        Self {
            lock: None,
            control: None,
            presence: None,
            messages: None,
            records: None,
            journal: None,
        }
    }
}

impl<T> Handed<T> {
    fn named(&self) -> [(&'static str, Option<&T>); 6] {
        [
            ("lock", self.lock.as_ref()),
            ("control", self.control.as_ref()),
            ("presence", self.presence.as_ref()),
            ("messages", self.messages.as_ref()),
            ("records", self.records.as_ref()),
            ("journal", self.journal.as_ref()),
        ]
    }

    fn place_of(&mut self, name: &[u8]) -> Option<&mut Option<T>> {
        Some(match name {
            b"lock" => &mut self.lock,
            b"control" => &mut self.control,
            b"presence" => &mut self.presence,
            b"messages" => &mut self.messages,
            b"records" => &mut self.records,
            b"journal" => &mut self.journal,
            _ => return None,
        })
    }
}

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
    /// ENOENT when the path that we were started by is not known; those of fork(2).
    pub fn start(name: &CStr) -> Result<Self, Errno> {
        let path = own_path::get().ok_or(Errno::ENOENT)?;
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

    /// What it has shown. A trial that takes too long is killed; it is reaped with the strays, when
    /// it has ended: a program on a file system that does not answer may take long over it.
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
                Outcome::Failed
            }
        }
    }
}

/// Becomes the program at our own path, under `words`, handing over `descriptors`. Returns only
/// to say why not; everything is as before then.
#[must_use]
pub fn replace(words: &[&CStr], descriptors: &Handed<BorrowedFd<'_>>) -> Errno {
    match try_to_replace(words, descriptors) {
        Ok(error) | Err(error) => error,
    }
}

fn try_to_replace(words: &[&CStr], handed: &Handed<BorrowedFd<'_>>) -> Result<Errno, Errno> {
    let path = own_path::get().ok_or(Errno::ENOENT)?;
    let handed = handed.named();
    let handed = || handed.iter().filter_map(|(name, descriptor)| Some((name, (*descriptor)?)));
    let mut text = [0; 192];
    let mut left = &mut text[..];
    let too_long = |_| Errno::ENAMETOOLONG;
    let [name, version] = [VARIABLE, VERSION].map(CStr::to_bytes);
    for part in [name, b"=", version] {
        left.write_all(part).map_err(too_long)?;
    }
    for (name, descriptor) in handed() {
        write!(left, ":{name}={}", descriptor.as_raw_fd()).map_err(too_long)?;
    }
    left.write_all(b"\0").map_err(too_long)?;
    let variable = CStr::from_bytes_until_nul(&text).map_err(|_| Errno::EINVAL)?;
    // A daemon does not end for want of memory.
    let count = command_line::environment().count() + 1;
    let mut environment: Vec<&CStr> = heap::with_room(count).ok_or(Errno::ENOMEM)?;
    environment.extend(command_line::environment().map(|string| string as &CStr));
    environment.push(variable);
    let keep_on_exec =
        |keep| handed().try_for_each(|(_, descriptor)| descriptor::keep_on_exec(*descriptor, keep));
    let error = match keep_on_exec(true) {
        Ok(()) => process::exec(path, words, &Environment::Exactly(&environment)),
        Err(error) => error,
    };
    let _ = keep_on_exec(false);
    Ok(error)
}

/// What an image before us handed over, close-on-exec again; nothing in an ordinary start. Comes
/// before we change our directory: the path that we were started by may be a relative one. The
/// variable is gone afterwards: no service ever sees it. Whoever takes the descriptors has to make
/// sure that they are what they should be. `former_order` is how an image of the version before
/// ordered them.
#[must_use]
pub fn take_over(former_order: &[&str]) -> Option<Handed<OwnedFd>> {
    own_path::note();
    let value = command_line::take_variable(VARIABLE)?;
    let mut fields = value.split(|&byte| byte == b':');
    let version = fields.next()?;
    let is_former = version == FORMER_VERSION;
    if !is_former && version != VERSION.to_bytes() {
        return None;
    }
    let mut taken = Handed::default();
    for (place, field) in fields.enumerate() {
        let mut parts = field.split(|&byte| byte == b'=');
        let name = if is_former {
            former_order.get(place).map_or(&b""[..], |name| name.as_bytes())
        } else {
            parts.next()?
        };
        let number = std::str::from_utf8(parts.next()?).ok()?.parse::<u16>().ok()?;
        let descriptor = descriptor::inherited(i32::from(number), |_| number > 2);
        // What has no name here is closed again.
        if let Some(place) = taken.place_of(name) {
            *place = descriptor;
        }
    }
    Some(taken)
}

/// Whether an image before us handed something over, which nobody has taken yet.
#[must_use]
pub fn is_handed_over() -> bool {
    crate::env::value(VARIABLE.to_bytes()).is_some()
}

/// Answers the trial's question: the exit code says whether we read that version.
#[must_use]
pub fn reads(version: Option<&[u8]>) -> bool {
    version == Some(VERSION.to_bytes()) || version == Some(FORMER_VERSION)
}
