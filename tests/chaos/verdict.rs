//! The checks after the last kill.

use crate::judge::Promise;
use crate::killer::{Killer, Life, life};
use crate::processes;
use crate::run::{PATIENCE, Run, key, state};
use crate::service::{Identity, Part, Service, flaws, is_alive};
use crate::system::{Kind, Role};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

impl Run {
    pub fn judge_processes(&mut self) {
        for (index, service) in self.services.iter().enumerate() {
            let name = &service.name;
            let starts = service.book("service-starts");
            let running = service.running();
            let tell = |(pid, start): &Identity, why: &str| {
                let around = self.killer.around(*start, name);
                format!("{name}: {why}: pid {pid}, started at {}\n{around}", clock(*start))
            };
            if service.part.stays_up() && !service.service.as_ref().is_some_and(is_alive) {
                self.judge.breach(Promise::SameService, || {
                    format!("{name}: was {:?}, is {running:?}", service.service)
                });
            }
            let broken = service.text("broken-pipes");
            let died = self.killer.service_kills.get(name).copied().unwrap_or(0);
            let may_start =
                service.asked_starts + usize::try_from(died).unwrap() + broken.lines().count();
            for extra in starts.iter().skip(may_start) {
                self.judge.breach(Promise::NoUnaskedStart, || tell(extra, "one start too many"));
            }
            if service.part.stays_down() && running.is_some() {
                self.judge.breach(Promise::Down, || tell(&starts[starts.len() - 1], "it is up"));
            }
            if service.is_wanted_up && running.is_none() {
                self.judge.breach(Promise::Up, || format!("{name}: it is down"));
            } else if service.part == Part::Bounced && !service.is_wanted_up && running.is_some() {
                self.judge.breach(Promise::Down, || tell(&starts[starts.len() - 1], "it is up"));
            }
            if let (Part::Paused, Some(running)) = (service.part, running)
                && state(running.0) != 'T'
            {
                self.judge.breach(Promise::SameService, || format!("{name}: no longer paused"));
            }
            let booked =
                ["service-copies", "logger-copies"].map(|book| service.book(book)).concat();
            let looked = self.copies.iter().filter(|(of, _)| *of == index).map(|(_, copy)| *copy);
            let copies: BTreeSet<Identity> = booked.into_iter().chain(looked).collect();
            for copy in copies {
                self.judge.breach(Promise::OneCopy, || tell(&copy, "a second copy"));
            }
            for line in service.text("complaints").lines() {
                self.judge.breach(Promise::NoComplaint, || format!("{name}: {line}"));
            }
        }
    }

    /// No service meets a broken pipe: its supervise keeps a read end of the log pipe, and where
    /// the logger was killed that supervise is spared. Only if a link comes and goes, and the
    /// logger with it, can all processes with a read end be dead at the same time.
    pub fn judge_pipes(&mut self) {
        let held = Holders::of(&self.killer, self.system.kind);
        for service in &self.services {
            let name = &service.name;
            let may_be = service.part == Part::Linked;
            for line in service.text("broken-pipes").lines() {
                let moment = line.split(' ').next().and_then(|word| word.parse().ok()).unwrap();
                if !may_be || !held.is_none_at(moment, name) {
                    self.judge.breach(Promise::NoComplaint, || {
                        let around = self.killer.around(moment, name);
                        format!("{name}: a broken pipe at {}\n{around}", clock(moment))
                    });
                }
            }
        }
    }

    /// Of a mortal service each kill costs one line at most, and its killed multilog none.
    pub fn judge_mortals(&mut self) {
        for service in self.services.iter().filter(|it| it.part == Part::Mortal) {
            let name = &service.name;
            let kills = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or(0);
            let service_kills = kills(&self.killer.service_kills);
            let logger_kills = kills(&self.killer.logger_kills);
            let last: u64 = service.text("counter").trim().parse().unwrap_or(0);
            let flaws = flaws(&service.multilog_text(), last);
            let may_repeat = logger_kills * LINES_OF_A_LOOK;
            println!(
                "{name}: {last} lines, {service_kills} kills of it, {logger_kills} of its multilog, \
                 {} lines missing, {} twice",
                flaws.missing, flaws.twice
            );
            if flaws.missing > service_kills
                || flaws.twice > may_repeat
                || flaws.torn > 0
                || last == 0
            {
                self.judge.breaches(Promise::EveryLine, flaws.count().max(1), || {
                    format!("{name}: {last} lines, {service_kills} may be missing: {flaws:?}")
                });
            }
        }
    }

