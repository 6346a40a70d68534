//! The pipes from services to their loggers: they outlive svscan, supervise, service and logger.

use super::{SECOND, supervises, svscan};
use crate::scratch::{Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn service_and_logger_are_joined_by_a_pipe_that_outlives_both() {
    let scratch = Scratch::new();
    scratch.service("scan/a", "i=0\nwhile :; do i=$((i+1)); echo line $i; sleep 0.01; done");
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    let _svscan = svscan(&scratch);
    wait_for("the first lines", || scratch.lines("log.txt") > 5);
    // A new logger reads on in the same pipe.
    scratch.restart_logger("scan/a");
    let so_far = scratch.lines("log.txt");
    wait_for("more lines", || scratch.lines("log.txt") > so_far + 5);
    let text = scratch.read("log.txt");
    for (index, line) in text.lines().enumerate() {
        assert_eq!(line, format!("line {}", index + 1));
    }
    let pid = scratch.pid("scan/a");
    let pipe = |pid, number| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
    assert_eq!(pipe(pid, 1), pipe(scratch.pid("scan/a/log"), 0));
}

/// A service that counts, and a logger that writes what it counts.
fn counting(scratch: &Scratch) {
    scratch.service("scan/a", "i=0\nwhile :; do i=$((i+1)); echo line $i; sleep 0.002; done");
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
}

fn supervises_of(scratch: &Scratch) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap().path();
        let is_ours = fs::read_link(entry.join("cwd"))
            .is_ok_and(|cwd| cwd.starts_with(scratch.path().join("scan/a")));
        let name = fs::read_to_string(entry.join("comm")).unwrap_or_default();
        if is_ours && name == "supervise\n" {
            found.push(entry.file_name().unwrap().to_str().unwrap().parse().unwrap());
        }
    }
    found
}

fn no_line_is_missing(scratch: &Scratch) {
    let so_far = scratch.lines("log.txt");
    wait_for("more lines", || scratch.lines("log.txt") > so_far + 50);
    for (index, line) in scratch.read("log.txt").lines().enumerate() {
        assert_eq!(line, format!("line {}", index + 1));
    }
}

#[test]
fn a_log_pipe_may_be_opened_to_write_by_any_user_and_to_read_by_its_owner_alone() {
    if !only_ours("a pipe is its owner's alone") {
        return;
    }
    let scratch = Scratch::new();
    // As root, a service that changes its user; otherwise it runs as our user.
    let to_another = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    let as_user = if nix::unistd::geteuid().is_root() { to_another } else { "" };
    let run = format!("exec {as_user} sh -c 'echo words >/dev/stdout; exec sleep 1000'");
    scratch.service("scan/a", &run);
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    let _svscan = svscan(&scratch);
    wait_for("the words", || scratch.read("log.txt") == "words\n");
    let pipe = format!("/proc/{}/fd/1", scratch.pid("scan/a"));
    assert_eq!(fs::metadata(pipe).unwrap().permissions().mode() & 0o777, 0o622);
}

#[test]
fn a_new_svscan_takes_over_the_pipe_also_if_supervises_or_the_logger_died_with_the_old_one() {
    if !only_ours("0.76 makes a new pipe, and what was in the old one is lost") {
        return;
    }
    // Kills svscan alone, then with both supervises, then with the logger's own process.
    for (supervises_too, logger_too) in [(false, false), (true, false), (false, true)] {
        let scratch = Scratch::new();
        counting(&scratch);
        let mut first = svscan(&scratch);
        wait_for("the first lines", || scratch.lines("log.txt") > 50);
        let (service, logger) = (scratch.pid("scan/a"), scratch.pid("scan/a/log"));
        kill(first.id(), "KILL");
        end_of(&mut first);
        if supervises_too {
            supervises_of(&scratch).into_iter().for_each(|pid| kill(pid, "KILL"));
        }
        if logger_too {
            scratch.pause_until_written("scan/a");
            kill(logger, "KILL");
        }
        let second = svscan(&scratch);
        wait_for("both supervises", || {
            scratch.is_running("scan/a") && scratch.is_running("scan/a/log")
        });
        if logger_too {
            wait_for("another logger", || scratch.pid("scan/a/log") != logger);
            scratch.svc("-c", "scan/a");
        }
        assert_eq!(scratch.pid("scan/a"), service);
        no_line_is_missing(&scratch);
        // From here on a restart of either end works as usual.
        let old = supervises_of(&scratch);
        old.iter().for_each(|pid| kill(*pid, "KILL"));
        // An old supervise may not be dead yet, and bytes sent to it are lost.
        wait_for("new supervises of the new svscan", || {
            let new = supervises(second.id());
            new.len() == 2
                && !new.iter().any(|pid| old.contains(pid))
                && scratch.is_running("scan/a")
                && scratch.is_running("scan/a/log")
        });
        scratch.restart_logger("scan/a");
        no_line_is_missing(&scratch);
        assert_eq!((scratch.pid("scan/a"), scratch.errors()), (service, String::new()));
    }
}

/// The supervise that works in this service directory.
fn supervise_in(scratch: &Scratch, name: &str) -> u32 {
    let directory = scratch.path().join(name);
    let works_there = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).unwrap() == directory;
    supervises_of(scratch).into_iter().find(works_there).unwrap()
}

/// Kills a supervise, and then what it supervised.
fn kill_with_supervise(scratch: &Scratch, name: &str) {
    let supervise = supervise_in(scratch, name);
    let service = scratch.pid(name);
    for pid in [supervise, service] {
        kill(pid, "KILL");
        wait_for("its end", || !is_alive(pid));
    }
}

#[test]
fn one_supervise_keeps_the_log_pipe_alone() {
    if !only_ours("0.76's supervise holds no pipe for others") {
        return;
    }
    for (killed, spared) in [("scan/a/log", "scan/a"), ("scan/a", "scan/a/log")] {
        let scratch = Scratch::new();
        counting(&scratch);
        let mut first = svscan(&scratch);
        wait_for("the first lines", || scratch.lines("log.txt") > 50);
        let stays_up = scratch.pid(spared);
        kill(first.id(), "KILL");
        end_of(&mut first);
        // Of all processes that could have the other end open, only one supervise is left.
        scratch.pause_until_written("scan/a");
        kill_with_supervise(&scratch, killed);
        scratch.svc("-c", spared);
        stays("the other one", SECOND / 2, || scratch.pid(spared) == stays_up);
        // It keeps it in its next images too, without a moment in between.
        let supervise = supervise_in(&scratch, spared);
        for _ in 0..5 {
            kill(supervise, "HUP");
            stays("the other one", SECOND / 5, || scratch.pid(spared) == stays_up);
        }
        let environment = fs::read(format!("/proc/{supervise}/environ")).unwrap();
        let handed_over = b"from_service=".as_slice();
        let handed_over = if spared == "scan/a" { b"to_logger=".as_slice() } else { handed_over };
        let is_new = environment.windows(handed_over.len()).any(|part| part == handed_over);
        assert!(is_new, "{}", String::from_utf8_lossy(&environment));
        let so_far = scratch.lines("log.txt");
        let _second = svscan(&scratch);
        wait_for("more lines", || scratch.lines("log.txt") > so_far + 50);
        assert_eq!((scratch.pid(spared), scratch.errors()), (stays_up, String::new()));
        if killed == "scan/a/log" {
            no_line_is_missing(&scratch);
        }
    }
}
