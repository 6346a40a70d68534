//! The world of the model: the files, the living processes, the possible next steps, and the laws.

use daemontools_rs::service::record::{History, Origin, ProcessIdentity, Record};
use daemontools_rs::service::slot::Slot;
use daemontools_rs::service::trust::{Doubt, Finding, judge};
use daemontools_rs::supervise::machine::{Effect, Event, Owed, Pause, Request, State, Want, step};

/// How often the adversary may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    /// kill -9 of a supervise or the svscan.
    pub kills: u8,
    /// `svc -u`, `-d` or `-o`.
    pub requests: u8,
    /// Ends of the service by itself.
    pub deaths: u8,
    /// Strangers that take a free pid.
    pub aliens: u8,
    /// Reboots.
    pub reboots: u8,
    /// `chown -R` of `supervise/`: the records so far belong to another user then.
    pub chowns: u8,
    /// Whether no process can be looked at: there is no /proc.
    pub is_blind: bool,
}

/// A plausible fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    None,
    ReleaseBeforeRecord,
    ChildDoesNotWait,
    ChildGoesOnWithoutParent,
    NoLock,
    NoAdoption,
    PidWithoutStartTime,
    AnyBoot,
    DownToldBeforeRecorded,
    DownNeverRetold,
    OwedStartForgotten,
    SvscanDoesNotLookForPresence,
    PublishedAfterRelease,
    GroupEndedAfterStart,
    AlienRecordForgotten,
    AlienRecordBelieved,
    UnseenIsGone,
    DoubtIsSignalled,
}

impl Fault {
    pub const ALL: [Self; 17] = [
        Self::ReleaseBeforeRecord,
        Self::ChildDoesNotWait,
        Self::ChildGoesOnWithoutParent,
        Self::NoLock,
        Self::NoAdoption,
        Self::PidWithoutStartTime,
        Self::AnyBoot,
        Self::DownToldBeforeRecorded,
        Self::DownNeverRetold,
        Self::OwedStartForgotten,
        Self::SvscanDoesNotLookForPresence,
        Self::PublishedAfterRelease,
        Self::GroupEndedAfterStart,
        Self::AlienRecordForgotten,
        Self::AlienRecordBelieved,
        Self::UnseenIsGone,
        Self::DoubtIsSignalled,
    ];
}

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
        let record = Record { service, want, owed, down_told, ..nothing() };
        Slot { sequence: 1, origin: origin(self.boot), record }
    }
}

