//! One log directory and its `current`: opened, written, rotated and closed (contract.md, sections
//! 10.5 and 10.6). In trouble multilog warns, pauses and tries again, until TERM.
//!
//! multilog holds the directory and `current` open, and checks now and then that they still have
//! their names. If an admin has removed or replaced one, multilog goes on in the new one.

use super::keeper::{CLOSED, Keeper, OPEN, WHOLE};
use super::names::{SAFE, UNSAFE, found, lock_in, stands};
use super::patience::Patience;
use super::processor;
use super::room;
use super::script::Settings;
use super::trouble::{Attempt, MULTILOG, Name, Trouble};
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::entry::{self, Access, Shape};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::limit::{self, Resource};
use crate::sys::{Errno, clock, directory};
use core::time::Duration;
use memchr::memchr;
use std::os::fd::{AsFd, OwnedFd};

/// A log is complete at the first newline within this many bytes of its size.
const MARGIN: u64 = 2000;
/// The size of the buffer in bytes.
const BUFFER: usize = 1 << 16;
/// A piece of so many bytes or more is written without the buffer.
const LARGE: usize = 1 << 14;
/// A limit on file sizes below this is ignored when the size of a log is chosen.
const SMALLEST: u64 = 4096;
/// How old the last check of the names may be when a line is written.
pub const GLANCE: Duration = Duration::from_secs(1);

/// An open log directory.
#[derive(Debug)]
pub struct LogDirectory<'a> {
    settings: &'a Settings,
    place: OwnedFd,
    lock: OwnedFd,
    current: OwnedFd,
    /// How many bytes `current` has.
    bytes: u64,
    /// How many bytes it may have.
    size: u64,
    /// Gathered bytes, still to be written.
    pub buffer: Vec<u8>,
    /// Whether the last byte, gathered or written, was a newline.
    is_between_lines: bool,
    /// When the names were last checked, and whether bytes have come since.
    looked: Duration,
    is_touched: bool,
    /// Whether we have warned that the directory of this name cannot be opened.
    has_complained: bool,
    /// Whether `current` may be marked as complete at the end.
    is_in_order: bool,
}

impl<'a> LogDirectory<'a> {
    /// Makes the directory if it is not there, locks it, and goes on with its `current` or, if that
    /// was not left in order, begins a new one and keeps what is there.
    ///
    /// # Errors
    /// The step that failed.
    pub fn open(settings: &'a Settings, patience: &mut Patience) -> Result<Self, Trouble> {
        let trouble = |attempt| move |error| Trouble { attempt, error };
        let name = &settings.name;
        // If this fails, opening the directory fails too and reports it.
        let _ = directory::make(HERE, name, 0o700);
        let place = descriptor::open(HERE, name, Purpose::Directory)
            .map_err(trouble(Attempt::on_directory("open directory ")))?;
        let lock =
            lock_in(place.as_fd()).map_err(trouble(Attempt::on_directory("lock directory ")))?;
        let mut keeper = Keeper { place: place.as_fd(), settings, patience };
        let found = keeper.facts("current")?;
        if found.is_some_and(|facts| facts.kind == Kind::Directory) {
            return Err(trouble(APPEND)(Errno::EISDIR));
        }
        let (current, bytes) = if found.is_some_and(is_whole) {
            let opened = entry::open_if(place.as_fd(), b"current", Access::Append, |facts| {
                Shape::File.fits(facts)
            });
            opened.map(|(file, facts)| (file, facts.size)).map_err(trouble(APPEND))?
        } else {
            keeper.recover()?;
            let attempt = Attempt::on("write to ", "current");
            (keeper.make(attempt, "current", Access::Append)?, 0)
        };
        file::set_mode(current.as_fd(), OPEN).map_err(trouble(SET_MODE))?;
        let limit = limit::soft(Resource::RLIMIT_FSIZE).ok().filter(|limit| *limit >= SMALLEST);
        Ok(Self {
            settings,
            place,
            lock,
            current,
            bytes,
            size: limit.map_or(settings.size, |limit| settings.size.min(limit)),
            buffer: Vec::new(),
            is_between_lines: true,
            looked: clock::monotonic(),
            is_touched: false,
            has_complained: false,
            is_in_order: true,
        })
    }

