//! The world of the model: the files and the living processes. Its steps are in [`next`], what they
//! do and the laws in [`deeds`].

mod deeds;
mod next;

use crate::adversary::{Budget, Fault};
use daemontools_rs::service::record::{Origin, ProcessIdentity, Record};
use daemontools_rs::service::slot::Slot;
use daemontools_rs::supervise::machine::{Effect, Owed, Request, State, Want};

/// How many pids there are: so few that they are soon used again.
const PIDS: u32 = 2;
/// How many supervises may live at once: two generations.
const GENERATIONS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Forked by the supervise in this slot, and waiting. Whether it was released.
    Held { parent: Option<usize>, released: bool },
    /// It runs the service.
    Service,
    /// Another process.
    Alien,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    identity: ProcessIdentity,
    kind: Kind,
    /// A signal that ends it was sent and has not arrived.
    is_dying: bool,
}

/// The journal: the fields of a record that may differ here, and whether another user may have
/// written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Journal {
    boot: u8,
    service: Option<ProcessIdentity>,
    want: Want,
    owed: Owed,
    down_told: bool,
    is_alien: bool,
}

impl Journal {
    fn of(boot: u8, record: &Record) -> Self {
        let Record { service, want, owed, down_told, .. } = *record;
        Self { boot, service, want, owed, down_told, is_alien: false }
    }

    fn slot(self) -> Slot {
        let Self { service, want, owed, down_told, .. } = self;
        let record = Record { service, want, owed, down_told, ..Record::default() };
        Slot { sequence: 1, origin: origin(self.boot), record }
    }
}

/// The origin of a record that is written in this boot.
fn origin(boot: u8) -> Origin {
    Origin { boot: [boot + 1; 32], device: 1, inode: 1 }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Before `lock::acquire`.
    Starting,
    /// Before `memory::recall`.
    Locked,
    /// Before [`Event::Begin`].
    Recalled,
    /// In the loop, with these effects still to be performed.
    Listening(Vec<Effect>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Supervise {
    place: Place,
    state: State,
    process: Option<ProcessIdentity>,
    /// Whether it does not know if that process is the service.
    is_in_doubt: bool,
    /// Whether others can see that it runs.
    is_present: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Svscan {
    Dead,
    /// It knows of no supervise.
    Idle,
    /// It started, or adopted, the one in this slot.
    Keeps(usize),
}

/// One state of everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    fault: Fault,
    left: Budget,
    boot: u8,
    clock: u64,
    journal: Option<Journal>,
    /// The pid in the 18 bytes.
    status: Option<ProcessIdentity>,
    supervises: [Option<Supervise>; GENERATIONS],
    svscan: Svscan,
    processes: Vec<Process>,
    control: Option<Request>,
    /// For the laws alone: the last recorded request; the starts that `o` still permits, and the
    /// last process of these; whether the signal of `d` was sent since.
    wanted: Want,
    once: u8,
    once_by: Option<ProcessIdentity>,
    was_told: bool,
}

impl World {
    pub fn new(left: Budget, fault: Fault) -> Self {
        Self {
            fault,
            left,
            boot: 0,
            clock: 0,
            journal: None,
            status: None,
            supervises: [None, None],
            svscan: Svscan::Idle,
            processes: Vec::new(),
            control: None,
            wanted: Want::Up,
            once: 0,
            once_by: None,
            was_told: false,
        }
    }

    /// Nothing is left to do: one supervise listens under an svscan, with nothing unread, and the
    /// service is what it is wanted to be.
    pub fn is_settled(&self) -> bool {
        let Svscan::Keeps(slot) = self.svscan else { return false };
        let Some(supervise) = &self.supervises[slot] else { return false };
        let runs = self.processes.iter().any(|process| process.kind == Kind::Service);
        let is_right = match self.wanted {
            // supervise waits for it and sends it no signal.
            _ if supervise.is_in_doubt => true,
            Want::Up => runs,
            Want::Down => !runs,
            Want::Once => self.once == 0,
        };
        let is_known = supervise.process.is_some_and(|identity| self.lives(identity));
        supervise.place == Place::Listening(Vec::new())
            && (supervise.process.is_some() == runs || supervise.is_in_doubt && is_known)
            && self.control.is_none()
            && !self.processes.iter().any(|process| matches!(process.kind, Kind::Held { .. }))
            && is_right
    }

    fn after(&self, change: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<Self, String> {
        let mut world = self.clone();
        change(&mut world).map(|()| world)
    }

    fn has_listener(&self) -> bool {
        self.supervises
            .iter()
            .flatten()
            .any(|supervise| matches!(supervise.place, Place::Listening(_)))
    }

    fn free_pid(&self) -> Option<u32> {
        (1..=PIDS).find(|pid| self.processes.iter().all(|process| process.identity.pid != *pid))
    }

    fn add(&mut self, pid: u32, kind: Kind) -> ProcessIdentity {
        let identity = ProcessIdentity { pid, start: self.clock };
        self.clock += 1;
        self.processes.push(Process { identity, kind, is_dying: false });
        self.processes.sort_unstable();
        identity
    }

    fn lives(&self, identity: ProcessIdentity) -> bool {
        self.processes.iter().any(|process| process.identity == identity)
    }

    fn scan(&mut self, svscan: Svscan) -> Result<(), String> {
        self.svscan = svscan;
        Ok(())
    }

    fn put(&mut self, slot: usize, place: Place) -> Result<(), String> {
        if let Some(supervise) = &mut self.supervises[slot] {
            supervise.place = place;
        }
        Ok(())
    }

    /// The supervise in `slot` is gone; its waiting child has no parent any more. A control FIFO
    /// that no process has open loses its contents.
    fn remove(&mut self, slot: usize) -> Result<(), String> {
        self.supervises[slot] = None;
        for process in &mut self.processes {
            if let Kind::Held { parent, .. } = &mut process.kind
                && *parent == Some(slot)
            {
                *parent = None;
            }
        }
        if !self.has_listener() {
            self.control = None;
        }
        Ok(())
    }
}
