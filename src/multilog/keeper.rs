//! What happens to logs after they are written: they get a name from the time, and the oldest are
//! removed. Entries with the names of our files that are not ours are moved out of the way
//! (contract.md, sections 10.5 to 10.7).
//!
//! The directory may belong to a hostile user. No link is followed, and an entry under one of our
//! names that is no regular file is renamed to a name made from the time.

use super::names::{
    Give, Logs, SAFE, UNSAFE, VICTIMS, found, has_twin, link, look_and_rename, name_of,
};
use super::patience::Patience;
use super::script::Settings;
use super::trouble::{Attempt, KEPT, MULTILOG, Name, Trouble};
use crate::sys::entry::{self, Access};
use crate::sys::file::{Facts, Kind};
use crate::sys::{Errno, clock, directory};
use std::os::fd::{BorrowedFd, OwnedFd};

/// The owner's x bit on `current`, `previous` and `processed` means: complete, and synced to the
/// disk.
pub const WHOLE: u32 = 0o100;
/// The mode of a complete log, and of one that is being written.
pub const CLOSED: u32 = 0o744;
/// See [`CLOSED`].
pub const OPEN: u32 = 0o644;
/// How often another process may take a name of ours first before that counts as trouble.
const TRIES: u8 = 8;
/// The message for a `state` that cannot be made.
const WRITE_STATE: Attempt = Attempt::on("write to ", "state");
/// How many times, a microsecond apart, are tried for a free name.
const MOMENTS: u64 = 1000;

/// Does this work in one log directory.
#[derive(Debug)]
pub struct Keeper<'a> {
    /// The directory.
    pub place: BorrowedFd<'a>,
    /// Its name, and how many logs to keep.
    pub settings: &'a Settings,
    /// Used to wait for trouble to pass.
    pub patience: &'a mut Patience,
}