    /// Allocates the buffer. Returns whether there was memory for one.
    #[must_use]
    pub fn reserve(&mut self) -> bool {
        room::at_most(BUFFER).map(|buffer| self.buffer = buffer).is_some()
    }

    /// Its name, as it was typed.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        &self.settings.name
    }

    /// How many bytes `current` has, including the gathered ones.
    fn length(&self) -> u64 {
        self.bytes.saturating_add(self.buffer.len() as u64)
    }

    /// How many of these bytes go to `current` before it is complete, that is, up to the first
    /// newline within 2000 bytes of the size, or up to the size itself. 0 if it is full.
    #[must_use]
    pub fn room(&self, bytes: &[u8]) -> usize {
        let room = self.size.saturating_sub(self.length());
        let far = usize::try_from(room.saturating_sub(MARGIN)).unwrap_or(usize::MAX);
        if bytes.len() < far {
            return bytes.len();
        }
        let chunk = usize::try_from(room).ok().and_then(|room| bytes.get(..room)).unwrap_or(bytes);
        let from = far.saturating_sub(1);
        let end = chunk.get(from..).and_then(|tail| memchr(b'\n', tail));
        end.map_or(chunk.len(), |end| from + end + 1)
    }

    /// Whether `current` has as many bytes as it may have.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.length() >= self.size
    }

    /// Whether `current` is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_between_lines && self.length().saturating_add(MARGIN) >= self.size
    }

    /// Whether `current` has any bytes.
    #[must_use]
    pub const fn has_bytes(&self) -> bool {
        self.bytes > 0
    }

    /// Whether these bytes fit into the buffer and leave the log far below its size.
    #[inline]
    #[must_use]
    pub fn has_plenty(&self, bytes: &[u8]) -> bool {
        let far = self.size.saturating_sub(MARGIN).saturating_sub(self.length());
        (bytes.len() as u64) < far && !self.is_large(bytes) && self.has_room(bytes)
    }

    /// Gathers bytes.
    pub fn gather(&mut self, bytes: &[u8]) {
        self.note(bytes);
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether these bytes are so many that they are written without the buffer.
    #[must_use]
    pub fn is_large(&self, bytes: &[u8]) -> bool {
        bytes.len() >= LARGE.min(self.buffer.capacity())
    }

    /// Whether the buffer has room for these bytes.
    #[must_use]
    pub fn has_room(&self, bytes: &[u8]) -> bool {
        self.buffer.len() + bytes.len() <= self.buffer.capacity()
    }

    /// Notes bytes that are being gathered or written.
    pub fn note(&mut self, bytes: &[u8]) {
        self.is_between_lines = bytes.last() == Some(&b'\n');
        self.is_touched = true;
    }

    /// write(2) to `current`, once.
    ///
    /// # Errors
    /// Those of write(2); ENOSPC if nothing was written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let taken = descriptor::write(self.current.as_fd(), bytes)?;
        if taken == 0 {
            return Err(Errno::ENOSPC);
        }
        self.bytes = self.bytes.saturating_add(taken as u64);
        Ok(taken)
    }

    /// Cuts the last `count` bytes off `current`: a part of a line that will be written whole. If
    /// the file does not have the size that we left it with, nothing is changed.
    pub fn take_back(&mut self, count: usize) -> bool {
        let length = self.bytes.saturating_sub(count as u64);
        let current = self.current.as_fd();
        let is_ours = file::facts_of(current).is_ok_and(|facts| facts.size == self.bytes);
        let is_back = is_ours && file::cut(current, length).is_ok();
        if is_back {
            self.bytes = length;
        } else {
            self.is_in_order = false;
        }
        is_back
    }

    /// Rotates: syncs `current`, renames it to `previous`, begins a new `current`, and keeps or
    /// processes the old one. The mode is set before the rename, so that a synced log is never
    /// taken for an unfinished one.
    ///
    /// # Errors
    /// The trouble, if TERM came before this succeeded.
    pub fn rotate(&mut self, patience: &mut Patience) -> Result<(), Trouble> {
        if self.look(patience)? || !self.has_bytes() {
            // A new `current` is in use, or there is nothing to rotate.
            return Ok(());
        }
        match self.rotate_here(patience) {
            Err(trouble) if trouble.error == Errno::ESTALE && !patience.is_told_to_end() => {
                self.enter_again(patience)
            }
            result => result,
        }
    }

    fn rotate_here(&mut self, patience: &mut Patience) -> Result<(), Trouble> {
        let (place, current) = (self.place.as_fd(), self.current.as_fd());
        let mut keeper = Keeper { place, settings: self.settings, patience };
        keeper.insist(Attempt::to_sync("current"), || file::sync(current))?;
        let attempt = Attempt::on("set mode of ", "previous");
        keeper.insist(attempt, || file::set_mode(current, CLOSED))?;
        // Keep a `previous` that is already there: our rename would destroy it.
        keeper.keep("previous", UNSAFE)?;
        keeper.insist(RENAME, || directory::rename(place, b"current", b"previous"))?;
        let made =
            keeper.make(Attempt::on("create ", "current"), "current", Access::Append).and_then(
                |new| keeper.insist(SET_MODE, || file::set_mode(new.as_fd(), OPEN)).map(|()| new),
            );
        let new = match made {
            Ok(new) => new,
            Err(trouble) => {
                // Undo the rename, so that the next multilog finds everything in order. If that
                // fails too, the next multilog keeps `previous`.
                if found(place, b"current") == Ok(None) {
                    let _ = directory::rename(place, b"previous", b"current");
                }
                return Err(trouble);
            }
        };
        let old = core::mem::replace(&mut self.current, new);
        self.bytes = 0;
        let mut keeper = Keeper { place: self.place.as_fd(), settings: self.settings, patience };
        let kept = match &self.settings.processor {
            None => keeper.keep("previous", SAFE),
            Some(command) => processor::process(&mut keeper, command, old.as_fd()),
        };
        // If this failed, the next start finds `previous` and keeps it.
        self.is_in_order &= kept.is_ok();
        kept
    }

    /// Goes on in `current` beyond its size, because it could not be rotated.
    pub fn never_rotate(&mut self) {
        self.size = u64::MAX;
    }

    /// When to check the names even without new bytes: bytes written since the last check may have
    /// gone to a file without a name.
    #[must_use]
    pub fn next_look(&self) -> Option<Duration> {
        self.is_touched.then(|| self.looked.saturating_add(GLANCE))
    }

    /// Whether the last check is too old to write bytes now.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.looked.saturating_add(GLANCE) <= now
    }

    /// Checks that the directory, its lock and `current` still have their names, and opens or makes
    /// those that do not. Returns whether there is a new `current` now.
    ///
    /// # Errors
    /// The trouble, if TERM came before this succeeded.
    pub fn look(&mut self, patience: &mut Patience) -> Result<bool, Trouble> {
        (self.looked, self.is_touched) = (clock::monotonic(), false);
        let place = self.place.as_fd();
        match file::facts(HERE, self.name()) {
            Ok(facts) if file::same(place, &facts).is_ok() => {}
            Ok(_) => return self.enter(b"another directory, and is entered", patience),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {
                return self.enter(b"gone, and is made anew", patience);
            }
            Err(Errno::ESTALE) => return self.enter(STALE, patience),
            // We could not find out: go on.
            Err(_) => return Ok(false),
        }
        self.has_complained = false;
        if !stands(place, b"lock", self.lock.as_fd()) {
            if let Ok(lock) = lock_in(place) {
                self.lock = lock;
            }
        }
        match found(place, b"current") {
            Ok(Some(facts)) if file::same(self.current.as_fd(), &facts).is_ok() => Ok(false),
            Ok(Some(_)) => self.begin_anew(b"another file, and is kept", patience),
            Ok(None) => self.begin_anew(b"gone, and is made anew", patience),
            Err(_) => Ok(false),
        }
    }

    /// Begins a new `current`: the one that we write has lost its name.
    fn begin_anew(&mut self, why: &[u8], patience: &mut Patience) -> Result<bool, Trouble> {
        MULTILOG.warning(&[self.name(), b"/current is ", why]);
        let mut keeper = Keeper { place: self.place.as_fd(), settings: self.settings, patience };
        keeper.keep("current", UNSAFE)?;
        let new = keeper.make(Attempt::on("create ", "current"), "current", Access::Append)?;
        keeper.insist(SET_MODE, || file::set_mode(new.as_fd(), OPEN))?;
        self.leave_current();
        self.current = new;
        self.bytes = 0;
        Ok(true)
    }

    /// Opens the directory that has the name now, as at the start. If that fails, goes on in the
    /// open one, as long as `current` is still there under its name.
    fn enter(&mut self, why: &[u8], patience: &mut Patience) -> Result<bool, Trouble> {
        loop {
            let trouble = match patience.at_once(|patience| Self::open(self.settings, patience)) {
                Ok(new) => {
                    MULTILOG.warning(&[self.name(), b" is ", why]);
                    self.leave_current();
                    let buffer = core::mem::take(&mut self.buffer);
                    *self = Self { buffer, is_between_lines: self.is_between_lines, ..new };
                    return Ok(true);
                }
                Err(trouble) => trouble,
            };
            if stands(self.place.as_fd(), b"current", self.current.as_fd()) {
                if !core::mem::replace(&mut self.has_complained, true) {
                    trouble.warn(self.name());
                }
                return Ok(false);
            }
            if !patience.pause(|| trouble.pausing(self.name())) {
                return Err(trouble);
            }
        }
    }

    /// Opens the directory again: the open descriptors are stale (ESTALE).
    ///
    /// # Errors
    /// As [`Self::look`].
    pub fn enter_again(&mut self, patience: &mut Patience) -> Result<(), Trouble> {
        self.enter(STALE, patience).map(drop)
    }

    /// Closes the old `current` in order, if possible.
    fn leave_current(&self) {
        let current = self.current.as_fd();
        if self.is_in_order && file::sync(current).is_ok() {
            // Without the mode it counts as unfinished, which loses nothing.
            let _ = file::set_mode(current, CLOSED);
        }
    }

    /// Leaves the directory in order: syncs `current` and marks it as complete.
    ///
    /// # Errors
    /// The trouble, if TERM came before this succeeded.
    pub fn close(self, patience: &mut Patience) -> Result<(), Trouble> {
        if !self.is_in_order {
            return Ok(());
        }
        let (name, current) = (self.name(), self.current.as_fd());
        patience.insist(name, Attempt::to_sync("current"), || file::sync(current))?;
        patience.insist(name, SET_MODE, || file::set_mode(current, CLOSED))
    }
}

const STALE: &[u8] = b"stale, and is entered again";
const APPEND: Attempt = Attempt::on("append to ", "current");
const SET_MODE: Attempt = Attempt::on("set mode of ", "current");
const RENAME: Attempt = Attempt::new("rename current to previous in directory ", Name::Directory);

/// Whether a `current` was left in order. multilog never gives it a second name.
fn is_whole(facts: Facts) -> bool {
    facts.kind == Kind::Regular && facts.links == 1 && facts.mode & WHOLE != 0
}
