//! A kill at every single step: one of our programs runs under ptrace(2) up to its first, second,
//! third... system call and is killed just before that call. Then a successor is started, as its
//! supervisor would do, and the promises are checked: the service has the same process, there is
//! one copy, nothing was started unasked, and control bytes still act.
//!
//! `steps [PART]`: the cases whose name contains PART. It needs root (a PID namespace of its own)
//! and the commands of `target/command`, as `make build` leaves them, or of the directory that
//! `STEPS_COMMANDS` names. The last line counts each step as a promise.

mod boot;
mod case;
mod pool;
mod scan;
#[allow(dead_code, reason = "shared with the black-box suite, which uses all of it")]
#[path = "../black_box/scratch.rs"]
mod scratch;
mod supervise;
mod tracer;

use case::Case;
use nix::sys::wait::{WaitStatus, waitpid};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Modes of this program: process 1 of the namespace; the suite.
const INIT: &str = "--init";
const SUITE: &str = "--suite";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(INIT) => init(words.get(1).map_or("", String::as_str)),
        Some(SUITE) => suite(words.get(1).map_or("", String::as_str)),
        word => start(word.filter(|word| !word.starts_with('-')).unwrap_or_default()),
    }
}

/// Becomes process 1 of a PID namespace.
fn start(part: &str) -> ExitCode {
    let commands = match std::env::var_os("STEPS_COMMANDS") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/command"),
    };
    let Ok(commands) = commands.canonicalize() else {
        println!("no commands in {}: run make build\n0 passed, 1 failed", commands.display());
        return ExitCode::FAILURE;
    };
    let error = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([INIT, part])
        .env("DAEMONTOOLS_COMMANDS", commands)
        .exec();
    println!("unable to run unshare: {error}\n0 passed, 1 failed");
    ExitCode::FAILURE
}

/// Starts the suite, and reaps every orphan until that has ended.
fn init(part: &str) -> ExitCode {
    let suite = Command::new(std::env::current_exe().unwrap()).args([SUITE, part]).spawn();
    let suite = suite.unwrap().id().cast_signed();
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid.as_raw() == suite => {
                return if code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            }
            Ok(WaitStatus::Signaled(pid, ..)) if pid.as_raw() == suite => return ExitCode::FAILURE,
            Ok(_) => {}
            Err(error) => {
                println!("unable to wait: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
}

fn suite(part: &str) -> ExitCode {
    let all = [supervise::cases(), scan::cases(), boot::cases()];
    let cases: Vec<Case> =
        all.into_iter().flatten().filter(|case| case.name.contains(part)).collect();
    let (passed, failed) = pool::run(cases);
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
