//! Our programs take over from a running daemontools 0.76. While 0.76's svscan lives, our svscan
//! waits. Then it adopts supervises, services and log pipes, without a restart or a lost line. If
//! our supervise cannot be sure, it waits rather than start a second copy.
//!
//! `handover [PART]`: the promises whose names contain PART, each in a directory of its own. It
//! needs only Debian's package daemontools.

mod before;
#[allow(dead_code, reason = "shared with the black-box suite, which uses all of it")]
#[path = "../black_box/scratch.rs"]
mod scratch;
#[path = "../floor/tally.rs"]
mod tally;

use before::{Before, supervise_of};
use scratch::{Scratch, is_alive, kill, stays, wait_for};
use std::process::ExitCode;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const NAMES: [&str; 5] = ["svscanboot", "svscan", "supervise", "svc", "svstat"];

fn main() -> ExitCode {
    let part = std::env::args().nth(1).filter(|word| !word.starts_with('-')).unwrap_or_default();
    let mut tally = tally::Tally::new(&part);
    let mut promise = |promise, check| tally.promise(&NAMES, promise, check);
    promise("while 0.76's svscan lives ours waits, and says so once", waits);
    promise("when it is gone its supervises, services and pipes are adopted", adopts_supervises);
    promise("its supervises killed one by one, their services are adopted", adopts_services);
    promise("all of 0.76 killed at once, the services and their pipe are adopted", adopts_orphans);
    promise("a process that may or may not be the service is waited for", waits_for_a_doubtful_one);
    promise("a service that 0.76 was told to take down stays down", keeps_down);
    promise("svscanboot keeps one svscan that waits, and its words reach readproctitle", boot);
    tally.sum()
}

fn waits(scratch: &Scratch) {
    let before = Before::start(scratch);
    let mut ours = scratch.start("svscan", &["scan"]);
    let line = format!(
        "svscan: warning: another svscan (pid {}) scans scan, waiting until it is gone\n",
        before.svscan.id()
    );
    wait_for("its word", || scratch.errors() == line);
    stays("waiting, without another word", SECOND * 7 / 2, || {
        scratch.errors() == line && ours.try_wait().unwrap().is_none()
    });
    before.is_untouched(scratch);
    assert!(!scratch.path().join("scan/a/supervise/journal").exists(), "a supervise of ours");
}

fn adopts_supervises(scratch: &Scratch) {
    let mut before = Before::start(scratch);
    let _ours = before.hand_over(scratch);
    before.is_untouched(scratch);
    for (name, pid) in &before.supervises {
        assert_eq!(supervise_of(scratch, name), Some(*pid), "{name}'s supervise");
    }
    // From here on a restart of either end of the pipe works.
    scratch.restart_logger("scan/a");
    before.no_line_is_missing(scratch);
    scratch.svc("-t", "scan/a");
    wait_for("the service again", || scratch.lines("a.starts") == 2);
    wait_for("its first line", || scratch.read("log.txt").matches("line 1\n").count() == 2);
}

fn adopts_services(scratch: &Scratch) {
    let mut before = Before::start(scratch);
    let _ours = before.hand_over(scratch);
    for (name, pid) in before.supervises.clone() {
        kill(pid, "KILL");
        wait_for("a supervise of ours", || {
            supervise_of(scratch, &name).is_some_and(|now| now != pid) && scratch.is_running(&name)
        });
        before.is_untouched(scratch);
    }
    scratch.restart_logger("scan/a");
    before.no_line_is_missing(scratch);
    before.is_controlled(scratch);
    let expected = before.waiting_line.clone();
    assert_eq!(scratch.errors(), expected);
}

fn adopts_orphans(scratch: &Scratch) {
    let mut before = Before::start(scratch);
    for (_, pid) in &before.supervises {
        kill(*pid, "STOP");
    }
    kill(before.svscan.id(), "KILL");
    before.svscan.wait().unwrap();
    for (_, pid) in &before.supervises {
        kill(*pid, "KILL");
        wait_for("its end", || !is_alive(*pid));
    }
    let _ours = scratch.start("svscan", &["scan"]);
    for (name, _) in &before.supervises {
        wait_for("a supervise of ours", || scratch.is_running(name));
    }
    before.is_untouched(scratch);
    scratch.restart_logger("scan/a");
    before.no_line_is_missing(scratch);
    before.is_controlled(scratch);
    assert_eq!(scratch.errors(), "");
}

fn waits_for_a_doubtful_one(scratch: &Scratch) {
    // Its working directory is another one, and nothing in its environment shows where it was
    // started.
    let run = "echo $$ >>../../b.starts\ncd /\nexec env -u PWD -u OLDPWD sleep 1000";
    scratch.service("scan/b", run);
    let mut before = Before::start(scratch);
    wait_for("b", || scratch.lines("b.starts") == 1);
    let (pid, old) = (scratch.pid("scan/b"), supervise_of(scratch, "scan/b").unwrap());
    let _ours = before.hand_over(scratch);
    kill(old, "KILL");
    let line = format!(
        "supervise: warning: process {pid} may be the service of b, waiting until it is gone; \
         if it is another one, remove b/supervise/journal\n"
    );
    wait_for("its word", || scratch.errors().ends_with(&line));
    scratch.svc("-t", "scan/b");
    stays("one copy, untouched", SECOND * 2, || {
        is_alive(pid) && scratch.lines("b.starts") == 1 && scratch.pid("scan/b") == pid
    });
    kill(pid, "KILL");
    wait_for("a start", || scratch.lines("b.starts") == 2);
    assert_eq!(scratch.errors(), format!("{}{line}", before.waiting_line));
}

fn keeps_down(scratch: &Scratch) {
    let mut before = Before::start(scratch);
    scratch.svc("-d", "scan/a");
    wait_for("it to be down", || scratch.svstat("scan/a").starts_with("scan/a: down "));
    let _ours = before.hand_over(scratch);
    stays("being down", SECOND, || scratch.lines("a.starts") == 1);
    assert_eq!(supervise_of(scratch, "scan/a"), Some(before.supervises[0].1));
    scratch.svc("-u", "scan/a");
    wait_for("it to be up", || scratch.lines("a.starts") == 2);
}

fn boot(scratch: &Scratch) {
    let mut before = Before::start(scratch);
    let boot = scratch.start("svscanboot", &["scan"]);
    let child = |name: &str| before::children(boot.id(), name);
    let shown = || child("readproctitle").iter().any(|line| line.1.contains("waiting until it is"));
    wait_for("the word in the process list", shown);
    let svscan = child("svscan");
    assert_eq!(svscan.len(), 1);
    stays("that one svscan", SECOND * 2, || child("svscan") == svscan);
    before.is_untouched(scratch);
    kill(before.svscan.id(), "KILL");
    before.svscan.wait().unwrap();
    before::is_scanned(scratch);
    assert_eq!(child("svscan"), svscan);
    before.is_untouched(scratch);
    before.no_line_is_missing(scratch);
}
