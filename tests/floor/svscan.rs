//! svscan with the system calls of CentOS 6.

use super::place::{Daemon, install, is_current, is_gone, service, wait_for_another};
use super::scratch::{Scratch, kill, stays, wait_for};
use super::tally::Tally;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

const BOOT_NAMES: [&str; 4] = ["svscanboot", "svscan", "readproctitle", "svstat"];
const NAMES: [&str; 5] = ["svscan", "supervise", "svc", "svok", "svstat"];

pub fn promises(tally: &mut Tally) {
    let mut promise = |promise, check| tally.promise(&NAMES, promise, check);
    promise("svscan starts a service and its logger, joined by a pipe", joined);
    promise("a link made later is started without waiting for the scan", link);
    promise("a killed supervise is replaced, and its service adopted", replaced);
    promise("a killed logger is started again and reads on", logger_again);
    promise("a new svscan adopts what a killed one left", adopted);
    promise("a new svscan keeps the log pipe of an adopted service", keeps_pipe);
    promise("HUP has svscan become the program on disk and keep what it holds", becomes_new);
    promise("TERM ends svscan and no service", term);
    promise("TERM stops svscan --stop-on-term in order, the logger last", stops_in_order);

    let mut boots = |promise, check| tally.promise(&BOOT_NAMES, promise, check);
    boots("svscanboot brings a scan up, and TERM stops it in order", boot);
    boots("a second svscanboot stands by, and takes over from a killed one", stands_by);
}

/// A scan directory with service `s`, which speaks, and its logger.
fn scan_directory(scratch: &Scratch) {
    scratch.directory_at("scan");
    service(scratch, "scan/s", "speaker");
    service(scratch, "scan/s/log", "logger");
}

/// An svscan at work on it.
fn scanning(scratch: &Scratch) -> Daemon {
    scan_directory(scratch);
    let svscan = Daemon::start(scratch, "svscan", &["scan"]);
    wait_for("the logger's first line", || scratch.lines("scan/s/log/lines") > 0);
    svscan
}

fn reads_on(scratch: &Scratch) {
    let before = scratch.lines("scan/s/log/lines");
    wait_for("further lines at the logger", || scratch.lines("scan/s/log/lines") > before);
}

/// The supervise of `name`: the parent of its service.
fn supervise_of(scratch: &Scratch, name: &str) -> u32 {
    let pid = scratch.pid(name);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit_once(") ").unwrap().1;
    rest.split(' ').nth(1).unwrap().parse().unwrap()
}

fn joined(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    scratch.pid("scan/s");
    scratch.pid("scan/s/log");
    reads_on(scratch);
    assert!(scratch.read("scan/s/log/lines").starts_with("beat 0\nbeat 1\n"), "first lines lost");
    assert_eq!(scratch.errors(), "");
}

fn link(scratch: &Scratch) {
    service(scratch, "later", "steady");
    let _svscan = scanning(scratch);
    let since = Instant::now();
    symlink(scratch.path().join("later"), scratch.path().join("scan/later")).unwrap();
    wait_for("the new service", || scratch.lines("later/starts") == 1);
    let taken = since.elapsed();
    // 0.76's scan would take 5 s at worst: inotify is what CentOS 6 has too.
    assert!(taken < Duration::from_millis(1500), "started after {taken:?}");
}

fn replaced(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    let pid = scratch.pid("scan/s");
    kill(supervise_of(scratch, "scan/s"), "KILL");
    wait_for("a new supervise", || scratch.is_running("scan/s"));
    stays("one process, started once", Duration::from_millis(2500), || {
        scratch.lines("scan/s/starts") == 1 && !is_gone(pid)
    });
    assert_eq!(scratch.pid("scan/s"), pid);
    reads_on(scratch);
}

fn logger_again(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    let speaker = scratch.pid("scan/s");
    let logger = scratch.pid("scan/s/log");
    kill(logger, "KILL");
    wait_for_another(scratch, "scan/s/log", logger);
    reads_on(scratch);
    assert_eq!(scratch.pid("scan/s"), speaker);
}

fn adopted(scratch: &Scratch) {
    let mut svscan = scanning(scratch);
    let (speaker, logger) = (scratch.pid("scan/s"), scratch.pid("scan/s/log"));
    svscan.kill();
    let _successor = Daemon::start(scratch, "svscan", &["scan"]);
    stays("the processes of before", Duration::from_millis(2500), || {
        scratch.lines("scan/s/starts") == 1 && scratch.lines("scan/s/log/starts") == 1
    });
    assert_eq!((scratch.pid("scan/s"), scratch.pid("scan/s/log")), (speaker, logger));
    // The successor knows them: it replaces a supervise that was never its child.
    let supervise = supervise_of(scratch, "scan/s");
    kill(supervise, "KILL");
    wait_for("the supervise's end", || is_gone(supervise));
    wait_for("another supervise", || scratch.is_running("scan/s"));
    reads_on(scratch);
    assert_eq!((scratch.pid("scan/s"), scratch.pid("scan/s/log")), (speaker, logger));
}

