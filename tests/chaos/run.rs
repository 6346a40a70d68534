//! One run, as process 1 of its namespace: start everything, kill for a time, wait until all is
//! calm, judge, and stop.

use crate::growth::Growth;
use crate::init::{Init, id};
use crate::judge::{Judge, OF_ALL, OF_OURS};
use crate::killer::Killer;
use crate::processes::{self, Process};
use crate::service::{Identity, Link, Part, Service, is_alive, make_all};
use crate::system::{Ask, Kind, Role, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long everything may take to come up, to settle after the last kill, to stop.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long an effect of a control command may take.
pub const EFFECT: Duration = Duration::from_secs(10);
/// How long the other supervisors have to become calm: they may never be.
const SETTLE_OF_PEERS: Duration = Duration::from_secs(8);
/// Between two looks at all processes.
const LOOK: Duration = Duration::from_millis(100);

pub struct Run {
    pub system: System,
    pub services: Vec<Service>,
    pub init: Init,
    pub top: i32,
    pub killer: Killer,
    pub judge: Judge,
    /// Second copies that a look found, by service.
    pub copies: BTreeSet<(usize, Identity)>,
    /// What each of our processes had open before the chaos.
    pub had_open: BTreeMap<(String, PathBuf), Vec<String>>,
    /// What each used at the beginning, and the most since then.
    pub growth: Growth,
    pub respawns: u64,
    pub asked: u64,
    pub asked_again: u64,
}

/// Runs it. Returns 0 if every promise was kept, and always for the others.
pub fn run(kind: Kind, length: Duration, seed: u64, place: &Path) -> ExitCode {
    let scan = place.join("scan");
    let commands = match (kind, std::env::var_os("CHAOS_COMMANDS")) {
        (Kind::Ours, Some(directory)) => PathBuf::from(directory).canonicalize().unwrap(),
        (Kind::Ours, None) => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/command"),
        _ => PathBuf::from("/usr/bin"),
    };
    let system = System { kind, commands, scan, said: place.join("said") };
    let services = make_all(&system, place);
    let mut run = Run {
        system,
        services,
        init: Init::default(),
        top: 0,
        killer: Killer::new(kind, seed),
        judge: Judge::default(),
        copies: BTreeSet::new(),
        had_open: BTreeMap::new(),
        growth: Growth::default(),
        respawns: 0,
        asked: 0,
        asked_again: 0,
    };
    println!("--- {}", kind.word());
    if let Err(reason) = run.begin() {
        println!("FAILED: to begin: {reason}");
        print!("{}", fs::read_to_string(place.join("said")).unwrap_or_default());
        return ExitCode::FAILURE;
    }
    run.chaos(length);
    run.settle();
    run.judge_processes();
    run.judge_loggers();
    run.judge_zombies();
    if kind == Kind::Ours {
        run.judge_growth();
        run.judge_commands();
        run.judge_descriptors();
        run.judge_stop();
    } else {
        run.end_peer();
    }
    run.judge_logs();
    run.judge_pipes();
    run.judge_mortals();
    run.tell(place)
}

impl Run {
    pub fn is_ours(&self) -> bool {
        self.system.kind == Kind::Ours
    }

    /// Reaps, and starts the top again at once if it is gone.
    fn tend(&mut self) {
        if self.init.end_of(self.top).is_some() {
            self.respawns += 1;
            self.top = id(&self.init.start(&mut self.system.top()));
        }
    }

    /// Waits for `what`, and tends meanwhile. Returns whether it came.
    pub fn within(&mut self, length: Duration, mut what: impl FnMut(&mut Self) -> bool) -> bool {
        let until = Instant::now() + length;
        loop {
            self.tend();
            if what(self) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn begin(&mut self) -> Result<(), String> {
        self.top = id(&self.init.start(&mut self.system.top()));
        let is_up = |service: &Service| {
            let starts_up = !matches!(service.part, Part::NeverUp | Part::Raised);
            service.running_logger().is_some() && (!starts_up || service.running().is_some())
        };
        if !self.within(PATIENCE, |run| run.services.iter().all(is_up)) {
            return Err("not everything came up".into());
        }
        for index in 0..self.services.len() {
            match self.services[index].part {
                Part::TakenDown => self.ask(Ask::Down, index),
                Part::Raised => self.ask(Ask::Up, index),
                Part::Once => self.ask(Ask::Once, index),
                Part::Paused => self.ask(Ask::Pause, index),
                Part::Steady | Part::NeverUp | Part::Bounced | Part::Mortal | Part::Linked => {}
            }
        }
        let is_set = |service: &Service| match service.part {
            part if part.stays_down() => service.running().is_none(),
            Part::Paused => service.running().is_some_and(|it| state(it.0) == 'T'),
            _ => service.running().is_some(),
        };
        if !self.within(EFFECT, |run| run.services.iter().all(is_set)) {
            return Err("not everything is as it was asked".into());
        }
        // No status shows `-o`.
        let until = Instant::now() + Duration::from_secs(1);
        self.within(PATIENCE, |_| Instant::now() >= until);
        for service in &mut self.services {
            service.service = service.running();
            service.logger = service.running_logger();
        }
        for process in processes::all() {
            if self.system.kind.role(&process).is_some() {
                let open = processes::descriptors(process.pid);
                self.had_open.insert(key(&process), open);
            }
        }
        if self.is_ours() {
            self.growth.begin(&self.system);
        }
        Ok(())
    }

    fn chaos(&mut self, length: Duration) {
        let until = Instant::now() + length;
        let mut next_strike = Instant::now();
        let mut next_ask = Instant::now();
        let mut next_look = Instant::now();
        while Instant::now() < until {
            self.tend();
            if Instant::now() >= next_strike {
                let Self { killer, init, top, system, respawns, services, .. } = self;
                let mortals = || services.iter().filter_map(Service::mortal).collect();
                let pause = killer.strike(&mortals, || {
                    if init.end_of(*top).is_some() {
                        *respawns += 1;
                        *top = id(&init.start(&mut system.top()));
                    }
                });
                next_strike = Instant::now() + pause;
            }
            if Instant::now() >= next_ask {
                self.ask_something();
                let pause = self.killer.random.within(50..=500);
                next_ask = Instant::now() + Duration::from_millis(pause);
            }
            if Instant::now() >= next_look {
                self.look();
                next_look = Instant::now() + LOOK;
            }
            if self.is_ours() {
                self.growth.look(&self.system);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.killer.continue_all();
        for index in 0..self.services.len() {
            self.services[index].link = Link::Wanted;
        }
        self.killer.note("the last kill is done".into());
    }

    /// Looks for second copies among all processes, by their marks.
    pub fn look(&mut self) {
        self.ask_again();
        let own = processes::read(1).map(|process| process.name).unwrap_or_default();
        let mut found: BTreeMap<Vec<String>, Vec<Identity>> = BTreeMap::new();
        for process in processes::all() {
            let arguments = processes::arguments(process.pid);
            if process.name == own && arguments.len() == 3 {
                let identity = (process.pid, process.start);
                found.entry(arguments[1..].to_vec()).or_default().push(identity);
            }
        }
        for (marks, copies) in found {
            let name = Path::new(&marks[1]).file_name().map(|name| name.to_string_lossy());
            let index =
                self.services.iter().position(|it| Some(it.name.as_str()) == name.as_deref());
            // The processes were not read all at once: both have to be there still.
            if let (Some(index), [first, .., last]) = (index, &copies[..])
                && is_alive(first)
                && is_alive(last)
                && is_alive(first)
            {
                let later = copies.iter().max_by_key(|(_, start)| *start).unwrap_or(last);
                self.copies.insert((index, *later));
            }
        }
    }

    fn is_settled(&mut self) -> bool {
        let all = processes::all();
        let kind = self.system.kind;
        let count = |role| all.iter().filter(|it| kind.role(it) == Some(role)).count();
        let tops = [Role::Boot, Role::Scan, Role::ReadProcTitle];
        let services = self.services.len();
        let supervises = [count(Role::Supervise), count(Role::LogSupervise)];
        tops.into_iter().all(|role| count(role) == 1)
            && supervises == [services, services]
            && self.services.iter().all(|it| it.running().is_some() == it.is_wanted_up)
    }

    /// Waits until everything is as it should be, or the time is over.
    fn settle(&mut self) {
        let begun = Instant::now();
        if self.is_ours() {
            let mut since = None;
            self.within(PATIENCE, |run| {
                run.ask_again();
                // It must stay so for a while.
                let is_settled = run.is_settled();
                let now = Instant::now();
                since = if is_settled { since.or(Some(now)) } else { None };
                since.is_some_and(|since| now >= since + Duration::from_secs(2))
            });
        } else {
            self.within(SETTLE_OF_PEERS, |run| {
                run.ask_again();
                false
            });
        }
        println!("settled, or given up, after {} s", begun.elapsed().as_secs());
        self.look();
    }

    /// The others: nothing is to be promised of their end, so the supervisors go first, and what
    /// the services then still have to say is waited for.
    fn end_peer(&mut self) {
        for _ in 0..3 {
            for process in processes::all() {
                if self.system.kind.role(&process).is_some() {
                    let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
                }
            }
            self.init.reap();
        }
        let own = processes::read(1).map(|process| process.name).unwrap_or_default();
        let actors = || {
            let all = processes::all().into_iter();
            all.filter(|it| it.pid != 1 && it.name == own && it.state != 'Z').collect::<Vec<_>>()
        };
        for process in actors() {
            if processes::arguments(process.pid)
                .get(1)
                .is_some_and(|it| it == crate::actors::WRITER)
            {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGTERM);
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGCONT);
            }
        }
        let until = Instant::now() + EFFECT;
        while !actors().is_empty() && Instant::now() < until {
            self.init.reap();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Prints the results, and saves the events with the remaining files.
    fn tell(&mut self, place: &Path) -> ExitCode {
        let killer = &self.killer;
        println!(
            "{} kills, {} other signals, {} times the top was started again, {} commands given, {} of them again",
            killer.kills, killer.signals, self.respawns, self.asked, self.asked_again
        );
        let events: Vec<String> = killer.events.iter().map(|event| event.line()).collect();
        let _ = fs::write(place.join("events"), events.join("\n"));
        let (mut passed, mut failed) = (0, 0);
        if self.is_ours() {
            (passed, failed) = self.judge.tell(&OF_ALL);
            let (more_passed, more_failed) = self.judge.tell(&OF_OURS);
            passed += more_passed;
            failed += more_failed;
        }
        let counts = OF_ALL.map(|promise| format!("{promise:?}={}", self.judge.count(promise)));
        let kills = killer.kills;
        println!("counts: passed={passed} failed={failed} kills={kills} {}", counts.join(" "));
        if failed == 0 || !self.is_ours() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

pub fn state(pid: i32) -> char {
    processes::read(pid).map_or('-', |process| process.state)
}

/// What a process of a supervisor is known by: its name, and where it works. Those at the top
/// work somewhere, and are known by name alone.
pub fn key(process: &Process) -> (String, PathBuf) {
    let is_supervise = ["supervise", "s6-supervise", "runsv"].contains(&process.name.as_str());
    let place = processes::working_directory(process.pid).filter(|_| is_supervise);
    (process.name.clone(), place.unwrap_or_default())
}