impl Keeper<'_> {
    /// Tries `work` until it succeeds.
    ///
    /// # Errors
    /// As [`Patience::insist`].
    pub fn insist<T>(
        &mut self,
        attempt: Attempt,
        call: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Trouble> {
        self.patience.insist(&self.settings.name, attempt, call)
    }

    /// The facts of the entry with this name, if there is one.
    ///
    /// # Errors
    /// As [`Patience::insist`].
    pub fn facts(&mut self, name: &'static str) -> Result<Option<Facts>, Trouble> {
        let place = self.place;
        self.insist(Attempt::on("stat ", name), || found(place, name.as_bytes()))
    }

    /// Puts the directory in order after a multilog was killed. Nothing is lost or processed twice.
    ///
    /// # Errors
    /// As [`Patience::insist`].
    pub fn recover(&mut self) -> Result<(), Trouble> {
        let processed = self.facts("processed")?;
        self.remove("state").map_err(|trouble| match trouble.error {
            Errno::EISDIR => Trouble { attempt: WRITE_STATE, ..trouble },
            _ => trouble,
        })?;
        self.remove("newstate")?;
        let is_whole = |facts: Facts| facts.kind == Kind::Regular && facts.mode & WHOLE != 0;
        if processed.is_some_and(is_whole) {
            self.remove("previous")?;
            self.keep("processed", SAFE)?;
        } else {
            self.remove("processed")?;
            self.keep("previous", UNSAFE)?;
        }
        self.keep("current", UNSAFE)?;
        self.make(WRITE_STATE, "state", Access::Update).map(drop)
    }

    /// Makes a new file. An entry that has its name is moved out of the way.
    ///
    /// # Errors
    /// As [`Patience::insist`].
    pub fn make(
        &mut self,
        attempt: Attempt,
        name: &'static str,
        access: Access,
    ) -> Result<OwnedFd, Trouble> {
        let place = self.place;
        for _ in 0..TRIES {
            let made = self.insist(attempt, || {
                match entry::create(place, name.as_bytes(), access, OPEN) {
                    Err(Errno::EEXIST) => Ok(None),
                    result => result.map(Some),
                }
            })?;
            match made {
                Some(made) => return Ok(made),
                None => self.keep(name, UNSAFE)?,
            }
        }
        self.insist(attempt, || entry::create(place, name.as_bytes(), access, OPEN))
    }

    /// Removes a file. While multilog runs, a directory of that name is moved out of the way
    /// instead.
    ///
    /// # Errors
    /// As [`Patience::insist`].
    pub fn remove(&mut self, name: &'static str) -> Result<(), Trouble> {
        let place = self.place;
        let is_patient = self.patience.is_patient();
        let is_removed = self.insist(Attempt::on("remove ", name), || {
            match gone_is_done(directory::remove(place, name.as_bytes())) {
                Err(Errno::EISDIR) if is_patient => Ok(false),
                result => result.map(|()| true),
            }
        })?;
        if is_removed { Ok(()) } else { self.set_aside(name) }
    }

    /// Gives `name` a name made from the time, unless an interrupted run has done so, and prunes.
    ///
    /// # Errors
    /// As [`Patience::insist`].
    pub fn keep(&mut self, name: &'static str, ending: &'static str) -> Result<(), Trouble> {
        let Some(facts) = self.facts(name)? else { return Ok(()) };
        if facts.kind == Kind::Directory && !self.patience.is_patient() {
            let attempt = Attempt::on("remove ", name);
            return Err(Trouble { attempt, error: Errno::EISDIR });
        }
        if facts.kind != Kind::Regular {
            return self.set_aside(name);
        }
        let place = self.place;
        let is_kept = facts.links > 1
            && self.insist(Attempt::on_directory("read "), || has_twin(place, &facts))?;
        let kept = if is_kept {
            None
        } else if facts.links == 1 {
            self.name_by_moment(name, ending, link)?
        } else {
            // Its other name was made by another program, and is no reason to remove this one.
            self.name_by_moment(name, ending, look_and_rename)?
        };
        self.remove(name)?;
        self.prune(kept)
    }

    /// Moves an entry that is no log out of the way, to a name that is never counted or removed.
    ///
    /// # Errors
    /// As [`Patience::insist`].
    fn set_aside(&mut self, name: &'static str) -> Result<(), Trouble> {
        if let Some(kept) = self.name_by_moment(name, UNSAFE, look_and_rename)? {
            let directory = self.settings.name.as_slice();
            MULTILOG.warning(&[
                directory,
                b"/",
                name.as_bytes(),
                b" is no regular file, and is ",
                &kept,
                b" now",
            ]);
        }
        Ok(())
    }

    /// Gives `name` a name made from the time. Returns that name, or `None` if `name` was gone.
    fn name_by_moment(
        &mut self,
        name: &'static str,
        ending: &'static str,
        give: Give,
    ) -> Result<Option<[u8; KEPT]>, Trouble> {
        let place = self.place;
        let directory = &self.settings.name;
        let mut later = 0;
        loop {
            let kept = name_of(clock::wall(), later, ending);
            later += 1;
            let attempt = Attempt::new("link to ", Name::Kept(kept));
            let named = self.patience.insist(directory, attempt, || {
                match give(place, name.as_bytes(), &kept) {
                    Ok(()) => Ok(Named::Now),
                    Err(Errno::ENOENT) => Ok(Named::Gone),
                    Err(Errno::EEXIST) if later < MOMENTS => Ok(Named::Taken),
                    Err(error) => Err(error),
                }
            })?;
            match named {
                Named::Now => return Ok(Some(kept)),
                Named::Gone => return Ok(None),
                Named::Taken => {}
            }
        }
    }

    /// Removes the oldest logs until fewer than the wanted number are left. Names later than now go
    /// first, since a wrong clock gave them. The log that was just kept is never removed.
    fn prune(&mut self, kept: Option<[u8; KEPT]>) -> Result<(), Trouble> {
        loop {
            let (place, number) = (self.place, self.settings.number);
            let logs = self
                .insist(Attempt::on_directory("read "), || Logs::of(place, clock::wall(), kept))?;
            if logs.count < number {
                return Ok(());
            }
            let surplus = logs.count + 1 - number;
            for name in logs.first().take(surplus) {
                self.insist(Attempt::new("remove ", Name::Kept(name)), || {
                    match gone_is_done(directory::remove(place, &name)) {
                        // It is a directory now, and was a log when we listed it: leave it.
                        Err(Errno::EISDIR) => Ok(()),
                        result => result,
                    }
                })?;
            }
            if surplus <= VICTIMS {
                return Ok(());
            }
        }
    }
}

/// The result of trying one name.
enum Named {
    Now,
    Gone,
    /// Another file has this name.
    Taken,
}

fn gone_is_done(result: Result<(), Errno>) -> Result<(), Errno> {
    if result == Err(Errno::ENOENT) { Ok(()) } else { result }
}