/// A record of nothing.
fn nothing() -> Record {
    Record {
        service: None,
        alive: 0,
        leads_group: false,
        supervise: ProcessIdentity { pid: 0, start: 0 },
        want: Want::Up,
        exit_requested: false,
        is_paused: false,
        owed: Owed::Nothing,
        kill_asked: false,
        down_told: false,
        is_doubted: false,
        left_cleanly: false,
        history: History::default(),
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

/// A step: its name, the next world or the law that it breaks, and whether it is a step of our
/// programs.
pub struct Step {
    pub name: String,
    pub world: Result<World, String>,
    pub is_ours: bool,
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

    /// All that may happen next.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.supervise_steps(&mut steps);
        self.svscan_steps(&mut steps);
        self.process_steps(&mut steps);
        self.adversary_steps(&mut steps);
        steps
    }

    fn after(&self, change: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<Self, String> {
        let mut world = self.clone();
        change(&mut world).map(|()| world)
    }

    fn supervise_steps(&self, steps: &mut Vec<Step>) {
        for slot in 0..GENERATIONS {
            let Some(supervise) = &self.supervises[slot] else { continue };
            let mut ours = |name: &str, world| {
                steps.push(Step { name: format!("{name} {slot}"), world, is_ours: true });
            };
            match &supervise.place {
                Place::Starting => {
                    // Held by a child of a killed supervise: wait until it executes or exits. Held
                    // by another supervise: exit with "temporary failure".
                    let is_held = |process: &Process| matches!(process.kind, Kind::Held { .. });
                    let other = &self.supervises[1 - slot];
                    let taken = other.as_ref().is_some_and(|other| other.place != Place::Starting);
                    if self.fault == Fault::NoLock {
                        ours("no lock", self.after(|world| world.put(slot, Place::Locked)));
                    } else if taken {
                        ours("lock fails", self.after(|world| world.remove(slot)));
                    } else if !self.processes.iter().any(is_held) {
                        ours("lock", self.after(|world| world.put(slot, Place::Locked)));
                    }
                }
                Place::Locked => ours("recall", self.after(|world| world.recall(slot))),
                Place::Recalled => ours("Begin", self.after(|world| world.begin(slot))),
                Place::Listening(effects) if !effects.is_empty() => {
                    let name = format!("{:?}", effects[0]);
                    ours(&name, self.after(|world| world.perform(slot)));
                }
                Place::Listening(_) => {
                    let ended = supervise.process.is_some_and(|identity| !self.lives(identity));
                    if ended {
                        ours("Ended", self.after(|world| world.apply(slot, Event::Ended)));
                    }
                    if supervise.state.pause != Pause::Over {
                        let over = self.after(|world| world.apply(slot, Event::PauseOver));
                        ours("PauseOver", over);
                    }
                    if let Some(request) = self.control {
                        let read = |world: &mut Self| {
                            world.control = None;
                            world.apply(slot, Event::Asked(request))
                        };
                        ours(&format!("reads {request:?}"), self.after(read));
                    }
                }
            }
        }
    }

    fn svscan_steps(&self, steps: &mut Vec<Step>) {
        let mut ours = |name: &str, world| {
            steps.push(Step { name: name.to_owned(), world, is_ours: true });
        };
        let listens = |slot: &usize| {
            let supervise = self.supervises[*slot].as_ref();
            supervise.is_some_and(|supervise| supervise.is_present)
        };
        match self.svscan {
            // svscanboot starts another one.
            Svscan::Dead => ours("svscan starts", self.after(|world| world.scan(Svscan::Idle))),
            Svscan::Keeps(slot) if self.supervises[slot].is_none() => {
                ours("svscan reaps", self.after(|world| world.scan(Svscan::Idle)));
            }
            Svscan::Keeps(_) => {}
            Svscan::Idle => {
                let present = (0..GENERATIONS).find(listens);
                let looks = self.fault != Fault::SvscanDoesNotLookForPresence;
                if let Some(slot) = present.filter(|_| looks) {
                    ours("svscan adopts", self.after(|world| world.scan(Svscan::Keeps(slot))));
                } else if let Some(slot) =
                    (0..GENERATIONS).find(|&slot| self.supervises[slot].is_none())
                {
                    let start = |world: &mut Self| {
                        world.supervises[slot] = Some(Supervise {
                            place: Place::Starting,
                            state: State::first(false),
                            process: None,
                            is_in_doubt: false,
                            is_present: false,
                        });
                        world.scan(Svscan::Keeps(slot))
                    };
                    ours("svscan starts supervise", self.after(start));
                }
            }
        }
    }

    /// The steps of children and services.
    fn process_steps(&self, steps: &mut Vec<Step>) {
        for (index, process) in self.processes.iter().enumerate() {
            let mut ours = |name: &str, world| {
                steps.push(Step { name: name.to_owned(), world, is_ours: true });
            };
            let ends = |world: &mut Self| {
                world.processes.remove(index);
                Ok(())
            };
            if process.is_dying {
                ours("dies of a signal", self.after(ends));
                continue;
            }
            match process.kind {
                Kind::Held { released, .. }
                    if released || self.fault == Fault::ChildDoesNotWait =>
                {
                    ours("execs", self.after(|world| world.exec(index)));
                }
                Kind::Held { parent: None, .. }
                    if self.fault == Fault::ChildGoesOnWithoutParent =>
                {
                    ours("execs without a parent", self.after(|world| world.exec(index)));
                }
                // It reads the end of file of its pipe.
                Kind::Held { parent: None, .. } => ours("leaves", self.after(ends)),
                Kind::Held { .. } | Kind::Alien => {}
                Kind::Service if self.left.deaths > 0 => {
                    let die = |world: &mut Self| {
                        world.left.deaths -= 1;
                        ends(world)
                    };
                    let world = self.after(die);
                    steps.push(Step { name: "dies".to_owned(), world, is_ours: false });
                }
                Kind::Service => {}
            }
        }
    }

    fn adversary_steps(&self, steps: &mut Vec<Step>) {
        let mut theirs = |name: &str, world| {
            steps.push(Step { name: name.to_owned(), world, is_ours: false });
        };
        if self.left.kills > 0 {
            for slot in (0..GENERATIONS).filter(|&slot| self.supervises[slot].is_some()) {
                let kill = |world: &mut Self| {
                    world.left.kills -= 1;
                    world.remove(slot)
                };
                theirs(&format!("KILL of supervise {slot}"), self.after(kill));
            }
            if self.svscan != Svscan::Dead {
                let kill = |world: &mut Self| {
                    world.left.kills -= 1;
                    world.scan(Svscan::Dead)
                };
                theirs("KILL of svscan", self.after(kill));
            }
        }
        if self.left.requests > 0 && self.control.is_none() && self.has_listener() {
            for request in [Request::Up, Request::Down, Request::Once] {
                let ask = |world: &mut Self| {
                    world.left.requests -= 1;
                    world.control = Some(request);
                    Ok(())
                };
                theirs(&format!("svc {request:?}"), self.after(ask));
            }
        }
        if self.left.aliens > 0
            && let Some(pid) = self.free_pid()
        {
            let appear = |world: &mut Self| {
                world.left.aliens -= 1;
                world.add(pid, Kind::Alien);
                Ok(())
            };
            theirs("a stranger appears", self.after(appear));
        }
        if self.left.chowns > 0
            && let Some(journal) = self.journal.filter(|journal| !journal.is_alien)
        {
            let give_away = |world: &mut Self| {
                world.left.chowns -= 1;
                world.journal = Some(Journal { is_alien: true, ..journal });
                Ok(())
            };
            theirs("chown", self.after(give_away));
        }
        if self.left.reboots > 0 {
            let reboot = |world: &mut Self| {
                world.left.reboots -= 1;
                world.boot += 1;
                // The clock of start times begins anew, so start times may repeat.
                world.clock = 0;
                world.processes.clear();
                world.supervises = [None, None];
                world.svscan = Svscan::Idle;
                world.control = None;
                (world.wanted, world.once, world.was_told) = (Want::Up, 0, false);
                world.once_by = None;
                Ok(())
            };
            theirs("reboot", self.after(reboot));
        }
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

    /// `recall::recall`: reads the journal, and finds out whether its process still runs.
    fn recall(&mut self, slot: usize) -> Result<(), String> {
        let found = self.journal.and_then(|journal| {
            let alien = journal.is_alien.then_some(Doubt::Alien("owned by another user"));
            let boot = if self.fault == Fault::AnyBoot { journal.boot } else { self.boot };
            match judge(&journal.slot(), &origin(boot), alien) {
                Finding::Found(found) => Some(found),
                _ => None,
            }
        });
        let found = found
            .filter(|found| found.doubt.is_none() || self.fault != Fault::AlienRecordForgotten);
        let (mut state, mut process, mut is_in_doubt) = (State::first(false), None, false);
        if let Some(found) = found {
            let mut record = found.record;
            // Without /proc only the pid can be checked.
            let is_one = |process: &&Process, recorded: ProcessIdentity| {
                process.identity == recorded
                    || process.identity.pid == recorded.pid
                        && (self.left.is_blind || self.fault == Fault::PidWithoutStartTime)
            };
            let alive = record.service.and_then(|recorded| {
                self.processes.iter().find(|process| is_one(process, recorded))
            });
            let alive = alive.filter(|_| {
                self.fault != Fault::NoAdoption
                    && !(self.left.is_blind && self.fault == Fault::UnseenIsGone)
            });
            is_in_doubt = self.left.is_blind
                || found.doubt.is_some() && self.fault != Fault::AlienRecordBelieved;
            if found.doubt.is_some() && alive.is_some() && !is_in_doubt {
                return Err("a record that anybody may have written is believed".to_owned());
            }
            if alive.is_some_and(|process| process.kind == Kind::Alien) && !is_in_doubt {
                return Err("a stranger is adopted".to_owned());
            }
            process = alive.map(|process| process.identity);
            is_in_doubt &= process.is_some();
            if self.fault == Fault::OwedStartForgotten {
                record.owed = Owed::Nothing;
            }
            record.down_told |= self.fault == Fault::DownNeverRetold;
            state = State::taken_over(&record, process.is_some(), Pause::Over);
        }
        self.supervises[slot] = Some(Supervise {
            place: Place::Recalled,
            state,
            process,
            is_in_doubt,
            is_present: false,
        });
        Ok(())
    }

    fn begin(&mut self, slot: usize) -> Result<(), String> {
        self.put(slot, Place::Listening(Vec::new()))?;
        self.apply(slot, Event::Begin)
    }

    /// One step of the machine. Its effects come before those still to be performed.
    fn apply(&mut self, slot: usize, event: Event) -> Result<(), String> {
        let Some(supervise) = &mut self.supervises[slot] else { return Ok(()) };
        let (state, effects) = step(supervise.state, event);
        supervise.state = state;
        if matches!(event, Event::Asked(Request::Up | Request::Once)) {
            self.was_told = false;
        }
        let mut list: Vec<Effect> = effects.iter().collect();
        let hurried = match self.fault {
            Fault::ReleaseBeforeRecord => list.iter().position(|e| *e == Effect::Release),
            Fault::GroupEndedAfterStart => list.iter().position(|e| *e == Effect::Start),
            Fault::DownToldBeforeRecorded if event == Event::Asked(Request::Down) => {
                list.iter().position(|e| *e == Effect::SendDown)
            }
            _ => None,
        };
        if let Some(hurried) = hurried {
            let effect = list.remove(hurried);
            list.insert(0, effect);
        }
        if let Place::Listening(effects) = &mut supervise.place {
            list.append(effects);
            *effects = list;
        }
        Ok(())
    }

    fn perform(&mut self, slot: usize) -> Result<(), String> {
        let Some(supervise) = &mut self.supervises[slot] else { return Ok(()) };
        let Place::Listening(effects) = &mut supervise.place else { return Ok(()) };
        let effect = effects.remove(0);
        let process = supervise.process;
        match effect {
            Effect::Start => {
                let Some(pid) = self.free_pid() else {
                    return self.apply(slot, Event::ForkFailed);
                };
                let kind = Kind::Held { parent: Some(slot), released: false };
                let identity = self.add(pid, kind);
                if let Some(supervise) = &mut self.supervises[slot] {
                    supervise.process = Some(identity);
                }
                return self.apply(slot, Event::Forked);
            }
            Effect::Release => {
                // The decision to start is made here; the exec may follow a moment after the next
                // `d`.
                match self.wanted {
                    Want::Down => return Err("an unasked start".to_owned()),
                    Want::Once if self.once_by != process => {
                        return Err("once more than once".to_owned());
                    }
                    Want::Once | Want::Up => {}
                }
                for found in &mut self.processes {
                    if let Kind::Held { released, .. } = &mut found.kind
                        && Some(found.identity) == process
                    {
                        *released = true;
                    }
                }
            }
            Effect::Publish => {
                // The journal first: a successor reads it.
                self.record(slot);
                if self.fault != Fault::PublishedAfterRelease {
                    self.status = process;
                }
            }
            Effect::SendDown => {
                if supervise.is_in_doubt && self.fault != Fault::DoubtIsSignalled {
                    return Ok(());
                }
                self.was_told = true;
                self.signal(process, true)?;
                return self.apply(slot, Event::DownSent);
            }
            Effect::Send(_) => {
                if !supervise.is_in_doubt {
                    self.signal(process, false)?;
                }
            }
            Effect::Reap => (supervise.process, supervise.is_in_doubt) = (None, false),
            Effect::EndGroup => {
                if process.is_some_and(|process| self.lives(process)) {
                    return Err("the newborn is killed with the old group".to_owned());
                }
            }
            // Time limits do not matter in this model.
            Effect::SetLimit | Effect::DropLimit => {}
            Effect::Announce => supervise.is_present = true,
            Effect::Leave => return self.remove(slot),
        }
        Ok(())
    }

    /// A signal arrives at a process, and may end it.
    fn signal(&mut self, target: Option<ProcessIdentity>, ends: bool) -> Result<(), String> {
        for found in &mut self.processes {
            let is_it = Some(found.identity) == target;
            if is_it && found.kind == Kind::Alien {
                return Err("a stranger is signalled".to_owned());
            }
            found.is_dying |= is_it && ends;
        }
        Ok(())
    }

    /// Writes the journal, and what the laws compare with from here on.
    fn record(&mut self, slot: usize) {
        let Some(supervise) = &self.supervises[slot] else { return };
        let state = supervise.state;
        let mut record = Record { service: supervise.process, ..nothing() };
        state.write_to(&mut record);
        self.journal = Some(Journal::of(self.boot, &record));
        let is_asked = state.want == Want::Once && state.owed != Owed::Nothing;
        if supervise.process.is_none() && is_asked {
            // The request is recorded: from here on it must not be lost.
            self.once = 1;
        }
        if state.want == Want::Once && self.once > 0 && supervise.process.is_some() {
            // The start is recorded: it may be lost if supervise is killed now, but never made
            // twice.
            self.once = 0;
            self.once_by = supervise.process;
        }
        self.wanted = state.want;
        if state.want == Want::Down {
            self.once = 0;
        }
    }

    /// A released child becomes the service. The laws on starts are checked here.
    fn exec(&mut self, index: usize) -> Result<(), String> {
        if self.processes.iter().any(|process| process.kind == Kind::Service) {
            return Err("two copies".to_owned());
        }
        let recorded = self.journal.and_then(|journal| journal.service);
        if recorded != Some(self.processes[index].identity) {
            return Err("a start that is not recorded".to_owned());
        }
        if self.status != recorded {
            return Err("the service reads another's pid in its status".to_owned());
        }
        if self.was_told {
            return Err("a start of what was told to go down".to_owned());
        }
        self.processes[index].kind = Kind::Service;
        Ok(())
    }
}
