//! One run, as process 1 of its namespace: everything is brought up, struck for a time, left to
//! settle, judged, and stopped.

use crate::init::{Init, id};
use crate::judge::{Judge, OF_ALL, OF_OURS, Promise};
use crate::killer::Killer;
use crate::processes::{self, Process};
use crate::service::{Identity, Part, Service, flaws, is_alive, make_all};
use crate::system::{Ask, Kind, Role, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long everything may take to come up, to settle after the last kill, to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an effect of a control command may take.
const EFFECT: Duration = Duration::from_secs(10);
/// How long the others have to settle: nobody waits for what may never be.
const SETTLE_OF_PEERS: Duration = Duration::from_secs(8);
/// Between two looks at all processes.
const LOOK: Duration = Duration::from_millis(100);
/// After which a control command without effect is given again: its supervise was dead, or died
/// before it had read it.
const AGAIN: Duration = Duration::from_secs(2);

struct Run {
    system: System,
    services: Vec<Service>,
    init: Init,
    top: i32,
    killer: Killer,
    judge: Judge,
    /// Second copies that a look found, by service.
    copies: BTreeSet<(usize, Identity)>,
    /// What each of ours had open before it began.
    had_open: BTreeMap<(String, PathBuf), Vec<String>>,
    respawns: u64,
    asked: u64,
    asked_again: u64,
}

/// Runs it; 0 if every promise was kept, and for the others always.
pub fn run(kind: Kind, length: Duration, seed: u64, place: &Path) -> ExitCode {
    let scan = place.join("scan");
    let commands = match (kind, std::env::var_os("CHAOS_COMMANDS")) {
        (Kind::Ours, Some(directory)) => PathBuf::from(directory).canonicalize().unwrap(),
        (Kind::Ours, None) => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/command"),
        _ => PathBuf::from("/usr/bin"),
    };
    let services = make_all(place, &scan);
    let mut run = Run {
        system: System { kind, commands, scan, said: place.join("said") },
        services,
        init: Init::default(),
        top: 0,
        killer: Killer::new(kind, seed),
        judge: Judge::default(),
        copies: BTreeSet::new(),
        had_open: BTreeMap::new(),
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
    if kind == Kind::Ours {
        run.judge_commands();
        run.judge_descriptors();
        run.judge_stop();
    } else {
        run.end_peer();
    }
    run.judge_logs();
    run.tell(place)
}

impl Run {
    fn is_ours(&self) -> bool {
        self.system.kind == Kind::Ours
    }

    /// Reaps, and starts the top again at once if it is gone.
    fn tend(&mut self) {
        if self.init.end_of(self.top).is_some() {
            self.respawns += 1;
            self.top = id(&self.init.start(&mut self.system.top()));
        }
    }

    /// Waits for `what`, tending; whether it came.
    fn within(&mut self, length: Duration, mut what: impl FnMut(&mut Self) -> bool) -> bool {
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

    /// Gives a control command, without waiting for it.
    fn ask(&mut self, ask: Ask, index: usize) {
        let service = &mut self.services[index];
        if ask == Ask::Up {
            service.asked_starts += 1;
        }
        self.asked += 1;
        self.killer.note(format!("ask {ask:?} of {}", service.name));
        let mut command = self.system.control(ask, &service.directory);
        self.init.start(&mut command);
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
                Part::Steady | Part::NeverUp | Part::Bounced => {}
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
        // `-o` shows nowhere.
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
                let Self { killer, init, top, system, respawns, .. } = self;
                let pause = killer.strike(|| {
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
            std::thread::sleep(Duration::from_millis(1));
        }
        self.killer.note("the last kill is done".into());
    }

    fn ask_something(&mut self) {
        let last = self.services.len() as u64 - 1;
        let index = usize::try_from(self.killer.random.within(0..=last)).unwrap();
        let harmless = [Ask::Continue, Ask::Hangup];
        let ask = match self.services[index].part {
            Part::Bounced => {
                let service = &mut self.services[index];
                service.is_wanted_up = !service.is_wanted_up;
                service.told = Instant::now();
                if service.is_wanted_up { Ask::Up } else { Ask::Down }
            }
            Part::Steady | Part::Raised | Part::Once => {
                *self.killer.random.pick(&harmless).unwrap()
            }
            Part::TakenDown | Part::NeverUp => Ask::Continue,
            Part::Paused => Ask::Pause,
        };
        self.ask(ask, index);
    }

    /// Repeats what was asked without effect.
    fn ask_again(&mut self) {
        for index in 0..self.services.len() {
            let service = &self.services[index];
            let is_late = service.told.elapsed() >= AGAIN;
            if service.part == Part::Bounced
                && is_late
                && service.running().is_some() != service.is_wanted_up
            {
                self.asked_again += 1;
                self.services[index].told = Instant::now();
                let is_wanted_up = self.services[index].is_wanted_up;
                self.ask(if is_wanted_up { Ask::Up } else { Ask::Down }, index);
            }
        }
    }

    /// Looks for second copies among all processes, by their marks.
    fn look(&mut self) {
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

    /// Leaves everything alone until it is as it should be, or will never be.
    fn settle(&mut self) {
        let begun = Instant::now();
        if self.is_ours() {
            let mut since = None;
            self.within(PATIENCE, |run| {
                run.ask_again();
                // Settled is what stays so.
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

    fn judge_processes(&mut self) {
        for (index, service) in self.services.iter().enumerate() {
            let name = &service.name;
            let starts = service.book("service-starts");
            let running = service.running();
            let tell = |(pid, start): &Identity, why: &str| {
                let around = self.killer.around(*start, name);
                format!(
                    "{name}: {why}: pid {pid}, started at {}.{:02}\n{around}",
                    start / 100,
                    start % 100
                )
            };
            if service.part.stays_up() && running != service.service {
                self.judge.breach(Promise::SameService, || {
                    format!("{name}: was {:?}, is {running:?}", service.service)
                });
            }
            for extra in starts.iter().skip(service.asked_starts) {
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
            let running_logger = service.running_logger();
            if running_logger.is_none() {
                self.judge.breach(Promise::Up, || format!("{name}/log: it is down"));
            }
            if running_logger != service.logger {
                self.judge.breach(Promise::SameLogger, || {
                    format!("{name}/log: was {:?}, is {running_logger:?}", service.logger)
                });
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
        let zombies = || {
            let all = processes::all().into_iter();
            all.filter(|it| it.state == 'Z').map(|it| (it.pid, it.start)).collect::<BTreeSet<_>>()
        };
        let first = zombies();
        let until = Instant::now() + Duration::from_secs(1);
        self.within(PATIENCE, |_| Instant::now() >= until);
        for (pid, _) in first.intersection(&zombies()) {
            self.judge.breach(Promise::NoZombie, || format!("{:?}", processes::read(*pid)));
        }
    }

    /// What ours has to answer: svstat, svc, and the way of a message.
    fn judge_commands(&mut self) {
        for index in 0..self.services.len() {
            self.judge_status(index);
        }
        for index in 0..self.services.len() {
            for side in ["", "log"] {
                self.judge_control(index, side);
            }
        }
        let words = format!("{} heard", self.services[0].name);
        self.ask(Ask::Hangup, 0);
        let is_shown = |process: &Process| {
            process.name == "readproctitle"
                && processes::arguments(process.pid).iter().any(|it| it.contains(&words))
        };
        if !self.within(EFFECT, |_| processes::all().iter().any(is_shown)) {
            self.judge.breach(Promise::Message, || {
                let all = processes::all().into_iter();
                let readers = all.filter(|process| process.name == "readproctitle");
                let shown = readers.map(|it| format!("{it:?} {:?}", processes::arguments(it.pid)));
                format!("not there: {words:?}\n{}", shown.collect::<Vec<_>>().join("\n"))
            });
        }
        // Who works where, one of each.
        let mut counts: BTreeMap<(String, PathBuf), Vec<Process>> = BTreeMap::new();
        for process in processes::all() {
            if self.system.kind.role(&process).is_some() {
                counts.entry(key(&process)).or_default().push(process);
            }
        }
        for wanted in self.had_open.keys() {
            let found = counts.remove(wanted).unwrap_or_default();
            if found.len() != 1 {
                self.judge.breach(Promise::OneOfEach, || format!("{wanted:?}: {found:?}"));
            }
        }
        for (key, others) in counts {
            self.judge.breach(Promise::OneOfEach, || format!("{key:?}: {others:?}"));
        }
    }

    fn svstat(&mut self, directory: &Path) -> String {
        let mut command = self.system.status(directory);
        self.init.run(&mut command).map_or("svstat hangs".to_owned(), |(_, said)| said)
    }

    fn judge_status(&mut self, index: usize) {
        let service = &self.services[index];
        let places = [
            (service.directory.clone(), service.running()),
            (service.directory.join("log"), service.running_logger()),
        ];
        for (place, running) in places {
            let line = self.svstat(&place);
            let said = line.split_once(": ").map_or("", |(_, said)| said).trim_end();
            let words: Vec<&str> = said.split(' ').collect();
            let is_right = match running {
                None => said.starts_with("down ") && !said.contains("want up"),
                Some((pid, start)) => {
                    let age = (processes::now().saturating_sub(start)) / 100;
                    let told = words.get(3).and_then(|word| word.parse::<u64>().ok());
                    said.starts_with(&format!("up (pid {pid}) "))
                        && told.is_some_and(|told| told.abs_diff(age) <= 3)
                        && said.contains("paused") == (state(pid) == 'T')
                }
            };
            if !is_right {
                self.judge.breach(Promise::Status, || {
                    let age = running.map(|(_, start)| (processes::now() - start) / 100);
                    format!("{}: {running:?} of {age:?} s, svstat: {said}", place.display())
                });
            }
        }
    }

    /// Pauses and continues what is up, and has what is down come and go.
    fn judge_control(&mut self, index: usize, side: &str) {
        let service = &self.services[index];
        let place = service.directory.join(side);
        let before = if side == "log" { service.running_logger() } else { service.running() };
        let was_paused = before.is_some_and(|(pid, _)| state(pid) == 'T');
        let asks: &[Ask] = match before {
            Some(_) if was_paused => &[Ask::Continue],
            Some(_) => &[Ask::Pause, Ask::Continue],
            None => &[Ask::Up, Ask::Down],
        };
        for &ask in asks {
            let mut command = self.system.control(ask, &place);
            let end = self.init.run(&mut command).map(|(end, _)| end);
            let has_effect = |run: &mut Self| {
                let running = run.services[index].running();
                match ask {
                    Ask::Up => running.is_some(),
                    Ask::Down => running.is_none(),
                    _ => before.is_some_and(|(pid, _)| (state(pid) == 'T') == (ask == Ask::Pause)),
                }
            };
            if end != Some(0) || !self.within(EFFECT, has_effect) {
                self.judge.breach(Promise::Control, || {
                    format!("{}: svc -{}: exit {end:?}, no effect", place.display(), ask.letter())
                });
            }
        }
    }

    /// What is open beyond what was open at the beginning. A successor holds more: a pidfd for
    /// the process it adopted (supervise for its service, svscanboot for readproctitle), the
    /// presence of each supervise it adopted (svscan), the control FIFO of the svscan it found
    /// (svscanboot).
    fn judge_descriptors(&mut self) {
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
                    Role::Scan => open.ends_with("/supervise/ok"),
                    Role::Boot => is_pidfd(open) || open.ends_with("/.svscan/control"),
                    Role::ReadProcTitle => false,
                };
                // Each of them once.
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
        for service in self.services.iter().filter(|it| it.running().is_some()) {
            if open(service.running()) != expected {
                self.judge.breach(Promise::NoLeak, || {
                    let open = service.running().map(|it| processes::descriptors(it.0));
                    format!("{} has {open:?}", service.name)
                });
            }
        }
    }

    fn judge_stop(&mut self) {
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

    fn judge_logs(&mut self) {
        let mut lines = 0;
        for service in &self.services {
            let last = service.text("counter").trim().parse().unwrap_or(0);
            lines += last;
            let log = service.text("log.txt");
            let flaws = flaws(&log, last);
            let stays_silent = service.part == Part::NeverUp && !self.is_ours();
            if flaws.count() > 0 || last == 0 && !stays_silent {
                self.judge.breaches(Promise::EveryLine, flaws.count().max(1), || {
                    format!("{}: {last} lines written: {flaws:?}", service.name)
                });
            }
        }
        println!("{lines} lines written");
    }

    /// Tells it all, and keeps what happened beside what is left.
    fn tell(&mut self, place: &Path) -> ExitCode {
        let killer = &self.killer;
        println!(
            "{} kills, {} times the top was started again, {} commands given, {} of them again",
            killer.kills, self.respawns, self.asked, self.asked_again
        );
        let events: Vec<String> = killer.events.iter().map(|event| event.line()).collect();
        let _ = fs::write(place.join("events"), events.join("\n"));
        let (mut passed, mut failed) = self.judge.tell(&OF_ALL);
        if self.is_ours() {
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

fn state(pid: i32) -> char {
    processes::read(pid).map_or('-', |process| process.state)
}

/// What a process of a supervisor is known by: its name, and where it works. Those at the top
/// work somewhere, and are known by name alone.
fn key(process: &Process) -> (String, PathBuf) {
    let is_supervise = ["supervise", "s6-supervise", "runsv"].contains(&process.name.as_str());
    let place = processes::working_directory(process.pid).filter(|_| is_supervise);
    (process.name.clone(), place.unwrap_or_default())
}
