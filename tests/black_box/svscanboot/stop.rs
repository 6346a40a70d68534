//! The orderly stop: who asks for it, who waits for it, what hurries it.

use super::{boot, boot_by_an_init, child_once_there, stayer};
use crate::scratch::{Said, Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use daemontools_rs::sys::descriptor;
use std::fs;
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

#[test]
fn stop_waits_for_the_end_of_the_orderly_stop_and_the_scan_is_not_started_again() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    // Without an svscan there is nothing to stop; without a directory there is a message.
    scratch.directory_at("empty");
    assert_eq!(scratch.run("svscanboot", &["--stop", "empty"]), Said::exit(0));
    let line = "svscanboot: fatal: unable to open nowhere: file does not exist";
    assert_eq!(scratch.run("svscanboot", &["--stop", "nowhere"]), Said::complaint(111, line));
    scratch.service(
        "scan/a",
        "echo $$ >>../../starts\ntrap 'sleep 0.5; echo end >../../end; exit' TERM\n\
         echo ready >../../ready\nwhile :; do sleep 0.05; done",
    );
    let mut child = boot(&scratch, &[]);
    wait_for("the trap", || scratch.read("ready") == "ready\n");
    // Two at a time: the second one waits and does not hurry.
    let mut other = scratch.command("svscanboot").args(["--stop", "scan"]).spawn().unwrap();
    wait_for("the mark of the stop", || scratch.path().join("scan/.svscan/stopped").exists());
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    assert_eq!(scratch.read("end"), "end\n", "hurried, or not waited for");
    assert_eq!(end_of(&mut other).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
    stays("no new scan", Duration::from_secs(2), || {
        scratch.lines("starts") == 1 && child.try_wait().unwrap().is_none()
    });
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
}

#[test]
fn several_that_ask_for_the_stop_do_not_hurry_it() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service(
        "scan/a",
        "trap 'sleep 0.5; echo end >../../end; exit' TERM\n\
         echo ready >../../ready\nwhile :; do sleep 0.05; done",
    );
    let mut child = boot(&scratch, &[]);
    wait_for("the trap", || scratch.read("ready") == "ready\n");
    let standby = boot_by_an_init(&scratch);
    let svscan = child_once_there(child.id(), "svscan ");
    let control = fs::File::open(scratch.path().join("scan/.svscan/control")).unwrap();
    let waiting = || descriptor::waiting_bytes(control.as_fd());
    wait_for("svscan to have read what the standby said", || waiting() == Ok(0));
    // All requests that an init, its script and an admin may make at once, before svscan reads any
    // of them.
    kill(svscan, "STOP");
    let mut asking: Vec<_> = (0..2)
        .map(|_| scratch.command("svscanboot").args(["--stop", "scan"]).spawn().unwrap())
        .collect();
    kill(child.id(), "TERM");
    standby.iter().for_each(|&standby| kill(standby, "TERM"));
    let count = if standby.is_some() { 4 } else { 3 };
    wait_for("all to have asked", || waiting() == Ok(count));
    // While any process reads it, svscan counts as alive.
    drop(control);
    kill(svscan, "CONT");
    for asked in asking.iter_mut().chain([&mut child]) {
        assert_eq!(end_of(asked).code(), Some(0));
    }
    wait_for("the end of the standby", || standby.is_none_or(|standby| !is_alive(standby)));
    assert_eq!(scratch.read("end"), "end\n", "hurried");
}

#[test]
fn a_second_term_hurries_the_stop() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "trap '' TERM\necho up >../../up\nwhile :; do sleep 1; done");
    let mut child = boot(&scratch, &[]);
    wait_for("the service", || scratch.read("up") == "up\n");
    kill(child.id(), "TERM");
    wait_for("the first TERM to act", || scratch.svstat("scan/a").contains(", want down"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
}

#[test]
fn pwr_stops_any_svscan_in_order() {
    if !only_ours("PWR kills 0.76") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("scan");
    let mut svscan = scratch.start("svscan", &["scan"]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
    kill(svscan.id(), "PWR");
    assert_eq!(end_of(&mut svscan).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
    assert!(scratch.path().join("scan/.svscan/stopped").exists());
}

#[test]
fn a_second_pwr_of_the_same_sender_hurries_the_stop() {
    if !only_ours("PWR kills 0.76") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "trap '' TERM\necho up >../../up\nwhile :; do sleep 1; done");
    let mut svscan = scratch.start("svscan", &["scan"]);
    wait_for("the service", || scratch.read("up") == "up\n");
    let pwr = format!("kill -PWR {}", svscan.id());
    let sent_by_another =
        || assert!(Command::new("sh").args(["-c", &pwr]).status().unwrap().success());
    sent_by_another();
    wait_for("the first PWR to act", || scratch.svstat("scan/a").contains(", want down"));
    sent_by_another();
    stays("not hurried", Duration::from_secs(1), || svscan.try_wait().unwrap().is_none());
    kill(svscan.id(), "PWR");
    stays("not hurried", Duration::from_secs(1), || svscan.try_wait().unwrap().is_none());
    kill(svscan.id(), "PWR");
    assert_eq!(end_of(&mut svscan).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
}

#[test]
fn a_stop_whose_mark_could_not_be_written_whole_lasts_until_svscan_is_wanted_again() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
    // Of the mark's bytes only the first few can be written, as on a full disk.
    let svscan = child_once_there(child.id(), "svscan ");
    let limit = Command::new("prlimit").args(["--fsize=16", "--pid", &svscan.to_string()]).status();
    assert!(limit.unwrap().success());
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    let mark = scratch.path().join("scan/.svscan/stopped");
    stays("no new scan", Duration::from_millis(1500), || {
        scratch.lines("starts") == 1 && child.try_wait().unwrap().is_none()
    });
    assert_eq!(fs::metadata(&mark).unwrap().len(), 16);
    let _second = boot(&scratch, &[]);
    wait_for("the service again", || scratch.lines("starts") == 2);
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
}
