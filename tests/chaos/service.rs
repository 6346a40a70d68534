//! The services: the purpose of each, its directory, and its records.

use crate::actors::{LOGGER, MORTAL, WRITER};
use crate::killer::Mortal;
use crate::processes::{self, Process};
use crate::system::{Kind, System};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing: it has to stay.
    Steady,
    /// `svc -d` before it begins.
    TakenDown,
    /// It has a file `down`.
    NeverUp,
    /// It has a file `down`, and is brought up by `svc -u` before it begins.
    Raised,
    /// `svc -o` before it begins.
    Once,
    /// `svc -p` before it begins.
    Paused,
    /// `svc -d` and `svc -u` all the time.
    Bounced,
    /// Ours alone: it and its logger, a multilog, are killed too.
    Mortal,
    /// Ours alone: its link in the scan directory comes and goes.
    Linked,
}

impl Part {
    /// Whether it is up all the time.
    pub const fn stays_up(self) -> bool {
        matches!(self, Self::Steady | Self::Raised | Self::Once | Self::Paused)
    }

    /// Whether it is down all the time.
    pub const fn stays_down(self) -> bool {
        matches!(self, Self::TakenDown | Self::NeverUp)
    }
}

/// The services of runs with our programs only.
const CAST_OF_OURS: [(Part, usize); 2] = [(Part::Mortal, 4), (Part::Linked, 3)];

const CAST: [(Part, usize); 7] = [
    (Part::Steady, 14),
    (Part::TakenDown, 2),
    (Part::NeverUp, 1),
    (Part::Raised, 1),
    (Part::Once, 1),
    (Part::Paused, 1),
    (Part::Bounced, 4),
];

/// A process by pid and start time.
pub type Identity = (i32, u64);

pub struct Service {
    pub name: String,
    pub part: Part,
    pub directory: PathBuf,
    pub records: PathBuf,
    /// Its process before the chaos, and its logger's.
    pub service: Option<Identity>,
    pub logger: Option<Identity>,
    /// For a bounced service: whether it is wanted up, and when the last command was sent.
    pub is_wanted_up: bool,
    pub told: Instant,
    /// How many starts were asked for.
    pub asked_starts: usize,
    /// For a linked service: where its link is to be.
    pub link: Link,
}

/// Whether a service's name is wanted in the scan directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Wanted,
    /// It is being removed: first it is taken down.
    Unwanted,
    Gone,
}

/// Makes the whole cast under `place`, in the scan directory `scan`.
pub fn make_all(system: &System, place: &Path) -> Vec<Service> {
    let (scan, commands) = (&system.scan, &system.commands);
    let program = std::env::current_exe().unwrap();
    let mut all = Vec::new();
    let of_ours = if system.kind == Kind::Ours { &CAST_OF_OURS[..] } else { &[] };
    let cast = CAST.iter().chain(of_ours);
    let parts = cast.flat_map(|(part, count)| std::iter::repeat_n(*part, *count));
    for (number, part) in parts.enumerate() {
        let name = format!("{part:?}{number}").to_lowercase();
        let around = if part == Part::Linked { place.join("linked") } else { scan.clone() };
        let (directory, records) = (around.join(&name), place.join("records").join(&name));
        fs::create_dir_all(directory.join("log")).unwrap();
        fs::create_dir_all(&records).unwrap();
        let script = |path: PathBuf, mode: &str| {
            let (program, records) = (program.display(), records.display());
            let text = format!("#!/bin/sh\nexec '{program}' {mode} '{records}'\n");
            write_script(&path, &text);
        };
        if part == Part::Mortal {
            script(directory.join("run"), MORTAL);
            let (multilog, records) = (commands.join("multilog"), records.display());
            let (multilog, size) = (multilog.display(), "s16777215 n1000");
            let text = format!("#!/bin/sh\ncd '{records}' && exec '{multilog}' {size} ./main\n");
            write_script(&directory.join("log/run"), &text);
        } else {
            script(directory.join("run"), WRITER);
            script(directory.join("log/run"), LOGGER);
        }
        if part == Part::Linked {
            fs::create_dir_all(scan).unwrap();
            symlink(&directory, scan.join(&name)).unwrap();
        }
        let starts_down = matches!(part, Part::NeverUp | Part::Raised);
        if starts_down {
            fs::write(directory.join("down"), "").unwrap();
        }
        all.push(Service {
            name,
            part,
            directory,
            records,
            service: None,
            logger: None,
            is_wanted_up: !part.stays_down(),
            told: Instant::now(),
            asked_starts: usize::from(!starts_down),
            link: Link::Wanted,
        });
    }
    all
}

