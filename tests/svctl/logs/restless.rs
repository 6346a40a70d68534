//! `-f` against a logger that is killed, ended and started again while it rotates as fast as it
//! can: the output is what the logs have, whatever happened between two looks.

use super::logs;
use crate::scratch::{Scratch, kill, wait_for};
use std::fs;
use std::io::Write;
use std::process::{Child, Stdio};

/// Pseudo-random numbers, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn start(scratch: &Scratch, words: &[&str]) -> Child {
    let mut multilog = scratch.command("multilog");
    let errors = fs::File::options().create(true).append(true).open(scratch.path().join("errors"));
    multilog.args(words).arg("./m").stdin(Stdio::piped()).stderr(errors.unwrap()).spawn().unwrap()
}

/// svctl follows the log once it is there. Its output goes to the file `out`, its errors to `said`.
fn follow(scratch: &Scratch) -> Child {
    wait_for("a log", || scratch.path().join("m/current").exists());
    super::follow::follow(scratch, &["--raw"])
}

fn run(seed: u64, words: &[&str]) {
    let scratch = Scratch::in_memory();
    let mut chance = Chance(seed);
    let mut multilog = start(&scratch, words);
    let mut follower = follow(&scratch);
    let mut number = 0;
    for _ in 0..60 {
        let mut text = String::new();
        for _ in 0..[1, 10, 100, 1000][usize::try_from(chance.below(4)).unwrap()] {
            let length = if chance.below(300) == 0 { 6000 } else { chance.below(60) };
            text.push_str(&format!("{number} {}\n", "x".repeat(usize::try_from(length).unwrap())));
            number += 1;
        }
        // A killed multilog takes no more input.
        let _ = multilog.stdin.as_ref().unwrap().write_all(text.as_bytes());
        if chance.below(7) == 0 {
            kill(multilog.id(), if chance.below(3) == 0 { "TERM" } else { "KILL" });
            multilog.wait().unwrap();
            multilog = start(&scratch, words);
        }
    }
    multilog.stdin.as_ref().unwrap().write_all(b"the end\n").unwrap();
    drop(multilog.stdin.take());
    assert!(multilog.wait().unwrap().success());
    wait_for("the end", || scratch.read("out").ends_with(" the end\n"));
    follower.kill().unwrap();
    follower.wait().unwrap();
    let there = logs(&scratch, &["--raw"]).out;
    let printed = scratch.read("out");
    let differs = printed.lines().zip(there.lines()).position(|(one, other)| one != other);
    if let Some(line) = differs {
        let around = |text: &str| -> Vec<String> {
            let lines = text.lines().skip(line.saturating_sub(2)).take(4);
            lines.map(|line| line.chars().take(60).collect()).collect()
        };
        panic!("seed {seed}: {:?} is printed, {:?} is there", around(&printed), around(&there));
    }
    assert_eq!(printed.len(), there.len(), "seed {seed}");
    assert_eq!(scratch.read("said"), "", "seed {seed}");
}

#[test]
fn whatever_the_logger_goes_through_what_is_there_is_printed_once() {
    for seed in 0..4 {
        run(seed, &["t", "s4096", "n100000"]);
    }
}

#[test]
fn what_is_there_is_printed_once_also_with_a_processor() {
    for seed in 10..12 {
        run(seed, &["t", "s8192", "n100000", "!cat"]);
    }
}

/// multilog keeps few logs, and svctl is stopped now and then: svctl counts the lost logs, and no
/// line comes twice.
fn run_pruned(seed: u64, words: &[&str]) {
    let scratch = Scratch::in_memory();
    let mut chance = Chance(seed);
    let mut multilog = start(&scratch, words);
    let mut follower = follow(&scratch);
    let mut stdin = multilog.stdin.take().unwrap();
    let mut number = 0;
    let mut write = |count: u64| {
        let text: String = (number..number + count).map(|line| format!("{line}\n")).collect();
        stdin.write_all(text.as_bytes()).unwrap();
        number += count;
        number
    };
    write(1);
    wait_for("the first line", || scratch.lines("out") == 1);
    for _ in 0..25 {
        write(1 + chance.below(300));
        if chance.below(3) == 0 {
            kill(follower.id(), "STOP");
            write(200 + chance.below(1000));
            kill(follower.id(), "CONT");
        }
    }
    let count = write(1);
    drop(stdin);
    assert!(multilog.wait().unwrap().success());
    let last = format!(" {}\n", count - 1);
    wait_for("the last line", || scratch.read("out").ends_with(&last));
    let found = super::numbers(&scratch.read("out"));
    assert!(found.is_sorted_by(|one, other| one < other), "seed {seed}");
    // A log has at least 2096 bytes, and lines of 28 to 34.
    let gaps = found.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|&gap| gap > 0);
    let (least, most) = gaps
        .fold((0, 0), |(least, most), gap| (least + gap.div_ceil(146), most + gap.div_ceil(61)));
    let counted = || -> u64 {
        let said = scratch.read("said");
        said.lines().map(|line| line.split(' ').nth(2).unwrap().parse::<u64>().unwrap()).sum()
    };
    wait_for("the count of the logs that were lost", || (least..=most).contains(&counted()));
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn what_is_pruned_unread_is_counted_whatever_comes_between() {
    for seed in 20..23 {
        run_pruned(seed, &["t", "s4096", "n2"]);
        run_pruned(seed, &["t", "s4096", "n3", "!cat"]);
    }
}
