//! A second svscanboot stands by and takes over.

use super::{boot, boot_by_an_init, child_named, child_once_there, children, stayer};
use crate::scratch::{Said, Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::io::Write;
use std::time::Duration;

#[test]
fn an_svscanboot_that_is_started_while_the_scan_is_being_stopped_starts_it_again() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service(
        "scan/a",
        "trap 'sleep 1; exit 0' TERM\necho $$ >>../../starts\nwhile :; do sleep 0.05; done",
    );
    let mut first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    wait_for("its supervise", || scratch.is_running("scan/a"));
    kill(first.id(), "TERM");
    wait_for("the stop", || scratch.svstat("scan/a").contains(", want down"));
    let _second = boot(&scratch, &[]);
    assert_eq!(end_of(&mut first).code(), Some(0));
    wait_for("the service again", || scratch.lines("starts") == 2);
}

#[test]
fn a_second_svscanboot_stands_by_and_takes_over_and_each_of_them_stops_the_scan() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    let mut second = boot(&scratch, &[]);
    assert_eq!(end_of(&mut boot(&scratch, &["--fallback"])).code(), Some(0));
    stays("standing by", Duration::from_secs(1), || children(second.id()).is_empty());
    // The leader is killed: its svscan and readproctitle live on, and are not started twice.
    let svscan = child_once_there(first.id(), "svscan ");
    let reader = child_once_there(first.id(), "readproctitle ");
    kill(first.id(), "KILL");
    end_of(&mut first);
    stays("watching", Duration::from_secs(1), || children(second.id()).is_empty());
    assert_eq!(end_of(&mut boot(&scratch, &["--fallback"])).code(), Some(0));
    // From here on the other svscanboot replaces what dies, on the same pipe.
    let pipe = |pid, number| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
    let messages = pipe(svscan, 2);
    kill(reader, "KILL");
    wait_for("another reader", || child_named(second.id(), "readproctitle ").is_some());
    let reader = child_once_there(second.id(), "readproctitle ");
    wait_for("the pipe to it", || pipe(reader, 0) == messages);
    kill(svscan, "KILL");
    wait_for("another svscan", || child_named(second.id(), "svscan ").is_some());
    let svscan = child_once_there(second.id(), "svscan ");
    wait_for("the pipe from it", || pipe(svscan, 2) == messages);
    assert_eq!(scratch.lines("starts"), 1);
    // TERM to a third one that an init started stops the scan of the second, which then waits on.
    if let Some(third) = boot_by_an_init(&scratch) {
        stays("standing by", Duration::from_secs(1), || children(third).is_empty());
        kill(third, "TERM");
        wait_for("its end", || !is_alive(third));
    } else {
        assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    }
    assert!(!scratch.is_running("scan/a"));
    wait_for("the reader's end of file", || children(second.id()).is_empty());
    stays("no new scan", Duration::from_secs(2), || {
        children(second.id()).is_empty() && second.try_wait().unwrap().is_none()
    });
    // A newly started svscanboot means that svscan is wanted again.
    let _fourth = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 2);
}

#[test]
fn an_svscanboot_that_is_started_behind_an_unread_request_to_stop_is_heard() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    let svscan = child_once_there(first.id(), "svscan ");
    kill(svscan, "STOP");
    let control = scratch.path().join("scan/.svscan/control");
    fs::File::options().write(true).open(control).unwrap().write_all(&[b't' | 0x80]).unwrap();
    let second = boot(&scratch, &[]);
    stays("standing by", Duration::from_millis(300), || children(second.id()).is_empty());
    kill(svscan, "CONT");
    // svscan makes the stop; then a new one is wanted.
    wait_for("the service again", || scratch.lines("starts") == 2);
    assert_ne!(child_named(first.id(), "svscan "), Some(svscan));
}

#[test]
fn term_to_a_stray_svscanboot_that_stands_by_ends_that_svscanboot_alone() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
    let mut stray = boot(&scratch, &[]);
    stays("standing by", Duration::from_millis(500), || children(stray.id()).is_empty());
    kill(stray.id(), "TERM");
    assert_eq!(end_of(&mut stray).code(), Some(0));
    stays("the scan", Duration::from_millis(500), || {
        scratch.is_running("scan/a") && first.try_wait().unwrap().is_none()
    });
    assert!(scratch.svstat("scan/a").contains(": up "));
    assert!(!scratch.path().join("scan/.svscan/stopped").exists());
}
