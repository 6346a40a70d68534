//! How soon a new service starts, and a supervise that was killed is replaced.

use super::{SECOND, starts, stayer, supervises, svscan, up};
use crate::scratch::{Said, Scratch, end_of, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

fn median_of_links(scratch: &Scratch, count: usize) -> Duration {
    let mut times: Vec<Duration> = (0..count)
        .map(|number| {
            let name = format!("late{number}");
            stayer(scratch, &name);
            let begun = Instant::now();
            symlink(format!("../{name}"), scratch.path().join("scan").join(&name)).unwrap();
            wait_for("the start", || starts(scratch, &name) == 1);
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[count / 2]
}

#[test]
fn a_link_or_a_renamed_directory_starts_at_once() {
    if !only_ours("0.76 looks every five seconds") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/first");
    let _svscan = svscan(&scratch);
    up(&scratch, "first");
    assert!(median_of_links(&scratch, 5) < SECOND);
    stayer(&scratch, "moved");
    let begun = Instant::now();
    fs::rename(scratch.path().join("moved"), scratch.path().join("scan/moved")).unwrap();
    wait_for("the start", || starts(&scratch, "moved") == 1);
    assert!(begun.elapsed() < SECOND);
}

#[test]
fn a_directory_made_in_place_starts_when_it_is_complete_with_its_logger() {
    if !only_ours("0.76 looks every five seconds") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/first");
    let _svscan = svscan(&scratch);
    up(&scratch, "first");
    scratch.directory_at("scan/a");
    stays("nothing without run", SECOND / 2, || !scratch.is_running("scan/a"));
    let begun = Instant::now();
    stayer(&scratch, "scan/a");
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    wait_for("the start", || starts(&scratch, "a") == 1);
    assert!(begun.elapsed() < SECOND * 2, "after {:?}", begun.elapsed());
    wait_for("its logger", || scratch.is_running("scan/a/log"));
}

#[test]
fn a_directory_without_run_is_started_after_five_seconds_all_the_same() {
    let scratch = Scratch::new();
    let _svscan = svscan(&scratch);
    stayer(&scratch, "scan/first");
    up(&scratch, "first");
    scratch.directory_at("scan/empty");
    let begun = Instant::now();
    wait_for("its supervise", || scratch.is_running("scan/empty"));
    assert!(begun.elapsed() < SECOND * 6);
    wait_for("its word", || {
        scratch.errors().contains("unable to start empty/run: file does not exist")
    });
}

#[test]
fn a_killed_supervise_is_replaced_at_once_and_adopts() {
    if !only_ours("0.76 waits for its next pass and runs a second copy") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    let service = scratch.pid("scan/a");
    for _ in 0..3 {
        let supervise = supervises(child.id())[0];
        kill(supervise, "KILL");
        let begun = Instant::now();
        wait_for("another", || {
            supervises(child.id()).first().is_some_and(|pid| *pid != supervise)
                && scratch.is_running("scan/a")
        });
        assert!(begun.elapsed() < SECOND * 2, "after {:?}", begun.elapsed());
        assert_eq!(scratch.pid("scan/a"), service);
    }
    assert_eq!((starts(&scratch, "a"), scratch.errors()), (1, String::new()));
}

#[test]
fn a_second_svscan_is_refused_and_a_successor_adopts_in_silence() {
    if !only_ours("0.76 has no lock on the scan directory") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let mut first = svscan(&scratch);
    up(&scratch, "a");
    let line = format!(
        "svscan: fatal: unable to acquire scan/.svscan/lock, another svscan (pid {}) has it: \
         temporary failure",
        first.id()
    );
    assert_eq!(scratch.run("svscan", &["scan"]), Said::complaint(111, &line));
    kill(first.id(), "KILL");
    end_of(&mut first);
    let second = svscan(&scratch);
    stayer(&scratch, "scan/b");
    up(&scratch, "b");
    assert_eq!(supervises(second.id()).len(), 1, "a's supervise is not ours to start");
    scratch.svc("-dx", "scan/a");
    wait_for("a new supervise for a", || starts(&scratch, "a") == 2);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_killed_supervise_that_was_adopted_is_replaced_at_once_though_its_service_is_down() {
    if !only_ours("0.76 waits for its next pass") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    scratch.write("scan/a/down", b"");
    let mut first = svscan(&scratch);
    wait_for("its supervise", || scratch.is_running("scan/a"));
    let supervise = supervises(first.id())[0];
    kill(first.id(), "KILL");
    end_of(&mut first);
    let second = svscan(&scratch);
    stayer(&scratch, "scan/b");
    up(&scratch, "b");
    kill(supervise, "KILL");
    let begun = Instant::now();
    wait_for("another", || supervises(second.id()).len() == 2 && scratch.is_running("scan/a"));
    assert!(begun.elapsed() < SECOND * 3 / 2, "after {:?}", begun.elapsed());
    assert_eq!((starts(&scratch, "a"), scratch.errors()), (0, String::new()));
}
