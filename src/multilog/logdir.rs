//! One log directory: the only place that knows a file name in it. `current` is written and becomes
//! `previous`, then an old log named by its moment; `lock`, `state`, `newstate` and `processed` are as
//! reference, sections 10.5 to 10.7, has them. Trouble is a warning, a pause of five seconds and
//! another try, for ever: no line is given up.

use super::orders::Orders;
use super::processor::{self, RunError};
use super::script::Settings;
use crate::error::{Exit, Program};
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::process::End;
use crate::sys::{Errno, clock, directory, file, heap, lock, poll};
use crate::tai64n::{Label, TEXT};
use core::time::Duration;
use memchr::memchr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How multilog is called in its messages.
pub const MULTILOG: Program = Program::command("multilog");
const PAUSE: Duration = Duration::from_secs(5);
/// A log is complete at the first newline so near to its size, in bytes.
const MARGIN: u64 = 2000;
/// What is gathered before it is written; what is larger is not gathered.
const BUFFER: usize = 1 << 16;
const LARGE: usize = 1 << 14;
/// The owner's x on `current`, `previous` and `processed`: whole, and safely on the disk.
const WHOLE: u32 = 0o100;

/// An open log directory.
#[derive(Debug)]
pub struct LogDirectory {
    settings: Settings,
    place: OwnedFd,
    _lock: OwnedFd,
    current: OwnedFd,
    /// How many bytes `current` has.
    bytes: u64,
    buffer: Vec<u8>,
}

/// Tries until it succeeds: says `unable to TEXT, pausing: ERR` and pauses each time it does not.
fn insist<T>(text: &[&[u8]], mut call: impl FnMut() -> Result<T, Errno>) -> T {
    loop {
        match call() {
            Ok(value) => return value,
            Err(error) => {
                let mut parts: [&[u8]; 8] = [b""; 8];
                let words = [&b"unable to "[..]].into_iter().chain(text.iter().copied());
                for (slot, word) in parts.iter_mut().zip(words.chain([&b", pausing"[..]])) {
                    *slot = word;
                }
                MULTILOG.warning_because(&parts, error);
                poll::pause(PAUSE);
            }
        }
    }
}

fn gone_is_done(result: Result<(), Errno>) -> Result<(), Errno> {
    if result == Err(Errno::ENOENT) { Ok(()) } else { result }
}

impl LogDirectory {
    /// Makes the directory if it is not there, locks it, and goes on with its `current` or, if that
    /// was not left in order, begins a new one and keeps what is there.
    ///
    /// # Errors
    /// The exit code that goes with the message.
    pub fn open(settings: Settings) -> Result<Self, Exit> {
        let name = settings.name.clone();
        let fatal = |before: &[u8], after: &[u8], error| {
            MULTILOG.fatal_because(&[b"unable to ", before, &name, after], error)
        };
        let _ = directory::make(HERE, &name, 0o700);
        let place = descriptor::open(HERE, &name, Purpose::Directory)
            .map_err(|error| fatal(b"open directory ", b"", error))?;
        let locked = descriptor::open(place.as_fd(), b"lock", Purpose::Append)
            .and_then(|file| lock::take(file.as_fd()).map(|()| file))
            .map_err(|error| fatal(b"lock directory ", b"", error))?;
        let stat = |name: &[u8]| match file::facts(place.as_fd(), name) {
            Ok(facts) => Ok(Some(facts)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error),
        };
        let found = stat(b"current").map_err(|error| fatal(b"stat ", b"/current", error))?;
        let is_whole = found.is_some_and(|facts| facts.mode & WHOLE != 0);
        if !is_whole {
            let processed =
                stat(b"processed").map_err(|error| fatal(b"stat ", b"/processed", error))?;
            let keeper = Keeper { place: place.as_fd(), settings: &settings };
            keeper.recover(processed.is_some_and(|facts| facts.mode & WHOLE != 0));
            let state = descriptor::open(place.as_fd(), b"state", Purpose::Truncate);
            state.map_err(|error| fatal(b"write to ", b"/state", error))?;
        }
        let current = descriptor::open(place.as_fd(), b"current", Purpose::Append);
        let current = current.map_err(|error| {
            fatal(if is_whole { b"append to " } else { b"write to " }, b"/current", error)
        })?;
        file::set_mode(current.as_fd(), 0o644)
            .map_err(|error| fatal(b"set mode of ", b"/current", error))?;
        let bytes = found.filter(|_| is_whole).map_or(0, |facts| facts.size);
        Ok(Self { settings, place, _lock: locked, current, bytes, buffer: Vec::new() })
    }

