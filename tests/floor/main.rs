//! The EL6 floor: our release binary with the system calls of CentOS 6, on any kernel.
//!
//! `floor --under-el6 COMMAND [ARG...]` runs a static program under the filter of [`filter`].
//! Without arguments it runs itself that way and then, promise by promise, the commands in the
//! directory that `FLOOR_COMMANDS` names (`target/command`, as `make build` leaves it), and the
//! svctl that `FLOOR_SVCTL` names. With one argument, only the promises that contain it.
//!
//! This program has to be static itself: `--target x86_64-unknown-linux-musl`. The filter knows the
//! numbers of x86_64 only.

mod commands;
mod filter;
mod place;
mod probe;
#[allow(dead_code, reason = "shared with the black-box suite, which uses all of it")]
#[path = "../black_box/scratch.rs"]
mod scratch;
mod stand_in;
mod supervise;
mod svctl;
mod svscan;
mod tally;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("--under-el6") if words.len() > 2 => {
            under_el6(Command::new(&words[2]).args(&words[3..]))
        }
        Some("--suite") => suite(words.get(2).map_or("", String::as_str)),
        Some("--probe") => differences(),
        // A run script names its role in its first line; `./run` follows.
        Some(word) if word.starts_with("--role=") => {
            stand_in::play(&word["--role=".len()..], &words[2..])
        }
        word => start(word.filter(|word| !word.starts_with('-')).unwrap_or_default()),
    }
}

/// Runs the suite in this program's place, under the filter.
fn start(part: &str) -> ExitCode {
    if !cfg!(target_feature = "crt-static") {
        return unable("build this with --target x86_64-unknown-linux-musl: it has to be static");
    }
    let commands = match std::env::var_os("FLOOR_COMMANDS") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/command"),
    };
    let Ok(commands) = commands.canonicalize() else {
        return unable(&format!("no commands in {}: run make build", commands.display()));
    };
    let own = std::env::current_exe().expect("/proc/self/exe");
    let words = ["--suite", part];
    under_el6(Command::new(own).args(words).env("DAEMONTOOLS_COMMANDS", commands))
}

/// Executes `command` under the filter. Returns only if that failed.
fn under_el6(command: &mut Command) -> ExitCode {
    if let Err(error) = filter::install() {
        return unable(&format!("the system-call filter: {error}"));
    }
    // Command::exec also takes back what Rust's start did: the ignored SIGPIPE.
    let error = command.exec();
    unable(&format!("run {}: {error}", command.get_program().display()))
}

fn unable(what: &str) -> ExitCode {
    eprintln!("floor: unable to go on: {what}");
    ExitCode::FAILURE
}

fn differences() -> ExitCode {
    let found = probe::differences();
    found.iter().for_each(|line| println!("{line}"));
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn suite(part: &str) -> ExitCode {
    let mut tally = tally::Tally::new(part);
    place::promises(&mut tally);
    supervise::promises(&mut tally);
    svscan::promises(&mut tally);
    commands::promises(&mut tally);
    svctl::promises(&mut tally);
    tally.sum()
}
