//! Which process is killed or signalled, and when.

use crate::processes::{self, Process};
use crate::random::Random;
use crate::system::{Kind, Role};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long to wait for a successor, to kill it as early as possible.
const CHASE: Duration = Duration::from_millis(1300);
/// How many events are printed with a violation.
const TOLD: usize = 12;

/// The life of a killed process, by the clock of /proc.
#[derive(Clone)]
pub struct Life {
    pub role: Role,
    /// The name of its service, if it has one.
    pub of: String,
    pub from: u64,
    pub to: u64,
}

/// What happened, on the clock of /proc.
pub struct Event {
    pub at: u64,
    pub text: String,
}

pub struct Killer {
    kind: Kind,
    pub random: Random,
    pub events: Vec<Event>,
    pub lives: Vec<Life>,
    pub kills: u64,
    /// How often the process of a mortal service was killed, and how often its logger.
    pub service_kills: BTreeMap<String, u64>,
    pub logger_kills: BTreeMap<String, u64>,
    /// HUP, TERM, INT and STOP that were sent.
    pub signals: u64,
    /// Stopped processes, by pid and start time, and when to continue them.
    stopped: Vec<(i32, u64, Instant)>,
    /// Services whose supervise is spared, and until when: the logger was just killed, and this
    /// supervise may be the last process with a read end of the log pipe.
    spared: Vec<(String, Instant)>,
    mood: Mood,
    mood_until: Instant,
}

/// What the killer concentrates on for some seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Anything,
    Supervises,
    Tops,
    /// It kills nothing, so that everything can become normal.
    Peace,
}

fn is_top(role: Role) -> bool {
    matches!(role, Role::Boot | Role::Scan | Role::ReadProcTitle)
}

/// Whether HUP makes it execute the program on disk. Any other process dies of HUP.
fn is_reexecuted(role: Role) -> bool {
    matches!(role, Role::Scan | Role::Supervise | Role::LogSupervise)
}

/// How long a logger may take to be started again, after all that have to start it too.
const SPARED: Duration = Duration::from_secs(3);
/// How old a process must be, in clock ticks, to have all its descriptors open.
const SETTLED: u64 = 100;

type Target = (Process, Role);

/// Looks for the mortal services as they are now.
pub type Mortals<'a> = &'a dyn Fn() -> Vec<Mortal>;

/// A service that may itself be killed, and its logger too: a multilog of ours.
#[derive(Clone)]
pub struct Mortal {
    pub name: String,
    pub service: Option<Process>,
    pub logger: Option<Process>,
}

impl Killer {
    pub fn new(kind: Kind, seed: u64) -> Self {
        Self {
            kind,
            random: Random::new(seed),
            events: Vec::new(),
            lives: Vec::new(),
            kills: 0,
            service_kills: BTreeMap::new(),
            logger_kills: BTreeMap::new(),
            signals: 0,
            stopped: Vec::new(),
            spared: Vec::new(),
            mood: Mood::Anything,
            mood_until: Instant::now(),
        }
    }

    pub fn note(&mut self, text: String) {
        self.events.push(Event { at: processes::now(), text });
    }

    /// Strikes once, and says how long to wait before the next time. `tend` is called while a
    /// strike takes its time.
    pub fn strike(&mut self, mortals: Mortals<'_>, mut tend: impl FnMut()) -> Duration {
        self.change_mood();
        self.continue_stopped(Instant::now());
        let targets = self.targets();
        let is_ours = self.kind == Kind::Ours;
        match self.random.within(0..=99) {
            _ if self.mood == Mood::Peace => {}
            40..=59 if is_ours => self.signal_one(&targets),
            // As an upgrade of the package does.
            60..=61 if is_ours => self.signal_all(&targets, Signal::SIGHUP),
            62..=69 if is_ours => self.kill_mortal(&mortals()),
            70..=72 if is_ours => self.kill_readers(&mortals(), &targets),
            // All at once; the loggers themselves live on, so no pipe is without a reader.
            0 => self.kill_all(&targets),
            1..=8 => {
                let count = self.random.within(2..=8);
                let some: Vec<Target> = (0..count).filter_map(|_| self.pick(&targets)).collect();
                self.kill_all(&some);
            }
            9..=13 => {
                // One service's both supervises, and all above them.
                let place = self.pick(&targets).map(|(process, _)| service_of(process.pid));
                let with = |(process, role): &&Target| {
                    is_top(*role) || Some(service_of(process.pid)) == place
                };
                let some: Vec<Target> = targets.iter().filter(with).cloned().collect();
                self.kill_all(&some);
            }
            14..=21 => self.chase(&targets, &mut tend),
            _ => {
                let one = self.pick(&targets);
                self.kill_all(one.as_slice());
            }
        }
        Duration::from_millis(self.random.within(5..=50))
    }

