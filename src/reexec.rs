//! Re-execution: after an upgrade has replaced the program on disk, HUP makes a daemon execute it
//! and keep all its descriptors. First comes a trial: a child runs the new program, at the path
//! that we were started by, and its exit code must say that it can read our hand-over. Only then
//! does the daemon execute it. It hands over descriptors ([`Handed`]), by name and number in one
//! environment variable, which the new image removes before anything else. Everything else is in
//! the records on disk.

use crate::own_path;
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, End, Environment, Pid, Side};
use crate::sys::{Errno, clock, command_line, heap, signal};
use core::time::Duration;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The option that asks a program whether it can read the hand-over of the version that follows.
pub const QUESTION: &CStr = c"--hand-over";
/// The version of our hand-over: the names of descriptors, and the contents of the records on disk.
pub const VERSION: &CStr = c"2";
/// The version of 0.1.0: numbers only, in an order that each daemon knows.
const FORMER_VERSION: &[u8] = b"1";
const VARIABLE: &CStr = c"DAEMONTOOLS_RS_HANDOVER";
/// How long a trial may take.
const TRIAL: Duration = Duration::from_secs(1);

/// The descriptors that an image hands over to the next. An earlier version ignores a name that a
/// later version has added.
#[derive(Debug)]
pub struct Handed<T> {
    /// The lock of the service directory or of the scan directory.
    pub lock: Option<T>,
    /// The read end of the control FIFO.
    pub control: Option<T>,
    /// The read end of the presence FIFO, which shows that we run.
    pub presence: Option<T>,
    /// A read end of the message pipe.
    pub messages: Option<T>,
    /// The directory of our records.
    pub records: Option<T>,
    /// The journal.
    pub journal: Option<T>,
    /// A read end of the log pipe, that supervise keeps for its service.
    pub to_logger: Option<T>,
    /// A write end of the log pipe, that supervise keeps for its logger.
    pub from_service: Option<T>,
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
            to_logger: None,
            from_service: None,
        }
    }
}

impl<T> Handed<T> {
    fn named(&self) -> [(&'static str, Option<&T>); 8] {
        [
            ("lock", self.lock.as_ref()),
            ("control", self.control.as_ref()),
            ("presence", self.presence.as_ref()),
            ("messages", self.messages.as_ref()),
            ("records", self.records.as_ref()),
            ("journal", self.journal.as_ref()),
            ("to_logger", self.to_logger.as_ref()),
            ("from_service", self.from_service.as_ref()),
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
            b"to_logger" => &mut self.to_logger,
            b"from_service" => &mut self.from_service,
            _ => return None,
        })
    }
}

/// What a trial has shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// The new program can read our hand-over.
    Passed,
    /// It cannot, or did not answer in time.
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
    /// Starts a trial of the program at our own path, with `name` as its `argv[0]`.
    ///
    /// # Errors
    /// ENOENT if the path that we were started by is not known; those of fork(2).
    pub fn start(name: &CStr) -> Result<Self, Errno> {
        let path = own_path::get().ok_or(Errno::ENOENT)?;
        match process::fork()? {
            Side::Parent(pid) => {
                Ok(Self { pid, until: clock::monotonic().saturating_add(TRIAL), end: None })
            }
            Side::Child => {
                signal::all_default();
                // An older program would print a usage error: hide it. If it cannot be hidden, it
                // does no harm.
                if let Ok(null) = open(HERE, b"/dev/null", Purpose::Write) {
                    let _ = descriptor::place_at(null.as_fd(), 1);
                    let _ = descriptor::place_at(null.as_fd(), 2);
                }
                let nothing = Environment::Exactly(&[]);
                // The exit code says that the trial failed, whatever the reason.
                let _ = process::exec(path, &[name, QUESTION, VERSION], &nothing);
                process::leave(1)
            }
        }
    }

    /// The pid of the child.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// When the trial is over at the latest.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.until
    }

    /// Notes the end of a reaped child. Returns whether it was the trial.
    pub fn note_end(&mut self, pid: Pid, end: End) -> bool {
        if pid == self.pid {
            self.end = Some(end);
        }
        pid == self.pid
    }

    /// The result so far. A trial that takes too long is killed. We do not wait for its end, which
    /// may take long on a file system that does not answer: it is reaped later, with other
    /// children.
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

/// Executes the program at our own path with `words`, and hands over `descriptors`. Returns only if
/// that failed, with the reason; then everything is as before.
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
    // A daemon must not end for want of memory.
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
    // Undoes what the first call has done. If a descriptor failed there, those after it are as they
    // were.
    let _ = keep_on_exec(false);
    Ok(error)
}

/// What the image before us handed over, close-on-exec again; `None` in an ordinary start. Call it
/// before a change of directory, because the path that we were started by may be relative. It
/// removes the variable, so that no service sees it. The caller must check that each descriptor is
/// what it should be. `former_order` is the order of the descriptors from an image of 0.1.0.
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
        let former = former_order.get(place).map_or(&b""[..], |name| name.as_bytes());
        let (name, number) = name_and_number(field, is_former.then_some(former))?;
        let descriptor = descriptor::inherited(number, |_| true);
        // Descriptors of unknown names are closed.
        if let Some(place) = taken.place_of(name) {
            *place = descriptor;
        }
    }
    Some(taken)
}

/// The name and the number of a descriptor that was handed over: a field `NAME=NUMBER`, or the
/// number alone from an image of 0.1.0, which has the `former` name. Never a standard descriptor.
fn name_and_number<'a>(field: &'a [u8], former: Option<&'a [u8]>) -> Option<(&'a [u8], i32)> {
    let mut parts = field.split(|&byte| byte == b'=');
    let name = former.or_else(|| parts.next())?;
    let number: u32 = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    i32::try_from(number).ok().filter(|number| *number > 2).map(|number| (name, number))
}

/// Whether the image before us handed something over that we have not taken yet.
#[must_use]
pub fn is_handed_over() -> bool {
    crate::env::value(VARIABLE.to_bytes()).is_some()
}

/// Answers the trial's question: whether we can read that version. The exit code says so.
#[must_use]
pub fn reads(version: Option<&[u8]>) -> bool {
    version == Some(VERSION.to_bytes()) || version == Some(FORMER_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_any_number_but_the_first_three_is_handed_over() {
        for number in [3, 70_000, i32::MAX] {
            let field = format!("lock={number}");
            assert_eq!(name_and_number(field.as_bytes(), None), Some((&b"lock"[..], number)));
        }
        assert_eq!(name_and_number(b"7", Some(b"control")), Some((&b"control"[..], 7)));
        for wrong in ["lock=2", "lock=-1", "lock=2147483648", "lock=", "lock", "=", "7"] {
            assert_eq!(name_and_number(wrong.as_bytes(), None), None, "{wrong}");
        }
    }
}
