//! The possible next steps of each process, and of the adversary.

use super::{GENERATIONS, Journal, Kind, Place, Process, Supervise, Svscan, World};
use crate::adversary::Fault;
use daemontools_rs::supervise::machine::{Event, Pause, Request, State, Want};

/// A step: its name, the next world or the law that it breaks, and whether it is a step of our
/// programs.
pub struct Step {
    pub name: String,
    pub world: Result<World, String>,
    pub is_ours: bool,
}

impl World {
    /// All that may happen next.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.supervise_steps(&mut steps);
        self.svscan_steps(&mut steps);
        self.process_steps(&mut steps);
        self.adversary_steps(&mut steps);
        steps
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
}
