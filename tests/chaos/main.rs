//! The kill test: some thirty services with loggers, and for a time random `kill -9` on everything
//! that supervises them. Our supervisors are also sent HUP, TERM, INT, STOP and CONT, some of their
//! services and loggers are killed, and links come and go. The judge looks from outside: at pids,
//! start times, the contents of logs, and the use of memory and descriptors over time.
//!
//! `chaos [SECONDS] [--seed N] [--peers]`; 60 seconds by default. The commands are those of
//! `target/command`, as `make build` leaves them, or of the directory that `CHAOS_COMMANDS` names.
//! With `--peers` a shorter run is then made with Debian's 0.76, runit and s6, as far as they are
//! installed: their violations are printed beside ours, but the test does not fail for them.
//!
//! Every run is process 1 of its own PID namespace, so that no process can outlive it.

mod actors;
mod asks;
mod commands;
mod growth;
mod init;
mod judge;
mod killer;
mod processes;
mod random;
mod run;
mod service;
mod system;
mod verdict;

use judge::{OF_ALL, Promise};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use system::{Kind, PEERS};

const USAGE: &str = "usage: chaos [SECONDS] [--seed N] [--peers]";
/// The default length of a run with our programs, and with each of the others.
const SECONDS: u64 = 60;
const SECONDS_OF_PEERS: u64 = 20;
/// Starts a run in the namespace: kind, seconds, seed, directory.
const INSIDE: &str = "--inside";
/// Before the counts of a run, on a line of their own.
const COUNTS: &str = "counts: ";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        // A run script gives the records; `./run` is not among the words, for it ends in `exec`.
        [actors::WRITER, records] => actors::write(Path::new(records)),
        [actors::MORTAL, records] => actors::write_mortally(Path::new(records)),
        [actors::LOGGER, records] => actors::log(Path::new(records)),
        [INSIDE, kind, seconds, seed, place] => {
            let kind = Kind::of(kind).unwrap();
            let length = Duration::from_secs(seconds.parse().unwrap());
            run::run(kind, length, seed.parse().unwrap(), Path::new(place))
        }
        _ => match Options::read(&words) {
            Some(options) => outside(&options),
            None => {
                println!("{USAGE}");
                ExitCode::FAILURE
            }
        },
    }
}

struct Options {
    seconds: u64,
    seed: u64,
    with_peers: bool,
}

impl Options {
    fn read(words: &[&str]) -> Option<Self> {
        let mut options = Self { seconds: SECONDS, seed: random::any_seed(), with_peers: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--peers" => options.with_peers = true,
                "--seed" => options.seed = words.next()?.parse().ok()?,
                word => options.seconds = word.parse().ok()?,
            }
        }
        Some(options)
    }
}

fn outside(options: &Options) -> ExitCode {
    println!("seed {}, {} seconds", options.seed, options.seconds);
    let Some((is_good, ours)) = in_namespace(Kind::Ours, options.seconds, options.seed) else {
        println!("unable to run unshare: a private PID namespace needs root\n0 passed, 1 failed");
        return ExitCode::FAILURE;
    };
    let mut table = vec![(Kind::Ours, options.seconds, ours)];
    if options.with_peers {
        let seconds = options.seconds.min(SECONDS_OF_PEERS);
        for (kind, program) in PEERS {
            if !Path::new(program).exists() {
                println!("left out: {}: there is no {program}", kind.word());
            } else if let Some((_, counts)) = in_namespace(kind, seconds, options.seed) {
                table.push((kind, seconds, counts));
            }
        }
        tell_table(&table);
    }
    // Our last line again, below the results of the others.
    let passed = table[0].2.get("passed").copied().unwrap_or(0);
    let failed = table[0].2.get("failed").copied().unwrap_or(1);
    println!("{passed} passed, {failed} failed");
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Counts = BTreeMap<String, u64>;

/// Runs one of the four in a namespace of its own. Returns whether it kept its promises, and the
/// counts.
fn in_namespace(kind: Kind, seconds: u64, seed: u64) -> Option<(bool, Counts)> {
    let place = tempfile::tempdir().unwrap();
    let said = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([INSIDE, kind.word(), &seconds.to_string(), &seed.to_string()])
        .arg(place.path())
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    let mut counts = Counts::new();
    for line in String::from_utf8_lossy(&said.stdout).lines() {
        match line.strip_prefix(COUNTS) {
            Some(words) => counts.extend(words.split(' ').filter_map(|word| {
                let (name, count) = word.split_once('=')?;
                Some((name.to_owned(), count.parse().ok()?))
            })),
            None => println!("{line}"),
        }
    }
    if !said.status.success() {
        println!("what was left of it is in {}", place.keep().display());
    }
    (!counts.is_empty() || !said.status.success()).then(|| (said.status.success(), counts))
}

fn tell_table(table: &[(Kind, u64, Counts)]) {
    print!("\n{:62}", "violations");
    table.iter().for_each(|(kind, ..)| print!("{:>9}", kind.word()));
    print!("\n{:62}", "seconds under fire");
    table.iter().for_each(|(_, seconds, _)| print!("{seconds:>9}"));
    let row = |words: &str, name: &str| {
        print!("\n{words:62}");
        for (.., counts) in table {
            let count = counts.get(name).map_or("?".to_owned(), u64::to_string);
            print!("{count:>9}");
        }
    };
    row("kills", "kills");
    for promise in OF_ALL {
        row(promise.words(), &name_of(promise));
    }
    println!("\n");
}

/// The name of a promise in the counts.
fn name_of(promise: Promise) -> String {
    format!("{promise:?}")
}