    pub fn judge_growth(&mut self) {
        for (word, first, most, is_too_much) in self.growth.judged(self.services.len()) {
            println!(
                "{word}: at first {} kB and {} descriptors, at most {} kB and {}",
                first.memory, first.descriptors, most.memory, most.descriptors
            );
            if is_too_much {
                self.judge.breach(Promise::NoGrowth, || format!("{word}: {first:?}, {most:?}"));
            }
        }
    }

    /// A logger ends when no process has its pipe open to write. While its service is up, the
    /// service has; while it is down, svscan or a supervise must have.
    pub fn judge_loggers(&mut self) {
        let held = Holders::of(&self.killer, self.system.kind);
        let mut excused = 0;
        for service in &self.services {
            let name = &service.name;
            if service.running_logger().is_none() {
                self.judge.breach(Promise::Up, || format!("{name}/log: it is down"));
            }
            // It is killed, or sent `d`.
            if matches!(service.part, Part::Mortal | Part::Linked) {
                continue;
            }
            for end in service.text("logger-ends").lines().filter_map(|line| line.parse().ok()) {
                if self.is_ours() && !service.part.stays_up() && held.is_none_at(end, name) {
                    excused += 1;
                    continue;
                }
                self.judge.breach(Promise::SameLogger, || {
                    let around = self.killer.around(end, name);
                    format!("{name}/log: it met an end of file at {}\n{around}", clock(end))
                });
            }
            let has_ended = !service.text("logger-ends").is_empty();
            if !has_ended && !service.logger.as_ref().is_some_and(is_alive) {
                self.judge.breach(Promise::SameLogger, || {
                    format!("{name}/log: {:?} is gone, without an end of file", service.logger)
                });
            }
        }
        if excused > 0 {
            println!("{excused} times nobody was left to hold the pipe of a service that is down");
        }
    }

    pub fn judge_zombies(&mut self) {
        let zombies = || {
            let all = processes::all().into_iter();
            all.filter(|it| it.state == 'Z').map(|it| (it.pid, it.start)).collect::<BTreeSet<_>>()
        };
        let first = zombies();
        // 0.76 and runit reap with their ticks.
        let ticks = if self.is_ours() { 2 } else { 6 };
        let until = Instant::now() + Duration::from_secs(ticks);
        self.within(PATIENCE, |_| Instant::now() >= until);
        for (pid, _) in first.intersection(&zombies()) {
            self.judge.breach(Promise::NoZombie, || format!("{:?}", processes::read(*pid)));
        }
    }

    /// What is open beyond what was open at the beginning. A successor holds more: a pidfd for
    /// the process it adopted (supervise for its service, svscanboot for readproctitle), the
    /// presence of each supervise it adopted (svscan), the control FIFO of the svscan it found
    /// (svscanboot).
    pub fn judge_descriptors(&mut self) {
        for process in processes::all() {
            let Some(role) = self.system.kind.role(&process) else { continue };
            let Some(had) = self.had_open.get(&key(&process)) else { continue };
            let mut left = had.clone();
            let mut extra = Vec::new();
            for open in processes::descriptors(process.pid) {
                match left.iter().position(|it| *it == open) {
                    Some(at) => drop(left.remove(at)),
                    None => extra.push(open),
                }
            }
            let is_pidfd = |open: &str| open == "pidfd" || open == "anon_inode:[pidfd]";
            let mut allowed = BTreeSet::new();
            extra.retain(|open| {
                let is_allowed = match role {
                    Role::Supervise | Role::LogSupervise => is_pidfd(open),
                    // Of each supervise that it adopted: its presence and its directory.
                    Role::Scan => {
                        open.ends_with("/supervise/ok") || Path::new(open.as_str()).is_dir()
                    }
                    Role::Boot => is_pidfd(open) || open.ends_with("/.svscan/control"),
                    Role::ReadProcTitle | Role::Service | Role::Logger => false,
                };
                // Each of them is allowed once.
                !is_allowed || !allowed.insert(open.clone())
            });
            if !extra.is_empty() {
                self.judge.breach(Promise::NoLeak, || {
                    format!(
                        "{} {}: beyond the first one's: {extra:?}, without: {left:?}",
                        process.name, process.pid
                    )
                });
            }
        }
        let open = |identity: Option<Identity>| {
            identity.map_or(0, |(pid, _)| processes::descriptors(pid).len())
        };
        let first = self.services.iter().find(|it| it.part == Part::Steady);
        let expected = first.map_or(0, |service| open(service.service));
        let like_it = |it: &&Service| it.running().is_some() && it.part != Part::Mortal;
        for service in self.services.iter().filter(like_it) {
            if open(service.running()) != expected {
                self.judge.breach(Promise::NoLeak, || {
                    let open = service.running().map(|it| processes::descriptors(it.0));
                    format!("{} has {open:?}", service.name)
                });
            }
        }
    }

