//! When and how the service is started: at once, a second apart, again, and with what.

use super::{SECOND, status_tail, stayer, supervise, wait_for_status};
use crate::scratch::{Said, Scratch, end_of, kill, limit_files, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

#[test]
fn nothing_is_started_if_ok_cannot_be_made() {
    if !only_ours("0.76 takes anything for a FIFO") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("a/supervise/ok");
    let expected = "supervise: fatal: unable to read a/supervise/ok: file already exists";
    assert_eq!(scratch.run("supervise", &["a"]), Said::complaint(111, expected));
    assert!(!status_tail(&scratch, "a").0, "a process is published");
    assert_eq!(scratch.lines("starts"), 0);
}

#[test]
fn a_down_file_of_any_kind_means_down_at_the_start() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("a/down");
    let _supervise = supervise(&scratch, "a");
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'd'));
    scratch.svc("-u", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    assert!(scratch.svstat("a").contains(", normally down"));
}

#[test]
fn a_service_comes_back_when_it_dies_and_at_once_if_it_ran_over_a_second() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    let first = scratch.pid("a");
    wait_for("a second of service", || !scratch.svstat("a").contains(") 0 seconds"));
    wait_for("a second second", || !scratch.svstat("a").contains(") 1 seconds"));
    let died = Instant::now();
    kill(first, "KILL");
    wait_for("the restart", || scratch.lines("starts") == 2);
    assert!(died.elapsed() < SECOND / 2, "it took {:?}", died.elapsed());
    assert_ne!(scratch.pid("a"), first);
}

#[test]
fn starts_stay_a_second_apart() {
    let scratch = Scratch::new();
    scratch.service("a", "date +%s%N >>../starts");
    let _supervise = supervise(&scratch, "a");
    wait_for("four starts", || scratch.lines("starts") >= 4);
    let starts: Vec<u64> =
        scratch.read("starts").lines().map(|line| line.parse().unwrap()).collect();
    for pair in starts.windows(2) {
        let apart = Duration::from_nanos(pair[1] - pair[0]);
        // The shell and date take a while of their own before they look at the clock.
        assert!(apart > Duration::from_millis(900), "{apart:?}");
        assert!(apart < Duration::from_millis(1900), "{apart:?}");
    }
}

#[test]
fn a_run_that_cannot_be_started_is_named_once_a_second() {
    let scratch = Scratch::new();
    scratch.directory_at("none");
    scratch.directory_at("closed");
    scratch.write("closed/run", b"#!/bin/sh\n");
    scratch.directory_at("lost");
    scratch.write("lost/run", b"#!/none\n");
    scratch.directory_at("odd");
    scratch.write("odd/run", b"");
    for name in ["lost/run", "odd/run"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(scratch.path().join(name), mode).unwrap();
    }
    let begun = Instant::now();
    for name in ["none", "closed", "lost", "odd"] {
        drop(scratch.start("supervise", &[name]));
    }
    let lines = [
        "supervise: fatal: unable to start none/run: file does not exist",
        "supervise: fatal: unable to start closed/run: access denied",
        "supervise: fatal: unable to start lost/run: file does not exist",
        "supervise: fatal: unable to start odd/run: exec format error",
    ];
    let count = |line: &str| scratch.errors().lines().filter(|said| *said == line).count();
    wait_for("three tries of each", || lines.iter().all(|line| count(line) >= 3));
    let most = begun.elapsed().as_secs() + 2;
    assert!(lines.iter().all(|line| count(line) as u64 <= most), "a storm: {}", scratch.errors());
}

#[test]
fn once_is_once() {
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    scratch.write("a/down", b"");
    let _supervise = supervise(&scratch, "a");
    scratch.svc("-o", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    stays("one start", SECOND * 3 / 2, || scratch.lines("starts") == 1);
    scratch.svc("-o", "a");
    wait_for("another one", || scratch.lines("starts") == 2);
    // While the service runs, it only cancels the restart.
    scratch.service("b", "echo $$ >>../b-starts\nexec sleep 1000");
    let _supervise = supervise(&scratch, "b");
    wait_for("its start", || scratch.lines("b-starts") == 1);
    scratch.svc("-o", "b");
    wait_for("it to be seen", || status_tail(&scratch, "b").2 == 0);
    kill(scratch.pid("b"), "KILL");
    wait_for_status(&scratch, "b", |line| line.starts_with("b: down "));
    stays("one start", SECOND * 3 / 2, || scratch.lines("b-starts") == 1);
}

#[test]
fn run_is_called_as_dot_run_from_its_directory_with_the_environment_of_supervise() {
    let scratch = Scratch::new();
    scratch.service("a", "echo \"$0 $# $(pwd -P) $MARK\" >../said\nexec sleep 1000");
    let _supervise = scratch.command("supervise").arg("a").env("MARK", "mark").spawn().unwrap();
    let directory = fs::canonicalize(scratch.path().join("a")).unwrap();
    let expected = format!("./run 0 {} mark\n", directory.display());
    wait_for("the service's word", || scratch.read("said") == expected);
}

#[test]
fn a_down_file_made_later_counts_for_svstat_and_the_next_supervise_only() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    scratch.write("a/down", b"");
    kill(scratch.pid("a"), "KILL");
    wait_for("the restart", || scratch.lines("starts") == 2);
    wait_for_status(&scratch, "a", |line| line.ends_with(", normally down\n"));
    scratch.svc("-dx", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    let _next = supervise(&scratch, "a");
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'd'));
    assert_eq!(scratch.lines("starts"), 2);
}