    /// Appends bytes; they are on their way to the disk after the next [`Self::flush`].
    pub fn append(&mut self, bytes: &[u8], orders: &mut Orders) {
        // What there is no memory to gather in is not gathered either.
        let is_gathered =
            bytes.len() < LARGE && heap::ask(|| self.buffer.try_reserve(bytes.len())).is_ok();
        if !is_gathered || self.buffer.len() + bytes.len() > BUFFER {
            self.flush(orders);
        }
        if !is_gathered {
            self.write(bytes, orders);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Hands what was appended to the kernel.
    pub fn flush(&mut self, orders: &mut Orders) {
        if !self.buffer.is_empty() {
            let mut buffer = core::mem::take(&mut self.buffer);
            self.write(&buffer, orders);
            buffer.clear();
            self.buffer = buffer;
        }
    }

    /// Writes, and rotates at the first newline within 2000 bytes of the size, or at the size itself:
    /// whatever way the bytes were cut.
    fn write(&mut self, mut bytes: &[u8], orders: &mut Orders) {
        while !bytes.is_empty() {
            let size = self.settings.size;
            if self.bytes >= size {
                self.rotate(orders);
            }
            let room = usize::try_from(size.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
            let chunk = bytes.get(..room).unwrap_or(bytes);
            let from = (size - MARGIN).saturating_sub(self.bytes).saturating_sub(1);
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let end = chunk.get(from..).and_then(|tail| memchr(b'\n', tail));
            let length = end.map_or(chunk.len(), |end| from + end + 1);
            let (now, later) = bytes.split_at_checked(length).unwrap_or((bytes, b""));
            self.put(now);
            bytes = later;
            if end.is_some() {
                self.rotate(orders);
            }
        }
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let text: &[&[u8]] = &[b"write to ", &self.settings.name, b"/current"];
            let current = self.current.as_fd();
            let taken = insist(text, || match descriptor::write(current, bytes) {
                Ok(0) => Err(Errno::ENOSPC),
                other => other,
            });
            self.bytes = self.bytes.saturating_add(taken as u64);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// ALRM: rotates unless there is nothing in `current`.
    pub fn rotate_unless_empty(&mut self, orders: &mut Orders) {
        if self.bytes > 0 {
            self.rotate(orders);
        }
    }

    fn rotate(&mut self, orders: &mut Orders) {
        let name = self.settings.name.as_slice();
        let place = self.place.as_fd();
        let current = self.current.as_fd();
        insist(&[b"write ", name, b"/current to disk"], || file::sync(current));
        // Its mode before its name: a log that was synced is never taken for an unfinished one.
        insist(&[b"set mode of ", name, b"/previous"], || file::set_mode(current, 0o744));
        insist(&[b"rename current to previous in directory ", name], || {
            directory::rename(place, b"current", b"previous")
        });
        let new = insist(&[b"create ", name, b"/current"], || {
            descriptor::open(place, b"current", Purpose::Append)
        });
        insist(&[b"set mode of ", name, b"/current"], || file::set_mode(new.as_fd(), 0o644));
        self.current = new;
        self.bytes = 0;
        let keeper = Keeper { place: self.place.as_fd(), settings: &self.settings };
        match &self.settings.processor {
            None => keeper.keep(b"previous", b".s"),
            Some(command) => keeper.process(command, orders),
        }
    }

    /// Leaves the directory in order: everything on the disk, and `current` marked so.
    pub fn close(mut self, orders: &mut Orders) {
        self.flush(orders);
        let (name, current) = (self.settings.name.as_slice(), self.current.as_fd());
        insist(&[b"write ", name, b"/current to disk"], || file::sync(current));
        insist(&[b"set mode of ", name, b"/current"], || file::set_mode(current, 0o744));
    }
}

/// What happens to logs that are not written any more.
struct Keeper<'a> {
    place: BorrowedFd<'a>,
    settings: &'a Settings,
}

impl Keeper<'_> {
    /// After an end that was not in order: nothing is lost, and nothing is processed twice.
    fn recover(&self, is_processed: bool) {
        self.remove(b"state");
        self.remove(b"newstate");
        if is_processed {
            self.remove(b"previous");
            self.keep(b"processed", b".s");
        } else {
            self.remove(b"processed");
            self.keep(b"previous", b".u");
        }
        self.keep(b"current", b".u");
    }

    fn remove(&self, name: &[u8]) {
        insist(&[b"remove ", &self.settings.name, b"/", name], || {
            gone_is_done(directory::remove(self.place, name))
        });
    }

    /// Names `name` by this moment, unless an interrupted run has done so, and prunes.
    fn keep(&self, name: &[u8], ending: &[u8]) {
        let stat: &[&[u8]] = &[b"stat ", &self.settings.name, b"/", name];
        let links = insist(stat, || match file::facts(self.place, name) {
            Ok(facts) => Ok(Some(facts.links)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error),
        });
        let Some(links) = links else { return };
        if links == 1 {
            let text: &[&[u8]] = &[b"link to ", &self.settings.name, b"/@..."];
            insist(text, || {
                loop {
                    let stamp = Label::of_unix(clock::wall()).text();
                    let kept = [&stamp, ending].concat();
                    match directory::link(self.place, name, &kept) {
                        // Two in one microsecond: the next one is free.
                        Err(Errno::EEXIST) => {}
                        other => return other,
                    }
                }
            });
        }
        self.remove(name);
        self.prune();
    }

    /// Removes the oldest logs until fewer than the number are left.
    fn prune(&self) {
        loop {
            let text: &[&[u8]] = &[b"read ", &self.settings.name];
            let names = insist(text, || directory::names_in(self.place));
            let mut logs: Vec<&Vec<u8>> = names.iter().filter(|name| is_log(name)).collect();
            if logs.len() < self.settings.number {
                return;
            }
            logs.sort_unstable();
            let surplus = logs.len() + 1 - self.settings.number;
            for name in logs.iter().take(surplus) {
                self.remove(name);
            }
        }
    }

    /// Runs the processor until it succeeds. A TERM ends the tries: the log is kept as it is.
    fn process(&self, command: &[u8], orders: &mut Orders) {
        let name = self.settings.name.as_slice();
        loop {
            let files = match processor::open(self.place) {
                Ok(files) => files,
                Err((file, error)) => {
                    let what: &[u8] =
                        if matches!(file, b"previous" | b"state") { b"read " } else { b"create " };
                    let text: &[&[u8]] = &[b"unable to ", what, name, b"/", file, b", pausing"];
                    MULTILOG.warning_because(text, error);
                    if self.gives_up(orders) {
                        return;
                    }
                    continue;
                }
            };
            match processor::run(command, self.place, &files) {
                Ok(End::Code(0)) => return self.take_over(&files),
                Ok(End::Code(_)) => {
                    MULTILOG.warning(&[b"processor failed in ", name, b", pausing"]);
                }
                Ok(End::Killed(_)) => {
                    MULTILOG.warning(&[b"processor crashed in ", name, b", pausing"]);
                }
                Err(RunError::Fork(error)) => {
                    let text: &[&[u8]] = &[b"unable to fork for processor in ", name, b", pausing"];
                    MULTILOG.warning_because(text, error);
                }
                Err(RunError::Wait(error)) => {
                    let text: &[&[u8]] = &[b"wait failed for processor in ", name, b", pausing"];
                    MULTILOG.warning_because(text, error);
                }
            }
            if self.gives_up(orders) {
                return;
            }
        }
    }

    fn gives_up(&self, orders: &mut Orders) -> bool {
        orders.pause(PAUSE);
        if orders.is_told_to_end() {
            self.remove(b"processed");
            self.keep(b"previous", b".u");
        }
        orders.is_told_to_end()
    }

    /// The processor has done its work: its output takes the place of what it read.
    fn take_over(&self, files: &processor::Files) {
        let name = self.settings.name.as_slice();
        let (processed, newstate) = (files.processed.as_fd(), files.newstate.as_fd());
        insist(&[b"write ", name, b"/processed to disk"], || file::sync(processed));
        insist(&[b"write ", name, b"/newstate to disk"], || file::sync(newstate));
        insist(&[b"set mode of ", name, b"/processed"], || file::set_mode(processed, 0o744));
        self.remove(b"previous");
        insist(&[b"rename newstate to state in directory ", name], || {
            directory::rename(self.place, b"newstate", b"state")
        });
        self.keep(b"processed", b".s");
    }
}

/// A name that we gave: `@`, 24 digits, `.s` or `.u`. Others are not ours to count or remove.
fn is_log(name: &[u8]) -> bool {
    name.split_at_checked(TEXT).is_some_and(|(stamp, ending)| {
        let digits = stamp.strip_prefix(b"@").unwrap_or_default();
        let are_digits = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        !digits.is_empty() && are_digits && matches!(ending, b".s" | b".u")
    })
}