    /// Sends one process another signal than KILL. TERM to svscanboot is the orderly stop: it is
    /// left for the end of the run.
    fn signal_one(&mut self, targets: &[Target]) {
        let Some(target) = self.pick(targets) else { return };
        let signals = [Signal::SIGHUP, Signal::SIGSTOP, Signal::SIGTERM, Signal::SIGINT];
        let Some(&signal) = self.random.pick(&signals) else { return };
        if signal == Signal::SIGTERM && target.1 == Role::Boot {
            return;
        }
        // A young process may not have opened its pipe ends yet: do not stop it.
        let is_young = target.0.start + SETTLED > processes::now();
        if signal == Signal::SIGSTOP && is_young {
            return;
        }
        self.signal(&target, signal);
    }

    fn signal_all(&mut self, targets: &[Target], signal: Signal) {
        let some: Vec<Target> =
            targets.iter().filter(|(_, role)| is_reexecuted(*role)).cloned().collect();
        some.iter().for_each(|target| self.signal(target, signal));
    }

    fn signal(&mut self, target: &Target, signal: Signal) {
        let (process, role) = target;
        if signal == Signal::SIGSTOP {
            let length = Duration::from_millis(self.random.within(10..=800));
            self.stopped.push((process.pid, process.start, Instant::now() + length));
        } else if signal != Signal::SIGHUP || !is_reexecuted(*role) {
            self.lives.push(life(target, processes::now()));
        }
        self.note(describe(target).replacen("kill", signal.as_str(), 1));
        self.signals += 1;
        let _ = kill(Pid::from_raw(process.pid), signal);
    }