#[test]
fn once_and_exit_in_one_piece_runs_once_and_leaves() {
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    scratch.write("a/down", b"");
    let mut child = supervise(&scratch, "a");
    scratch.svc("-o", "a");
    wait_for("the first run", || scratch.lines("starts") == 1);
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    // Within the second after that start.
    scratch.svc("-ox", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 2);
}

#[test]
fn a_child_from_before_its_exec_is_reaped() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.script("start", "sleep 0.2 &\necho $! >stranger\nexec supervise a");
    let path = scratch.path().join("start");
    let environment = scratch.command("supervise");
    let mut command = std::process::Command::new(path);
    command.current_dir(scratch.path());
    for (name, value) in environment.get_envs() {
        command.env(name, value.unwrap());
    }
    let _supervise = command.spawn().unwrap();
    wait_for("the start", || scratch.lines("starts") == 1);
    let stranger = scratch.read("stranger").trim().to_owned();
    wait_for("the stranger to be reaped", || !fs::exists(format!("/proc/{stranger}")).unwrap());
}

#[test]
fn a_service_gets_nothing_of_ours() {
    let scratch = Scratch::new();
    scratch.service(
        "a",
        "ls -l /proc/self/fd >../fds.new\nmv ../fds.new ../fds\n\
         cat /proc/self/status >../signals.new\n\
         mv ../signals.new ../signals\nexec sleep 1000",
    );
    let _supervise = supervise(&scratch, "a");
    wait_for("the service's word", || !scratch.read("signals").is_empty());
    let fds = scratch.read("fds");
    // Descriptors that the test itself inherited are passed on.
    let given: Vec<_> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .collect();
    for target in fds.lines().filter_map(|line| line.split(" -> ").nth(1)) {
        let is_ours = ["/supervise", "pipe:", "anon_inode:"].iter().any(|s| target.contains(s));
        assert!(!is_ours || given.iter().any(|path| path.ends_with(target)), "{fds}");
    }
    if only_ours("0.76 hands on an inherited \"ignore\"") {
        let status = scratch.read("signals");
        let signals = |line: &&str| ["SigBlk", "SigIgn", "SigCgt"].contains(&&line[..6]);
        assert_eq!(status.lines().filter(|line| line.len() > 6).filter(signals).count(), 3);
        for line in status.lines().filter(|line| line.len() > 6).filter(signals) {
            assert!(line.ends_with("0000000000000000"), "{line}");
        }
    }
}

#[test]
fn x_and_o_drop_a_restart_that_is_pending() {
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    let mut child = supervise(&scratch, "a");
    // At the second start everything is in place, and the third one comes a second later.
    let pending = |count| wait_for("a start", || scratch.lines("starts") == count);
    pending(2);
    scratch.svc("-o", "a");
    stays("no restart", SECOND * 3 / 2, || scratch.lines("starts") == 2);
    assert_eq!(status_tail(&scratch, "a"), (false, 0, 0));
    scratch.svc("-o", "a");
    pending(3);
    stays("one start", SECOND * 3 / 2, || scratch.lines("starts") == 3);
    scratch.svc("-u", "a");
    pending(5);
    scratch.svc("-x", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 5);
}

#[test]
fn a_start_that_was_asked_for_since_the_end_is_kept() {
    if !only_ours("0.76 counts the service as up for the second after a start") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    let mut child = supervise(&scratch, "a");
    wait_for("two starts", || scratch.lines("starts") == 2);
    wait_for("the end", || !status_tail(&scratch, "a").0);
    scratch.svc("-ux", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 3);
}

#[test]
fn a_failed_fork_pauses_and_u_tries_again_at_once() {
    if !only_ours("0.76 is deaf for the 60 seconds") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.write("a/down", b"");
    let child = supervise(&scratch, "a");
    limit_files(child.id(), 3);
    scratch.svc("-u", "a");
    let line = |seconds| {
        format!(
            "supervise: warning: unable to fork for a, sleeping {seconds} seconds: \
             process cannot open more files\n"
        )
    };
    // Writing a status needs a descriptor as well: there is a warning for that too.
    wait_for("the warning", || scratch.errors().contains(&line(1)));
    assert!(scratch.errors().contains("unable to open a/supervise/status.new: "));
    wait_for("the next try", || scratch.errors().contains(&line(2)));
    scratch.svc("-u", "a");
    wait_for("one at once", || scratch.errors().contains(&line(4)));
    limit_files(child.id(), 64);
    scratch.svc("-u", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
}
