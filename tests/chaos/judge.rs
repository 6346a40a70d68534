//! The promises, and the violations that were seen.

use std::collections::BTreeMap;

/// The promises, in the order of printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    SameService,
    NoUnaskedStart,
    OneCopy,
    SameLogger,
    EveryLine,
    NoComplaint,
    Up,
    Down,
    Status,
    Control,
    Message,
    OneOfEach,
    NoZombie,
    NoLeak,
    NoGrowth,
    OrderlyStop,
}

/// The promises that every supervisor is judged by.
pub const OF_ALL: [Promise; 9] = [
    Promise::SameService,
    Promise::NoUnaskedStart,
    Promise::OneCopy,
    Promise::SameLogger,
    Promise::EveryLine,
    Promise::NoComplaint,
    Promise::Up,
    Promise::Down,
    Promise::NoZombie,
];

/// The promises for our programs alone: the others have no svscanboot that takes a directory, and
/// other commands and descriptors.
pub const OF_OURS: [Promise; 7] = [
    Promise::Status,
    Promise::Control,
    Promise::Message,
    Promise::OneOfEach,
    Promise::NoLeak,
    Promise::NoGrowth,
    Promise::OrderlyStop,
];

impl Promise {
    pub const fn words(self) -> &'static str {
        match self {
            Self::SameService => "who was never taken down is the same process to the end",
            Self::NoUnaskedStart => "nothing is started that was not asked for",
            Self::OneCopy => "never a second copy of a service or of a logger",
            Self::SameLogger => "no logger meets an end of file, and so a restart",
            Self::EveryLine => "every line is there, once, whole and in order",
            Self::NoComplaint => "no service and no logger meets an error",
            Self::Up => "what is wanted up is up",
            Self::Down => "what was taken down is down",
            Self::Status => "svstat tells the pid, the age and the state of each",
            Self::Control => "svc reaches each",
            Self::Message => "a message still reaches readproctitle",
            Self::OneOfEach => "one svscanboot, svscan, readproctitle, and supervise for each",
            Self::NoZombie => "no zombie stays",
            Self::NoLeak => "no descriptor is leaked",
            Self::NoGrowth => "none of ours grows, in memory or in descriptors",
            Self::OrderlyStop => "the orderly stop ends everything",
        }
    }
}

/// Violations: how many, and the first few with their evidence.
#[derive(Default)]
pub struct Judge {
    broken: BTreeMap<Promise, (u64, Vec<String>)>,
}

/// How many violations of one promise are printed in full.
const TOLD: usize = 6;

impl Judge {
    pub fn breach(&mut self, promise: Promise, evidence: impl FnOnce() -> String) {
        self.breaches(promise, 1, evidence);
    }

    pub fn breaches(&mut self, promise: Promise, count: u64, evidence: impl FnOnce() -> String) {
        let (so_far, told) = self.broken.entry(promise).or_default();
        *so_far += count;
        if told.len() < TOLD {
            told.push(evidence());
        }
    }

    pub fn count(&self, promise: Promise) -> u64 {
        self.broken.get(&promise).map_or(0, |(count, _)| *count)
    }

    /// Prints the result of these promises. Returns how many were kept and how many broken.
    pub fn tell(&self, promises: &[Promise]) -> (usize, usize) {
        for promise in promises {
            match self.broken.get(promise) {
                None => println!("ok: {}", promise.words()),
                Some((count, told)) => {
                    println!("FAILED: {}: {count} violations", promise.words());
                    for evidence in told {
                        println!("  {}", evidence.replace('\n', "\n      "));
                    }
                }
            }
        }
        let failed = promises.iter().filter(|promise| self.count(**promise) > 0).count();
        (promises.len() - failed, failed)
    }
}
