//! What the steps do to the world, and the laws that they may break.

use super::{Journal, Kind, Place, Process, Supervise, World, origin};
use crate::adversary::Fault;
use daemontools_rs::service::record::{ProcessIdentity, Record};
use daemontools_rs::service::trust::{Doubt, Finding, judge};
use daemontools_rs::supervise::machine::{Effect, Event, Owed, Pause, Request, State, Want, step};

impl World {
    /// `recall::recall`: reads the journal, and finds out whether its process still runs.
    pub(super) fn recall(&mut self, slot: usize) -> Result<(), String> {
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

    pub(super) fn begin(&mut self, slot: usize) -> Result<(), String> {
        self.put(slot, Place::Listening(Vec::new()))?;
        self.apply(slot, Event::Begin)
    }

    /// One step of the machine. Its effects come before those still to be performed.
    pub(super) fn apply(&mut self, slot: usize, event: Event) -> Result<(), String> {
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

    pub(super) fn perform(&mut self, slot: usize) -> Result<(), String> {
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
    pub(super) fn signal(
        &mut self,
        target: Option<ProcessIdentity>,
        ends: bool,
    ) -> Result<(), String> {
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
    pub(super) fn record(&mut self, slot: usize) {
        let Some(supervise) = &self.supervises[slot] else { return };
        let state = supervise.state;
        let mut record = Record { service: supervise.process, ..Record::default() };
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
    pub(super) fn exec(&mut self, index: usize) -> Result<(), String> {
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
