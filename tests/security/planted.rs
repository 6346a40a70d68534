//! Traps that the owner of `supervise/` plants there for root's supervise, svscan and commands. The
//! service directory is root's. Newer kernels do not let users give files of others a second name
//! (that of CentOS 6 does): there root makes these names in the test.

use crate::attack::{Attack, OWNER, PRECIOUS, Victim, WATCHDOG, give};
use crate::scratch::{Scratch, end_of, is_alive, kill, wait_for};
use crate::terminal::{Terminal, terminal_in};
use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

pub fn attacks() -> Vec<Attack> {
    let attack = |name, harms_before, play| Attack { name, harms_before, play };
    vec![
        attack("root's svc through a planted control", Some(true), |scratch| {
            asked(scratch, "control", "supervise/control", &["svc", "-dk"])
        }),
        attack("root's svok through a planted ok", Some(true), |scratch| {
            asked(scratch, "ok", WATCHDOG, &["svok"])
        }),
        attack("root's svstat through a planted ok", Some(true), |scratch| {
            asked(scratch, "ok", WATCHDOG, &["svstat"])
        }),
        attack("root's svstat through a planted status", Some(true), |scratch| {
            let _held = running(scratch);
            asked(scratch, "status", WATCHDOG, &["svstat"])
        }),
        attack("a start among links to a file of root's", Some(true), |scratch| {
            started(scratch, |target, entry| symlink(target, entry).unwrap())
        }),
        attack("a start among second names of a file of root's", Some(true), |scratch| {
            started(scratch, |target, entry| fs::hard_link(target, entry).unwrap())
        }),
        attack("a terminal in the place of each record", None, terminal),
        attack("a FIFO that swallows what svscan says in the orderly stop", None, swallowed),
        attack("a link to .svscan for svc to speak to svscan", None, scan_control),
    ]
}

/// A service `a` whose `supervise` is the owner's.
fn given(scratch: &Scratch) {
    scratch.service("a", "exec sleep 1000");
    scratch.directory_at("a/supervise");
    give(&scratch.path().join("a/supervise"), OWNER);
}

/// The same, with root's supervise running.
fn running(scratch: &Scratch) -> Child {
    given(scratch);
    let child = scratch.start("supervise", &["a"]);
    scratch.pid("a");
    child
}

/// Plants `target` (of the victim, or beside it) as entry `name`, by a link and by a second name,
/// and makes root run a command.
fn asked(scratch: &Scratch, name: &str, target: &str, words: &[&str]) -> Vec<String> {
    let victim = Victim::new(scratch);
    if !scratch.path().join("a").exists() {
        given(scratch);
    }
    let below = if target == WATCHDOG { "" } else { "victim" };
    let target = scratch.path().join(below).join(target);
    let entry = scratch.path().join("a/supervise").join(name);
    let mut harms = Vec::new();
    for as_link in [true, false] {
        let _ = fs::remove_file(&entry);
        if as_link {
            symlink(&target, &entry).unwrap();
            lchown(&entry, Some(OWNER), Some(OWNER)).unwrap();
        } else {
            fs::hard_link(&target, &entry).unwrap();
        }
        scratch.run(words[0], &[&words[1..], &["a"]].concat());
        harms.extend(victim.harms());
    }
    harms
}

/// Each entry in turn leads to a file of root's, a FIFO with a reader or a device, while supervise
/// is started, sent commands, re-executed and killed.
fn started(scratch: &Scratch, plant: fn(&Path, &Path)) -> Vec<String> {
    let victim = Victim::new(scratch);
    given(scratch);
    let mut harms = Vec::new();
    for name in ["lock", "control", "ok", "status.new", "status", "journal"] {
        for target in [PRECIOUS, WATCHDOG] {
            let entry = scratch.path().join("a/supervise").join(name);
            let _ = fs::remove_file(&entry);
            plant(&scratch.path().join(target), &entry);
            let mut child = scratch.start("supervise", &["a"]);
            let until = Instant::now() + Duration::from_millis(150);
            while Instant::now() < until && child.try_wait().unwrap().is_none() {
                scratch.run("svc", &["-oc", "a"]);
            }
            let harm = victim.harms();
            harms.extend(harm.iter().map(|harm| format!("{name}: {harm}")));
            // Kill what is left of the service.
            let pid = scratch.svstat("a");
            let _ = child.kill();
            end_of(&mut child);
            let pid = pid.split_once("(pid ").and_then(|(_, rest)| rest.split_once(')'));
            if let Some(pid) =
                pid.and_then(|(pid, _)| pid.parse().ok()).filter(|pid| is_alive(*pid))
            {
                kill(pid, "KILL");
            }
            let _ = fs::remove_file(&entry);
            if !harm.is_empty() {
                return harms;
            }
        }
    }
    harms
}

