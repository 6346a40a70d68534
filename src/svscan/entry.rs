//! One held service: its name, its log pipe, and its two supervises. Knows how to start one of
//! them and how to reach it.

use super::plan::{Ending, Held, Identity, Side, Standing};
use crate::error::{Exit, Program};
use crate::exec;
use crate::service::control::{self, Sender};
use crate::service::journal::{has_left, recorded_supervise};
use crate::service::records::Records;
use crate::service::{MESSAGES_NUMBER, lock, presence, status};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::limit::OpenFiles;
use crate::sys::process::{self, Environment, Pid};
use crate::sys::{Errno, directory, proc, signal};
use core::time::Duration;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The pipe between a service and its logger, held as long as the entry: restarting either end
/// loses nothing.
#[derive(Debug)]
pub struct LogPipe {
    /// What the logger reads.
    pub read: OwnedFd,
    /// What the service writes; given up in the orderly stop.
    pub write: Option<OwnedFd>,
}

/// A supervise as svscan knows it.
#[derive(Debug)]
pub enum Supervise {
    /// It does not run; it may be started from this moment on. How it ended, if it ever ran.
    Idle(Duration, Option<Ending>),
    /// It is our child, started at this moment.
    Child(Pid, Duration),
    /// It was there before us.
    Adopted(Adopted),
}

/// A supervise that is not our child.
#[derive(Debug)]
pub struct Adopted {
    /// Its presence, which breaks when it ends.
    pub presence: OwnedFd,
    /// Its service directory, wherever the name has gone.
    directory: OwnedFd,
    /// Its pid, where that is known: 0.76's keeps no journal.
    pid: Option<Pid>,
}

impl Adopted {
    /// The supervise that works in this directory, if its FIFO `ok` says so and somebody holds its
    /// lock (whoever merely reads every file does not).
    #[must_use]
    pub fn find_in(directory: OwnedFd) -> Option<Self> {
        let records = Records::find(directory.as_fd()).ok()?;
        let presence = presence::look(&records).ok()?;
        let is_one = lock::is_held(&records);
        let pid = recorded_supervise(directory.as_fd()).map(|identity| identity.pid);
        is_one.then_some(Self { presence, directory, pid })
    }

    /// The supervise of this pid, known to work in this directory, which may have been removed.
    #[must_use]
    pub fn of(pid: Pid, directory: OwnedFd) -> Option<Self> {
        let presence = presence::look_through(pid).ok()?;
        Some(Self { presence, directory, pid: Some(pid) })
    }
}

impl Supervise {
    /// How it stands, for the plan.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self {
            Self::Idle(from, _) => Standing::Idle(*from),
            Self::Child(..) | Self::Adopted(_) => Standing::Running,
        }
    }
}

/// A held service.
#[derive(Debug)]
pub struct Entry {
    /// The name it was last seen under.
    pub name: Vec<u8>,
    /// The pipe to its logger, if it has one.
    pub pipe: Option<LogPipe>,
    /// Its own supervise.
    pub main: Supervise,
    /// Its logger's supervise, if it has a logger.
    pub log: Option<Supervise>,
}

/// What every supervise is started with.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// The limit on open files that svscan itself was started with.
    pub limit: Option<OpenFiles>,
    /// Whether each gets a process group of its own, out of reach of the terminal's Ctrl-C.
    pub own_group: bool,
    /// A read end of the message pipe, for each supervise to hold.
    pub messages: Option<BorrowedFd<'a>>,
}

const SVSCAN: Program = Program::daemon("svscan");

impl Entry {
    /// This entry as the plan knows it.
    #[must_use]
    pub fn held(&self, identity: Identity) -> Held {
        Held {
            identity,
            main: self.main.standing(),
            log: self.log.as_ref().map(Supervise::standing),
        }
    }

    /// One of its supervises.
    pub fn side(&mut self, side: Side) -> Option<&mut Supervise> {
        match side {
            Side::Main => Some(&mut self.main),
            Side::Log => self.log.as_mut(),
        }
    }

    fn supervise(&self, side: Side) -> Option<&Supervise> {
        match side {
            Side::Main => Some(&self.main),
            Side::Log => self.log.as_ref(),
        }
    }