fn keeps_pipe(scratch: &Scratch) {
    let mut svscan = scanning(scratch);
    let (speaker, logger) = (scratch.pid("scan/s"), scratch.pid("scan/s/log"));
    svscan.kill();
    let _successor = Daemon::start(scratch, "svscan", &["scan"]);
    // Nothing of the old logger's side is left to hand its end of the pipe on.
    kill(supervise_of(scratch, "scan/s/log"), "KILL");
    kill(logger, "KILL");
    wait_for_another(scratch, "scan/s/log", logger);
    reads_on(scratch);
    assert_eq!((scratch.pid("scan/s"), scratch.lines("scan/s/starts")), (speaker, 1));
}

fn becomes_new(scratch: &Scratch) {
    scan_directory(scratch);
    let program = install(scratch, "svscan");
    let svscan = Daemon::start(scratch, &program, &["scan"]);
    let pids = speaking(scratch);
    install(scratch, "svscan");
    assert!(!is_current(svscan.pid()), "not replaced");
    kill(svscan.pid(), "HUP");
    wait_for("the new program", || is_current(svscan.pid()));
    reads_on(scratch);
    assert_eq!((scratch.pid("scan/s"), scratch.pid("scan/s/log")), pids);
    // It holds them as its own, and their pipe.
    let supervise = supervise_of(scratch, "scan/s/log");
    kill(supervise, "KILL");
    kill(pids.1, "KILL");
    wait_for_another(scratch, "scan/s/log", pids.1);
    reads_on(scratch);
    assert_eq!(scratch.errors(), "");
}

fn term(scratch: &Scratch) {
    let mut svscan = scanning(scratch);
    let pid = scratch.pid("scan/s");
    kill(svscan.pid(), "TERM");
    svscan.end();
    reads_on(scratch);
    assert_eq!(scratch.pid("scan/s"), pid);
}

fn stops_in_order(scratch: &Scratch) {
    scan_directory(scratch);
    let mut svscan = Daemon::start(scratch, "svscan", &["--stop-on-term", "scan"]);
    let pids = speaking(scratch);
    kill(svscan.pid(), "TERM");
    assert_eq!(svscan.end(), Some(0));
    stopped(scratch, pids);
    assert_eq!(scratch.errors(), "");
}

fn boot(scratch: &Scratch) {
    scan_directory(scratch);
    let mut boot = Daemon::start(scratch, "svscanboot", &["scan"]);
    let pids = speaking(scratch);
    kill(boot.pid(), "TERM");
    assert_eq!(boot.end(), Some(0));
    stopped(scratch, pids);
}

fn stands_by(scratch: &Scratch) {
    scan_directory(scratch);
    let mut first = Daemon::start(scratch, "svscanboot", &["scan"]);
    let pids = speaking(scratch);
    let mut second = Daemon::start(scratch, "svscanboot", &["scan"]);
    let scans = || children(first.pid(), "svscan");
    let svscan = *scans().first().expect("svscanboot has an svscan");
    stays("the first one's turn", Duration::from_millis(1500), || {
        children(second.pid(), "svscan").is_empty()
    });
    first.kill();
    kill(svscan, "KILL");
    wait_for("the second one's svscan", || !children(second.pid(), "svscan").is_empty());
    reads_on(scratch);
    assert_eq!((scratch.pid("scan/s"), scratch.pid("scan/s/log")), pids);
    kill(second.pid(), "TERM");
    assert_eq!(second.end(), Some(0));
    stopped(scratch, pids);
}

/// The service and its logger, once the logger has heard something.
fn speaking(scratch: &Scratch) -> (u32, u32) {
    wait_for("the logger's first line", || scratch.lines("scan/s/log/lines") > 0);
    (scratch.pid("scan/s"), scratch.pid("scan/s/log"))
}

/// After an orderly stop no process is left, and every line is in the log.
fn stopped(scratch: &Scratch, (speaker, logger): (u32, u32)) {
    assert!(is_gone(speaker) && is_gone(logger), "not stopped");
    assert!(!scratch.is_running("scan/s") && !scratch.is_running("scan/s/log"), "supervise runs");
    let lines = scratch.read("scan/s/log/lines");
    let in_order = lines.lines().enumerate().all(|(number, line)| line == format!("beat {number}"));
    assert!(in_order, "a line is missing");
}

/// The children of process `parent` that are called `name`.
fn children(parent: u32, name: &str) -> Vec<u32> {
    let listing = std::fs::read_dir("/proc").unwrap();
    let pids = listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_it = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.split_once(&format!(" ({name}) ")).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split(' ').nth(1)) == Some(&parent.to_string())
    };
    pids.filter(is_it).collect()
}