fn write_script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Service {
    /// What a mortal service's multilog has written, its files in their order. A file that a killed
    /// multilog left without a last newline gets one.
    pub fn multilog_text(&self) -> String {
        let place = self.records.join("main");
        let entries = fs::read_dir(&place).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with('@')).collect();
        names.sort();
        names.push("current".into());
        let mut text = String::new();
        for name in names {
            let bytes = fs::read(place.join(name)).unwrap_or_default();
            text.push_str(&String::from_utf8_lossy(&bytes));
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        text
    }

    /// The lines of one of its records, as pids and start times.
    pub fn book(&self, name: &str) -> Vec<Identity> {
        let text = fs::read_to_string(self.records.join(name)).unwrap_or_default();
        let words = |line: &str| {
            let (pid, start) = line.split_once(' ')?;
            Some((pid.parse().ok()?, start.parse().ok()?))
        };
        text.lines().filter_map(words).collect()
    }

    /// The text of one of its records.
    pub fn text(&self, name: &str) -> String {
        let bytes = fs::read(self.records.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process that was started last, if it still runs.
    pub fn running(&self) -> Option<Identity> {
        self.book("service-starts").last().copied().filter(is_alive)
    }

    /// Its logger's process that was started last, if it still runs.
    pub fn running_logger(&self) -> Option<Identity> {
        if self.part == Part::Mortal {
            return self.multilog().map(|process| (process.pid, process.start));
        }
        self.book("logger-starts").last().copied().filter(is_alive)
    }
}

impl Service {
    /// The multilog of a mortal service.
    pub fn multilog(&self) -> Option<Process> {
        let is_it = |process: &Process| {
            process.name == "multilog"
                && process.state != 'Z'
                && processes::working_directory(process.pid).as_ref() == Some(&self.records)
        };
        processes::all().into_iter().find(is_it)
    }

    /// A mortal service as the killer knows it.
    pub fn mortal(&self) -> Option<Mortal> {
        if self.part != Part::Mortal {
            return None;
        }
        let service = self.running().and_then(|(pid, _)| processes::read(pid));
        Some(Mortal { name: self.name.clone(), service, logger: self.multilog() })
    }
}

/// Whether this process still runs.
pub fn is_alive((pid, start): &Identity) -> bool {
    processes::read(*pid).is_some_and(|found| found.start == *start && found.state != 'Z')
}

/// What is wrong with the lines of a log: missing, twice, torn or out of order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    pub missing: u64,
    pub twice: u64,
    pub torn: u64,
    pub disordered: u64,
    /// The first flaw, with the lines around it.
    pub first: String,
}

impl Flaws {
    pub fn count(&self) -> u64 {
        self.missing + self.twice + self.torn + self.disordered
    }
}

/// Compares a log with the numbers from 1 to `last`.
pub fn flaws(log: &str, last: u64) -> Flaws {
    let mut flaws = Flaws::default();
    let mut seen = std::collections::BTreeSet::new();
    let mut before = 0;
    for (index, line) in log.split_inclusive('\n').enumerate() {
        let number = line.strip_suffix('\n').and_then(|line| line.parse::<u64>().ok());
        let flaw = match number {
            None => &mut flaws.torn,
            Some(number) if !seen.insert(number) => &mut flaws.twice,
            Some(number) if number < before => &mut flaws.disordered,
            Some(number) if number == before + 1 => {
                before = number;
                continue;
            }
            Some(number) => {
                before = number;
                // Missing lines are counted below.
                if flaws.first.is_empty() {
                    flaws.first = format!("line {} is {line:?}", index + 1);
                }
                continue;
            }
        };
        *flaw += 1;
        if flaws.first.is_empty() {
            flaws.first = format!("line {} is {line:?}, after {before}", index + 1);
        }
    }
    flaws.missing = (1..=last).filter(|number| !seen.contains(number)).count() as u64;
    if flaws.missing > 0 && flaws.first.is_empty() {
        flaws.first = format!("it ends with {before} of {last}");
    }
    flaws
}
