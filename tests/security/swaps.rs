//! The owner of `supervise/` replaces entries in a loop while root starts, re-executes and kills
//! supervise and uses the commands: no replacement between a check and a use does harm.

use crate::attack::{Attack, OWNER, PRECIOUS, Victim, WATCHDOG, give, is_ours};
use crate::scratch::{Scratch, end_of, is_alive, kill, wait_for};
use crate::terminal::{Terminal, terminal_in};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

const ENTRIES: [&str; 6] = ["lock", "control", "ok", "status", "status.new", "journal"];
/// How long the swaps go on.
const LENGTH: Duration = Duration::from_secs(4);

pub fn attacks() -> Vec<Attack> {
    vec![Attack {
        name: "entries swapped in a loop, under starts, HUPs, kills and commands",
        harms_before: Some(true),
        play: under_swaps,
    }]
}

/// In a process of the user's: puts links, FIFOs, files and second names in each entry's place,
/// until it is killed. Arguments: the records, and the targets of the links.
pub fn swap(words: &[String]) -> ExitCode {
    let (records, targets) = words.split_first().unwrap();
    let records = Path::new(records);
    let new = records.join("new");
    loop {
        for (number, name) in ENTRIES.iter().enumerate() {
            let entry = records.join(name);
            for target in targets {
                let _ = fs::remove_file(&new);
                let _ = symlink(target, &new);
                let _ = fs::rename(&new, &entry);
            }
            // Renames existing second names back and forth.
            for second in ["second-control", "second-precious", "second-watchdog"] {
                let second = records.join(second);
                let _ = fs::rename(&second, &entry);
                let _ = fs::rename(&entry, &second);
            }
            let _ = nix::unistd::mkfifo(&new, nix::sys::stat::Mode::from_bits_truncate(0o600));
            let _ = fs::rename(&new, &entry);
            let _ = fs::write(&new, [0; 18]);
            let _ = fs::rename(&new, &entry);
            if number % 2 == 0 {
                let _ = fs::remove_file(&entry);
            }
        }
    }
}

fn under_swaps(scratch: &Scratch) -> Vec<String> {
    let is_ours = is_ours();
    let victim = Victim::new(scratch);
    let terminal = Terminal::new();
    scratch.service("scan/a", "exec sleep 1000");
    scratch.service("scan/b", "exec sleep 1000");
    let mut svscan = start(scratch);
    for name in ["scan/a", "scan/b"] {
        scratch.pid(name);
    }
    let other = scratch.pid("scan/b");
    let records = scratch.path().join("scan/a/supervise");
    give(&records, OWNER);
    for (target, second) in
        [("victim/supervise/control", "control"), (PRECIOUS, PRECIOUS), (WATCHDOG, WATCHDOG)]
    {
        let second = records.join(format!("second-{second}"));
        fs::hard_link(scratch.path().join(target), second).unwrap();
    }
    // A copy: the owner may not enter the directory that this program was built in.
    let copy = scratch.path().join("swapper");
    fs::copy(env::current_exe().unwrap(), &copy).unwrap();
    let mut swapper = Command::new(copy);
    swapper.arg(crate::SWAP).arg(&records).arg(terminal.slave());
    for target in [PRECIOUS, WATCHDOG, "victim/supervise/control", "victim/supervise/ok"] {
        swapper.arg(scratch.path().join(target));
    }
    swapper.uid(OWNER).gid(OWNER).current_dir(scratch.path());
    let mut swapper = swapper.env("SCRATCH", scratch.path()).spawn().unwrap();
    let mut harms = Vec::new();
    let begun = Instant::now();
    let mut round = 0_u32;
    while begun.elapsed() < LENGTH && harms.is_empty() {
        round += 1;
        scratch.run("svc", &["-dk", "scan/a"]);
        scratch.run("svok", &["scan/a"]);
        scratch.svstat("scan/a");
        scratch.run("svc", &["-ou", "scan/a"]);
        if is_ours && round.is_multiple_of(5) {
            kill(svscan.id(), "HUP");
        }
        for supervise in supervises_of(scratch) {
            if round.is_multiple_of(3) {
                kill(supervise, "KILL");
            } else if is_ours && round.is_multiple_of(2) {
                kill(supervise, "HUP");
            }
        }
        if round.is_multiple_of(20) {
            kill(svscan.id(), "KILL");
            end_of(&mut svscan);
            svscan = start(scratch);
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", svscan.id())).unwrap_or_default();
        if !stat.contains(") ") || (is_ours && terminal_in(&stat) != 0) {
            harms.push("svscan is gone, or has a terminal".to_owned());
        }
        if !is_alive(other) {
            harms.push("another service was ended".to_owned());
        }
    }
    swapper.kill().unwrap();
    swapper.wait().unwrap();
    harms.extend(victim.harms());
    // Only the attacker's own service may have suffered, and it can be repaired.
    for name in ENTRIES {
        let entry = records.join(name);
        if entry.symlink_metadata().is_ok() {
            fs::remove_file(entry).unwrap();
        }
    }
    if is_ours {
        for supervise in supervises_of(scratch) {
            kill(supervise, "KILL");
        }
        wait_for("the service again", || {
            scratch.run("svc", &["-u", "scan/a"]);
            scratch.svstat("scan/a").contains(": up ")
        });
    }
    harms
}

/// An svscan that leads a session, as svscanboot makes it.
fn start(scratch: &Scratch) -> Child {
    let mut command = scratch.command("/usr/bin/setsid");
    command.arg(crate::scratch::commands().join("svscan")).arg("scan");
    let errors = fs::File::options().create(true).append(true).open(scratch.path().join("errors"));
    command.stderr(errors.unwrap()).spawn().unwrap()
}

/// The supervises that work in the attacked service.
fn supervises_of(scratch: &Scratch) -> Vec<u32> {
    let here = scratch.path().join("scan/a");
    let pids = fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name == "supervise\n"
            && fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at == here)
    })
    .collect()
}