    pub fn judge_stop(&mut self) {
        let begun = Instant::now();
        kill(Pid::from_raw(self.top), Signal::SIGTERM).unwrap();
        let end = loop {
            match self.init.end_of(self.top) {
                None if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                end => break end,
            }
        };
        println!("the orderly stop took {} ms", begun.elapsed().as_millis());
        let left = || processes::all().into_iter().filter(|it| it.pid != 1).collect::<Vec<_>>();
        let until = Instant::now() + Duration::from_secs(2);
        while !left().is_empty() && Instant::now() < until {
            self.init.reap();
            std::thread::sleep(Duration::from_millis(5));
        }
        if end != Some(0) || !left().is_empty() {
            self.judge.breach(Promise::OrderlyStop, || {
                let left: Vec<String> = left().iter().map(|it| format!("{it:?}")).collect();
                format!("svscanboot: exit {end:?}; left:\n{}", left.join("\n"))
            });
        }
    }

    pub fn judge_logs(&mut self) {
        let mut lines = 0;
        for service in self.services.iter().filter(|it| it.part != Part::Mortal) {
            let last = service.text("counter").trim().parse().unwrap_or(0);
            lines += last;
            let log = service.text("log.txt");
            let flaws = flaws(&log, last);
            // Lines in a pipe are lost when no process has it open.
            if service.part == Part::Linked && !service.text("broken-pipes").is_empty() {
                continue;
            }
            let stays_silent = service.part == Part::NeverUp && !self.is_ours();
            if flaws.count() > 0 || last == 0 && !stays_silent {
                self.judge.breaches(Promise::EveryLine, flaws.count().max(1), || {
                    format!("{}: {last} lines written: {flaws:?}", service.name)
                });
            }
        }
        println!("{lines} lines written");
    }
}

/// The processes with a write end of a log pipe while the service is down: svscan and the two
/// supervises, a moment after their start.
struct Holders(Vec<Life>);

/// How many lines a killed multilog may write a second time, per kill: those of one look, at two
/// hundred a second.
const LINES_OF_A_LOOK: u64 = 400;

/// How long a successor may take until it has its pipe ends open.
const MOMENT: u64 = 50;

impl Holders {
    fn of(killer: &Killer, kind: Kind) -> Self {
        let all = processes::all().into_iter();
        let living = all.filter_map(|it| kind.role(&it).map(|role| (it, role)));
        let living = living.map(|target| life(&target, u64::MAX));
        let killed = killer.lives.iter().cloned();
        Self(killed.chain(living).collect())
    }

    /// Whether all three were dead, or too young, at that moment.
    fn is_none_at(&self, moment: u64, service: &str) -> bool {
        !self.0.iter().any(|life| {
            let is_holder = match life.role {
                Role::Scan => true,
                Role::Supervise | Role::LogSupervise | Role::Logger => life.of == service,
                Role::Service | Role::Boot | Role::ReadProcTitle => false,
            };
            is_holder && life.from + MOMENT <= moment && moment + MOMENT < life.to
        })
    }
}

fn clock(ticks: u64) -> String {
    format!("{}.{:02}", ticks / 100, ticks % 100)
}