    /// What stands behind the name in messages and paths.
    #[must_use]
    pub const fn suffix(side: Side) -> &'static [u8] {
        match side {
            Side::Main => b"",
            Side::Log => b"/log",
        }
    }

    /// The supervise of `side` if one runs that is not our child.
    #[must_use]
    pub fn find_running(&self, side: Side) -> Option<Adopted> {
        Adopted::find_in(self.open_by_name(side).ok()?)
    }

    /// How an adopted supervise ended, as far as it wrote that down. 0.76's keeps no journal: with
    /// the service down it left, with the service up it was killed.
    #[must_use]
    pub fn unseen_ending(&self, side: Side) -> Ending {
        let Ok(place) = self.open_where_it_is(side) else { return Ending::Killed };
        let Ok(records) = Records::find(place.as_fd()) else { return Ending::Killed };
        match (has_left(place.as_fd()), status::read(&records)) {
            (Some(true), _) => Ending::Left,
            (None, Ok(status)) if status.pid == 0 => Ending::Left,
            _ => Ending::Killed,
        }
    }

    fn open_by_name(&self, side: Side) -> Result<OwnedFd, Errno> {
        let path = [&self.name, Self::suffix(side)].concat();
        open(HERE, &path, Purpose::Directory)
    }

    /// The service directory of `side`, wherever its name has gone: a child works in it.
    fn open_where_it_is(&self, side: Side) -> Result<OwnedFd, Errno> {
        match self.supervise(side) {
            Some(Supervise::Adopted(adopted)) => {
                return open(adopted.directory.as_fd(), b".", Purpose::Directory);
            }
            Some(Supervise::Child(pid, _)) => {
                if let Ok(directory) = proc::open_working_directory(*pid, b"") {
                    return Ok(directory);
                }
            }
            Some(Supervise::Idle(..)) | None => {}
        }
        self.open_by_name(side)
    }

    /// The pid of `side`'s supervise if it is one of ours: 0.76's keeps no journal.
    #[must_use]
    pub fn recorded_supervise(&self, side: Side) -> Option<Pid> {
        let place = self.open_where_it_is(side).ok()?;
        recorded_supervise(place.as_fd()).map(|identity| identity.pid)
    }

    /// The control FIFO of `side`'s supervise, also where its directory is gone.
    ///
    /// # Errors
    /// ENXIO when it does not listen (yet); those of openat(2).
    pub fn connect(&self, side: Side) -> Result<Sender, Errno> {
        let pid = match self.supervise(side) {
            Some(Supervise::Child(pid, _)) => Some(*pid),
            Some(Supervise::Adopted(adopted)) => adopted.pid,
            Some(Supervise::Idle(..)) | None => None,
        };
        let place = self.open_where_it_is(side);
        let records = place.and_then(|place| Records::find(place.as_fd()));
        match (records, pid) {
            // Whoever owns the records may have another FIFO there, or none.
            (Ok(records), Some(pid)) if records.are_shared() => {
                control::connect_through(pid).or_else(|_| control::connect(&records))
            }
            (Ok(records), _) => control::connect(&records),
            (Err(_), Some(pid)) => control::connect_through(pid),
            (Err(error), None) => Err(error),
        }
    }

    /// Whether the service of `side` is down, by its status.
    #[must_use]
    pub fn is_down(&self, side: Side) -> bool {
        self.open_where_it_is(side)
            .and_then(|place| Records::find(place.as_fd()))
            .is_ok_and(|records| status::read(&records).is_ok_and(|status| status.pid == 0))
    }

    /// Starts the supervise of `side`.
    ///
    /// # Errors
    /// Those of fork(2).
    pub fn start(
        &mut self,
        side: Side,
        given: Conditions<'_>,
        now: Duration,
    ) -> Result<Pid, Errno> {
        // Not by vfork(2): that is quicker on an idle machine, but on a busy one svscan would wait for
        // each child's turn.
        match process::fork()? {
            process::Side::Child => {
                let exit = self.become_supervise(side, given);
                process::leave(exit.number())
            }
            process::Side::Parent(pid) => {
                if let Some(supervise) = self.side(side) {
                    *supervise = Supervise::Child(pid, now);
                }
                Ok(pid)
            }
        }
    }

    /// In the child: everything as svscan got it, the pipe's end in its place, and the exec.
    fn become_supervise(&self, side: Side, given: Conditions<'_>) -> Exit {
        // supervise gets what svscan was given, as 0.76's does; it resets the rest for the service.
        signal::as_given();
        let told = |what: &[u8], error: Errno| {
            let text: &[&[u8]] = &[b"unable to ", what, &self.name, Self::suffix(side)];
            SVSCAN.warning_because(text, error);
            Exit::SYSTEM
        };
        if given.own_group {
            // A fresh child leads no session: this cannot fail.
            let _ = process::new_group();
        }
        if let Some(limit) = given.limit {
            // Only ever lowered: this cannot fail either.
            let _ = limit.set();
        }
        if let Some(messages) = given.messages {
            let _ = descriptor::place_at(messages, MESSAGES_NUMBER);
        }
        let end = match (&self.pipe, side) {
            (Some(LogPipe { write: Some(write), .. }), Side::Main) => Some((write.as_fd(), 1)),
            (Some(LogPipe { read, .. }), Side::Log) => Some((read.as_fd(), 0)),
            _ => None,
        };
        if let Some((end, number)) = end
            && let Err(error) = descriptor::place_at(end, number)
        {
            return told(b"set up descriptors for ", error);
        }
        if side == Side::Log
            && let Err(error) = directory::change(&self.name)
        {
            let text: &[&[u8]] = &[b"unable to switch to ", &self.name];
            SVSCAN.warning_because(text, error);
            return Exit::SYSTEM;
        }
        let name = match side {
            Side::Main => CString::new(self.name.as_slice()).unwrap_or_default(),
            Side::Log => c"log".to_owned(),
        };
        let supervise = c"supervise";
        let error = exec::run(supervise, &[supervise, &name], &Environment::Inherited);
        told(b"start supervise ", error)
    }
}