fn terminal(scratch: &Scratch) -> Vec<String> {
    let terminal = Terminal::new();
    scratch.service("scan/a", "exec sleep 1000");
    let mut boot = scratch.start("svscanboot", &["scan"]);
    scratch.pid("scan/a");
    let records = scratch.path().join("scan/a/supervise");
    give(&records, OWNER);
    let svscan = child_of(boot.id(), "svscan");
    let mut harms = Vec::new();
    for name in ["status", "ok", "control", "lock", "journal"] {
        let entry = records.join(name);
        let _ = fs::remove_file(&entry);
        symlink(terminal.slave(), &entry).unwrap();
        for signal in ["HUP", "ALRM"] {
            kill(svscan, signal);
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let supervise = child_of(svscan, "supervise");
        kill(supervise, "KILL");
        wait_for("its successor", || !is_alive(supervise));
        std::thread::park_timeout(Duration::from_millis(200));
        let stat = fs::read_to_string(format!("/proc/{svscan}/stat")).unwrap_or_default();
        if stat.is_empty() || terminal_in(&stat) != 0 {
            harms.push(format!("{name}: svscan is gone, or has a terminal"));
        }
        // A successor may have replaced it.
        if entry.is_symlink() {
            fs::remove_file(&entry).unwrap();
        }
        wait_for("the service again", || scratch.svstat("scan/a").contains(": up "));
    }
    kill(boot.id(), "TERM");
    end_of(&mut boot);
    harms
}

/// The child of a process that has this name.
fn child_of(parent: u32, name: &str) -> u32 {
    let mut found = 0;
    wait_for(name, || {
        let pids = fs::read_dir("/proc").unwrap();
        let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let mut pids = pids.filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            let is_child = rest.split(' ').nth(1) == Some(parent.to_string().as_str());
            is_child && stat.contains(&format!("({name})")) && !rest.starts_with('Z')
        });
        found = pids.next().unwrap_or(0);
        found != 0
    });
    found
}

fn swallowed(scratch: &Scratch) -> Vec<String> {
    scratch.service("scan/a", "exec sleep 1000");
    let mut svscan = scratch.start("svscan", &["--stop-on-term", "scan"]);
    let pid = scratch.pid("scan/a");
    let control = scratch.path().join("scan/a/supervise/control");
    give(&scratch.path().join("scan/a/supervise"), OWNER);
    fs::remove_file(&control).unwrap();
    scratch.fifo("scan/a/supervise/control");
    give(&control, OWNER);
    let _reader = fs::File::options().read(true).write(true).open(&control).unwrap();
    let begun = Instant::now();
    kill(svscan.id(), "TERM");
    end_of(&mut svscan);
    let mut harms = Vec::new();
    if begun.elapsed() > Duration::from_secs(3) || is_alive(pid) {
        harms.push("the orderly stop waits for a service".to_owned());
    }
    harms
}

fn scan_control(scratch: &Scratch) -> Vec<String> {
    scratch.service("scan/a", "exec sleep 1000");
    let mut svscan = scratch.start("svscan", &["--stop-on-term", "scan"]);
    let pid = scratch.pid("scan/a");
    scratch.directory_at("m");
    give(&scratch.path().join("m"), OWNER);
    let link = scratch.path().join("m/supervise");
    let mut harms = Vec::new();
    for owner in [OWNER, 0] {
        let _ = fs::remove_file(&link);
        symlink("../scan/.svscan", &link).unwrap();
        lchown(&link, Some(owner), Some(owner)).unwrap();
        scratch.run("svc", &["-t", "m"]);
        std::thread::park_timeout(Duration::from_millis(200));
        if svscan.try_wait().unwrap().is_some() || !is_alive(pid) {
            harms.push("everything went down".to_owned());
        }
    }
    harms
}