    /// Continues stopped processes whose time has come.
    fn continue_stopped(&mut self, now: Instant) {
        self.stopped.retain(|(pid, start, until)| {
            let is_due = now >= *until;
            if is_due && processes::read(*pid).is_some_and(|found| found.start == *start) {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGCONT);
            }
            !is_due
        });
    }

    /// Continues all stopped processes.
    pub fn continue_all(&mut self) {
        self.continue_stopped(Instant::now() + Duration::from_secs(3600));
    }

    /// Kills the process of a service that may be killed, or its logger, or both.
    fn kill_mortal(&mut self, mortals: &[Mortal]) {
        let Some(mortal) = self.random.pick(mortals).cloned() else { return };
        let which = self.random.within(0..=2);
        if which != 1
            && let Some(service) = mortal.service.as_ref()
        {
            self.kill_all(&[(service.clone(), Role::Service)]);
            self.note(format!("kill the process of {}", mortal.name));
            *self.service_kills.entry(mortal.name.clone()).or_default() += 1;
        }
        if which != 0
            && let Some(logger) = mortal.logger.as_ref()
            && self.spare(&mortal.name)
        {
            self.kill_all(&[(logger.clone(), Role::Logger)]);
            self.note(format!("kill the logger of {}", mortal.name));
            *self.logger_kills.entry(mortal.name.clone()).or_default() += 1;
        }
    }

    /// Kills all that read a service's log pipe, but not its supervise, which keeps a read end: the
    /// service must not meet a broken pipe.
    fn kill_readers(&mut self, mortals: &[Mortal], targets: &[Target]) {
        let Some(mortal) = self.random.pick(mortals).cloned() else { return };
        let Some(logger) = mortal.logger.clone() else { return };
        if !self.spare(&mortal.name) {
            return;
        }
        let is_reader = |(process, role): &&Target| match role {
            Role::Boot | Role::Scan => true,
            Role::LogSupervise => {
                service_of(process.pid).is_some_and(|place| place.ends_with(&mortal.name))
            }
            _ => false,
        };
        let mut readers: Vec<Target> = targets.iter().filter(is_reader).cloned().collect();
        readers.push((logger, Role::Logger));
        self.kill_all(&readers);
        *self.logger_kills.entry(mortal.name).or_default() += 1;
    }

    fn change_mood(&mut self) {
        if Instant::now() < self.mood_until {
            return;
        }
        let (mood, length) = match self.random.within(0..=9) {
            0..=3 => (Mood::Anything, 2000..=4000),
            4..=6 => (Mood::Supervises, 1000..=3000),
            7..=8 => (Mood::Tops, 1000..=3000),
            _ => (Mood::Peace, 500..=3000),
        };
        self.mood = mood;
        self.mood_until = Instant::now() + Duration::from_millis(self.random.within(length));
        self.note(format!("mood: {mood:?}"));
    }

    fn targets(&self) -> Vec<Target> {
        let all = processes::all().into_iter().filter(|process| process.state != 'Z');
        let targets = all.filter_map(|process| Some((process.clone(), self.kind.role(&process)?)));
        let wanted = |(_, role): &Target| match self.mood {
            Mood::Anything | Mood::Peace => true,
            Mood::Supervises => !is_top(*role),
            Mood::Tops => is_top(*role),
        };
        let is_spared = |(process, role): &Target| {
            let is_of = |name: &str| service_of(process.pid).is_some_and(|it| it.ends_with(name));
            *role == Role::Supervise
                && self.spared.iter().any(|(name, until)| Instant::now() < *until && is_of(name))
        };
        targets.filter(wanted).filter(|target| !is_spared(target)).collect()
    }

    /// Spares a mortal service's supervise for a while; whether it is old enough to hold its end.
    fn spare(&mut self, name: &str) -> bool {
        let is_it = |process: &Process| {
            self.kind.role(process) == Some(Role::Supervise)
                && process.start + SETTLED <= processes::now()
                && service_of(process.pid).is_some_and(|it| it.ends_with(name))
        };
        let is_held = processes::all().iter().any(is_it);
        self.spared.retain(|(_, until)| Instant::now() < *until);
        self.spared.push((name.to_owned(), Instant::now() + SPARED));
        is_held
    }

    /// Picks one: the few at the top as often as all supervises together.
    fn pick(&mut self, targets: &[Target]) -> Option<Target> {
        let wants_top = self.random.one_in(3);
        let (top, rest): (Vec<&Target>, _) = targets.iter().partition(|(_, role)| is_top(*role));
        let some = if wants_top && !top.is_empty() || rest.is_empty() { top } else { rest };
        self.random.pick(&some).map(|target| (*target).clone())
    }

    fn kill_all(&mut self, targets: &[Target]) {
        let notes: Vec<String> = targets.iter().map(describe).collect();
        let lives = targets.iter().map(|target| life(target, processes::now()));
        self.lives.extend(lives.collect::<Vec<_>>());
        for (process, _) in targets {
            // It may have ended; no other process has its number yet.
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        self.kills += targets.len() as u64;
        notes.into_iter().for_each(|note| self.note(note));
    }

    /// Kills one and, as young as can be, up to three of its successors.
    fn chase(&mut self, targets: &[Target], tend: &mut impl FnMut()) {
        let Some(first) = self.pick(targets) else { return };
        let role = first.1;
        self.kill_all(&[first]);
        for _ in 0..self.random.within(1..=3) {
            let old: Vec<i32> = processes::all().iter().map(|process| process.pid).collect();
            let until = Instant::now() + CHASE;
            let is_new = |process: &Process| !old.contains(&process.pid) && process.state != 'Z';
            let found = loop {
                tend();
                let mut new = processes::all().into_iter().filter(is_new);
                let found = new.find(|process| self.kind.role(process) == Some(role));
                if found.is_some() || Instant::now() >= until {
                    break found;
                }
                std::thread::sleep(Duration::from_micros(200));
            };
            let Some(found) = found else { return };
            std::thread::sleep(Duration::from_micros(self.random.within(0..=3000)));
            self.kill_all(&[(found, role)]);
        }
    }

    /// What happened to a service, or above all of them, around a moment.
    pub fn around(&self, at: u64, name: &str) -> String {
        let concerns = |event: &&Event| {
            let is_near = event.at + 150 >= at && event.at <= at + 10;
            is_near && (event.text.contains(name) || event.text.contains(" top "))
        };
        let lines: Vec<String> = self.events.iter().filter(concerns).map(Event::line).collect();
        // The last ones count.
        lines[lines.len().saturating_sub(TOLD)..].join("\n")
    }
}

impl Event {
    pub fn line(&self) -> String {
        format!("{}.{:02} {}", self.at / 100, self.at % 100, self.text)
    }
}

/// The service directory that a supervise of either side works in.
fn service_of(pid: i32) -> Option<std::path::PathBuf> {
    let place = processes::working_directory(pid)?;
    Some(if place.ends_with("log") { place.parent()?.to_owned() } else { place })
}

/// The life of a process up to now, killed or not.
pub fn life((process, role): &Target, now: u64) -> Life {
    let place = match role {
        // Both work in the records of their service.
        Role::Service | Role::Logger => processes::working_directory(process.pid),
        _ => service_of(process.pid).filter(|_| !is_top(*role)),
    };
    let name = place.as_deref().and_then(std::path::Path::file_name).unwrap_or_default();
    Life { role: *role, of: name.to_string_lossy().into_owned(), from: process.start, to: now }
}

fn describe((process, role): &Target) -> String {
    let place = processes::working_directory(process.pid);
    let place = place.as_deref().and_then(|place| {
        let name = place.file_name()?.to_string_lossy().into_owned();
        let parent = place.parent()?.file_name()?.to_string_lossy().into_owned();
        Some(if name == "log" { format!("{parent}/log") } else { name })
    });
    let what = if is_top(*role) { " top " } else { " " };
    format!(
        "kill{what}{} {} (start {}, parent {}) of {}",
        process.name,
        process.pid,
        process.start,
        process.parent,
        place.unwrap_or_default()
    )
}
