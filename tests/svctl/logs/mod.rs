//! `svctl logs`: which logs and lines are read, their order, and how they are printed.

mod bad;
mod follow;
mod order;
mod place;
mod range;
mod restless;
mod shown;
mod steps;
mod unwatched;

use crate::scratch::{Said, Scratch};
use crate::stage::svctl;
use std::fs;

/// The label of so many seconds after 2026-01-01 00:00:00 UTC.
pub fn label(second: u64) -> String {
    format!("@{:016x}{:08x}", (1_u64 << 62) + 10 + BEGIN + second, 500)
}

/// 2026-01-01 00:00:00 UTC.
pub const BEGIN: u64 = 1_767_225_600;

/// Writes a log of these lines into directory `name`.
pub fn log(scratch: &Scratch, name: &str, lines: &[String]) {
    let path = scratch.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(path, text).unwrap();
}

/// Lines with labels, one for each of these seconds.
pub fn lines(seconds: impl IntoIterator<Item = u64>) -> Vec<String> {
    seconds.into_iter().map(|second| format!("{} line {second}", label(second))).collect()
}

/// What svctl logs says of log directory `m`.
pub fn logs(scratch: &Scratch, arguments: &[&str]) -> Said {
    let mut command = svctl(scratch.path());
    Said::of(&command.args(["logs", "--in", "m"]).args(arguments).output().unwrap())
}

/// The last words of the lines that were printed.
pub fn words(out: &str) -> Vec<&str> {
    out.lines().map(|line| line.rsplit(' ').next().unwrap()).collect()
}

pub fn numbers(out: &str) -> Vec<u64> {
    words(out).into_iter().map(|word| word.parse().unwrap_or_else(|_| panic!("{out}"))).collect()
}
