//! The private memory and descriptors of our processes over time, compared with the first ones
//! before the first kill.

use crate::processes::{self, Process};
use crate::system::{Role, System};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// How much one process took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Private memory in kB.
    pub memory: u64,
    pub descriptors: usize,
}

#[derive(Default)]
pub struct Growth {
    first: BTreeMap<&'static str, Taken>,
    most: BTreeMap<&'static str, Taken>,
    /// What each process took at the last look.
    last: BTreeMap<(i32, u64), Taken>,
    next: Option<Instant>,
}

const fn word(role: Role) -> &'static str {
    match role {
        Role::Boot => "svscanboot",
        Role::Scan => "svscan",
        Role::ReadProcTitle => "readproctitle",
        Role::Supervise | Role::LogSupervise => "supervise",
        Role::Service | Role::Logger => "service",
    }
}

/// What a process uses; `None` if it has ended.
fn taken(process: &Process) -> Option<Taken> {
    let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid)).ok()?;
    let kilobytes = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let memory = text.lines().filter(|line| line.starts_with("Private_")).filter_map(kilobytes);
    let memory = memory.sum();
    let descriptors = processes::descriptors(process.pid).len();
    let found = processes::read(process.pid)?;
    (found.start == process.start && found.state != 'Z').then_some(Taken { memory, descriptors })
}

impl Taken {
    fn at_least(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }

    fn at_most(self, other: Self) -> Self {
        Self {
            memory: self.memory.min(other.memory),
            descriptors: self.descriptors.min(other.descriptors),
        }
    }
}

/// Each of our processes, its role and what it uses.
fn all(system: &System) -> Vec<((i32, u64), &'static str, Taken)> {
    let all = processes::all().into_iter();
    let ours = all.filter_map(|process| {
        let role = system.kind.role(&process)?;
        Some(((process.pid, process.start), word(role), taken(&process)?))
    });
    ours.collect()
}

impl Growth {
    pub fn begin(&mut self, system: &System) {
        for (_, word, taken) in all(system) {
            let first = self.first.entry(word).or_default();
            *first = first.at_least(taken);
        }
    }

    /// Looks, if it is time. A value counts if two looks in a row show it: during a fork or an exec
    /// a process may use more.
    pub fn look(&mut self, system: &System) {
        if self.next.is_some_and(|next| Instant::now() < next) {
            return;
        }
        self.next = Some(Instant::now() + LOOK);
        let mut now = BTreeMap::new();
        for (identity, word, taken) in all(system) {
            now.insert(identity, taken);
            if let Some(before) = self.last.get(&identity) {
                let most = self.most.entry(word).or_default();
                *most = most.at_least(taken.at_most(*before));
            }
        }
        self.last = now;
    }

    /// Of each program what the first one took, the most since, and whether that is too much. A
    /// successor holds more than the first: supervise a pidfd and the pipe of a trial; svscan the
    /// presence and the directory of each supervise that it adopted, and a listing of processes.
    pub fn judged(&self, services: usize) -> Vec<(&'static str, Taken, Taken, bool)> {
        let limit = |word: &str, first: Taken| match word {
            "svscan" => Taken {
                memory: first.memory + 400,
                descriptors: first.descriptors + 4 * services + 16,
            },
            "supervise" => Taken { memory: first.memory + 60, descriptors: first.descriptors + 8 },
            _ => Taken { memory: first.memory + 100, descriptors: first.descriptors + 8 },
        };
        let rows = self.most.iter().map(|(&word, &most)| {
            let first = self.first.get(word).copied().unwrap_or_default();
            let limit = limit(word, first);
            let is_too_much = most.memory > limit.memory || most.descriptors > limit.descriptors;
            (word, first, most, is_too_much)
        });
        rows.collect()
    }
}
