//! One log directory, and `current` in it: how it is entered, written, rotated and left
//! (contract.md, sections 10.5 and 10.6). Trouble is a warning, a pause and another try, until
//! TERM.
//!
//! The directory and `current` are held open, and looked for under their names now and then: who
//! removes or replaces one means that another is to be written.

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

/// A log is complete at the first newline so near to its size, in bytes.
const MARGIN: u64 = 2000;
/// What is gathered before it is written; what is larger is not gathered.
const BUFFER: usize = 1 << 16;
const LARGE: usize = 1 << 14;
/// A limit on file sizes below this does not make the logs smaller.
const SMALLEST: u64 = 4096;
/// How old a look at the names may be when a line is written.
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
    /// How many it may have.
    size: u64,
    /// What is gathered, to be written.
    pub buffer: Vec<u8>,
    /// Whether the last byte, gathered or written, ended a line.
    is_between_lines: bool,
    /// When the names were looked at, and whether bytes have come since.
    looked: Duration,
    is_touched: bool,
    /// Whether it was said that the directory's name is of no use.
    has_complained: bool,
    /// Whether `current` may be marked as whole at the end.
    is_in_order: bool,
}

impl<'a> LogDirectory<'a> {
    /// Makes the directory if it is not there, locks it, and goes on with its `current` or, if that
    /// was not left in order, begins a new one and keeps what is there.
    ///
    /// # Errors
    /// What could not be done.
    pub fn open(settings: &'a Settings, patience: &mut Patience) -> Result<Self, Trouble> {
        let trouble = |attempt| move |error| Trouble { attempt, error };
        let name = &settings.name;
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

    /// Takes the memory for what will be gathered; whether there is any.
    #[must_use]
    pub fn reserve(&mut self) -> bool {
        room::at_most(BUFFER).map(|buffer| self.buffer = buffer).is_some()
    }

    /// Its name, as it was typed.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        &self.settings.name
    }

    /// How many bytes `current` has, with those that are gathered.
    fn length(&self) -> u64 {
        self.bytes.saturating_add(self.buffer.len() as u64)
    }

    /// How many of these bytes go to `current` before it is complete: to the first newline within
    /// 2000 bytes of the size, or to the size itself. 0 where it is full.
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

    /// Whether these bytes bring the log nowhere near its size, nor the buffer to its end.
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

    /// Whether these bytes are better written than gathered.
    #[must_use]
    pub fn is_large(&self, bytes: &[u8]) -> bool {
        bytes.len() >= LARGE.min(self.buffer.capacity())
    }

    /// Whether these bytes have room in the buffer.
    #[must_use]
    pub fn has_room(&self, bytes: &[u8]) -> bool {
        self.buffer.len() + bytes.len() <= self.buffer.capacity()
    }

    /// Notes what is gathered, or about to be written.
    pub fn note(&mut self, bytes: &[u8]) {
        self.is_between_lines = bytes.last() == Some(&b'\n');
        self.is_touched = true;
    }

    /// write(2) to `current`, once.
    ///
    /// # Errors
    /// Those of write(2); ENOSPC where nothing was written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let taken = descriptor::write(self.current.as_fd(), bytes)?;
        if taken == 0 {
            return Err(Errno::ENOSPC);
        }
        self.bytes = self.bytes.saturating_add(taken as u64);
        Ok(taken)
    }

    /// Takes the last `count` bytes out of `current`: a part of a line that will be written whole.
    /// Where it is not as we left it, nothing is touched.
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

    /// Rotates: `current` is synced and becomes `previous`, a new one is begun, and the old one is
    /// kept or processed. The mode comes before the name: a log that was synced is never taken for
    /// an unfinished one.
    ///
    /// # Errors
    /// Where TERM has come and it did not succeed.
    pub fn rotate(&mut self, patience: &mut Patience) -> Result<(), Trouble> {
        if self.look(patience)? || !self.has_bytes() {
            // What was complete is out of the way.
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
        // One that somebody has left here is not to be lost under ours.
        keeper.keep("previous", UNSAFE)?;
        keeper.insist(RENAME, || directory::rename(place, b"current", b"previous"))?;
        let made =
            keeper.make(Attempt::on("create ", "current"), "current", Access::Append).and_then(
                |new| keeper.insist(SET_MODE, || file::set_mode(new.as_fd(), OPEN)).map(|()| new),
            );
        let new = match made {
            Ok(new) => new,
            Err(trouble) => {
                // As if it had not begun, so that the next multilog finds all in order.
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
        // A `previous` that is left over is for the next start to keep.
        self.is_in_order &= kept.is_ok();
        kept
    }

    /// Writes on to `current`, whatever its size: it could not be rotated.
    pub fn never_rotate(&mut self) {
        self.size = u64::MAX;
    }

    /// When the names are to be looked at, whatever comes: there are bytes that may have gone where
    /// nobody finds them.
    #[must_use]
    pub fn next_look(&self) -> Option<Duration> {
        self.is_touched.then(|| self.looked.saturating_add(GLANCE))
    }

    /// Whether the last look is too old for bytes to be written.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.looked.saturating_add(GLANCE) <= now
    }

    /// Looks whether the directory, its lock and `current` still stand under their names, and makes
    /// anew, or enters, what does not. Whether another `current` is written from now on.
    ///
    /// # Errors
    /// Where TERM has come and it did not succeed.
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
            // It cannot be said.
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

    /// Begins a new `current`: the name has gone from the one that is written.
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

    /// Enters the directory that has the name now, as at the start. Where that cannot be done, goes
    /// on in the one it has, as long as `current` stands there.
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

    /// Enters the directory anew: what is open is stale.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub fn enter_again(&mut self, patience: &mut Patience) -> Result<(), Trouble> {
        self.enter(STALE, patience).map(drop)
    }

    /// Leaves `current` behind in order, as far as that can be done.
    fn leave_current(&self) {
        let current = self.current.as_fd();
        if self.is_in_order && file::sync(current).is_ok() {
            let _ = file::set_mode(current, CLOSED);
        }
    }

    /// Leaves the directory in order: everything on the disk, and `current` marked so.
    ///
    /// # Errors
    /// Where TERM has come and it did not succeed.
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

/// Whether a `current` was left in order. Another name of it is somebody else's.
fn is_whole(facts: Facts) -> bool {
    facts.kind == Kind::Regular && facts.links == 1 && facts.mode & WHOLE != 0
}
