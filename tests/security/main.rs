//! Attacks by local users on programs that run as root. There are three attackers: the owner of a
//! `supervise/` in which root's supervise works; any other local user; and a user in whose own
//! directories root uses our commands. Each attack reports what it harmed: with our programs that
//! must be nothing. If Debian's daemontools is installed, each attack is also tried on 0.76, to
//! show that it can do harm.
//!
//! `security [PART]`: the attacks whose names contain PART. It needs root (a PID namespace of its
//! own) and the commands of `target/command`, as `make build` leaves them.

mod attack;
mod delegation;
mod own_tree;
mod planted;
#[allow(dead_code, reason = "shared with the black-box suite, which uses all of it")]
#[path = "../black_box/scratch.rs"]
mod scratch;
mod swaps;
#[allow(dead_code, reason = "shared with the black-box suite, which uses all of it")]
#[path = "../black_box/terminal.rs"]
mod terminal;

use attack::{Attack, On};
use nix::sys::wait::{WaitStatus, waitpid};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

/// Modes of this program: process 1 of the namespace; the suite, with our commands or 0.76's; the
/// user who swaps entries.
const INIT: &str = "--init";
const OURS: &str = "--ours";
const BEFORE: &str = "--before";
const SWAP: &str = "--swap";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let second = words.get(1).map_or("", String::as_str);
    match words.first().map(String::as_str) {
        Some(INIT) => init(second),
        Some(OURS) => suite(second, On::Ours),
        Some(BEFORE) => suite(second, On::Before),
        Some(SWAP) => swaps::swap(&words[1..]),
        word => start(word.filter(|word| !word.starts_with('-')).unwrap_or_default()),
    }
}

/// Becomes process 1 of a PID namespace, with the commands where every user can run them.
fn start(part: &str) -> ExitCode {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/command/supervise");
    if !program.exists() {
        println!("no commands in target/command: run make build\n0 passed, 1 failed");
        return ExitCode::FAILURE;
    }
    let place = tempfile::tempdir().unwrap().keep();
    let commands = place.join("command");
    fs::create_dir(&commands).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(program, place.join("daemontools")).unwrap();
    for name in ["supervise", "svc", "svok", "svscan", "svscanboot", "svstat", "setlock"] {
        symlink("../daemontools", commands.join(name)).unwrap();
    }
    let status = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"])
        .arg(env::current_exe().unwrap())
        .args([INIT, part])
        .env("SECURITY_COMMANDS", &commands)
        .status();
    fs::remove_dir_all(&place).unwrap();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs the suite with our commands and then with 0.76's, and reaps every orphan meanwhile.
fn init(part: &str) -> ExitCode {
    let commands = PathBuf::from(env::var_os("SECURITY_COMMANDS").unwrap());
    let mut codes = Vec::new();
    for (word, commands) in [(OURS, commands), (BEFORE, PathBuf::from("/usr/bin"))] {
        if word == BEFORE && !commands.join("svstat").exists() {
            println!("left out: 0.76: package daemontools is not installed");
            continue;
        }
        let mut suite = Command::new(env::current_exe().unwrap());
        suite.args([word, part]).env("DAEMONTOOLS_COMMANDS", commands);
        let suite = suite.spawn().unwrap().id().cast_signed();
        codes.push(loop {
            match waitpid(None, None) {
                Ok(WaitStatus::Exited(pid, code)) if pid.as_raw() == suite => break code,
                Ok(WaitStatus::Signaled(pid, ..)) if pid.as_raw() == suite => break 111,
                Ok(_) => {}
                Err(error) => panic!("unable to wait: {error}"),
            }
        });
    }
    if codes.iter().all(|code| *code == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn suite(part: &str, on: On) -> ExitCode {
    let all: Vec<Attack> =
        [planted::attacks(), own_tree::attacks(), delegation::attacks(), swaps::attacks()]
            .into_iter()
            .flatten()
            .filter(|attack| attack.name.contains(part))
            .collect();
    attack::try_all(&all, on)
}
