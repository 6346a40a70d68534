//! The services: what each is for, where it stands, and what its books say.

use crate::actors::{LOGGER, WRITER};
use crate::processes;
use std::fs;
use std::os::unix::fs::PermissionsExt;
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
    /// Of one that is bounced: what it is wanted to be, and when it was last told.
    pub is_wanted_up: bool,
    pub told: Instant,
    /// How many starts were asked for.
    pub asked_starts: usize,
}

/// Makes the whole cast under `place`, in the scan directory `scan`.
pub fn make_all(place: &Path, scan: &Path) -> Vec<Service> {
    let program = std::env::current_exe().unwrap();
    let mut all = Vec::new();
    let parts = CAST.iter().flat_map(|(part, count)| std::iter::repeat_n(*part, *count));
    for (number, part) in parts.enumerate() {
        let name = format!("{part:?}{number}").to_lowercase();
        let (directory, records) = (scan.join(&name), place.join("records").join(&name));
        fs::create_dir_all(directory.join("log")).unwrap();
        fs::create_dir_all(&records).unwrap();
        let script = |path: PathBuf, mode: &str| {
            let (program, records) = (program.display(), records.display());
            let text = format!("#!/bin/sh\nexec '{program}' {mode} '{records}'\n");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        script(directory.join("run"), WRITER);
        script(directory.join("log/run"), LOGGER);
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
        });
    }
    all
}

impl Service {
    /// The lines of one of its books, as pids and start times.
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
        self.book("logger-starts").last().copied().filter(is_alive)
    }
}

/// Whether this very process still runs.
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
                // What is missing is counted below.
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
