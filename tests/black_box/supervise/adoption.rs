//! The successor of a killed supervise, and what it makes of what it finds.

use super::{SECOND, left_down, murder, orphan, started, status_tail, stayer, supervise};
use crate::scratch::{Scratch, end_of, is_alive, kill, limit_files, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

#[test]
fn a_successor_adopts_the_running_service() {
    if !only_ours("0.76 starts a second copy") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = supervise(&scratch, "a");
    let pid = started(&scratch);
    let label = fs::read(scratch.path().join("a/supervise/status")).unwrap();
    murder(&mut first);
    assert_eq!(scratch.svstat("a"), "a: supervise not running\n");
    let mut second = supervise(&scratch, "a");
    assert_eq!(scratch.pid("a"), pid);
    assert_eq!(fs::read(scratch.path().join("a/supervise/status")).unwrap(), label);
    stays("one copy", SECOND * 3 / 2, || scratch.lines("starts") == 1);
    // Control bytes act as before, and when it dies it is started again.
    scratch.svc("-p", "a");
    wait_for("the pause", || status_tail(&scratch, "a") == (true, 1, b'u'));
    murder(&mut second);
    let _third = supervise(&scratch, "a");
    assert_eq!(status_tail(&scratch, "a"), (true, 1, b'u'));
    scratch.svc("-c", "a");
    let died = Instant::now();
    kill(pid, "KILL");
    wait_for("the restart", || scratch.lines("starts") == 2);
    assert!(died.elapsed() < SECOND * 2);
    assert_ne!(scratch.pid("a"), pid);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_session_of_the_service_s_own_is_no_kill_group() {
    if !only_ours("adoption") {
        return;
    }
    let scratch = Scratch::new();
    scratch.script("daemon", "sleep 1000 &\necho $! >>workers\nexec sleep 1001");
    scratch.service("a", "cd ..; exec setsid ./daemon");
    let mut first = supervise(&scratch, "a");
    wait_for("the worker", || scratch.lines("workers") == 1);
    murder(&mut first);
    let _second = supervise(&scratch, "a");
    kill(scratch.pid("a"), "KILL");
    wait_for("the restart", || scratch.lines("workers") == 2);
    let worker = scratch.read("workers").lines().next().unwrap().parse().unwrap();
    assert!(is_alive(worker), "killed without kill-group");
}

#[test]
fn a_group_left_by_a_service_that_died_unseen_is_ended_before_the_next_start() {
    if !only_ours("kill-group") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("a", "sleep 1000 &\necho $! >>../workers\nexec sleep 1001");
    scratch.write("a/kill-group", b"");
    let mut first = supervise(&scratch, "a");
    wait_for("the worker", || scratch.lines("workers") == 1);
    let service = scratch.pid("a");
    murder(&mut first);
    kill(service, "KILL");
    let _second = supervise(&scratch, "a");
    wait_for("the restart", || scratch.lines("workers") == 2);
    let worker = scratch.read("workers").lines().next().unwrap().parse().unwrap();
    wait_for("the worker's end by kill-group", || !is_alive(worker));
}

/// A service with `kill-group` that starts `worker` when there is a file `go`, after the death
/// of its supervise, and then dies too. Returns whether the worker lives when the next
/// supervise starts.
fn worker_of_an_unseen_end(scratch: &Scratch, worker: &str) -> bool {
    scratch.script("worker", &format!("{worker}\necho $$ >>$SCRATCH/workers\nexec sleep 1000"));
    scratch.directory_at("elsewhere");
    let wait = "until [ -e ../go ]; do sleep 0.02; done";
    scratch.service("a", &format!("echo $$ >>../starts\n{wait}\n../worker &\nexec sleep 1001"));
    scratch.write("a/kill-group", b"");
    let service = orphan(scratch);
    scratch.write("go", b"");
    wait_for("the worker", || scratch.lines("workers") == 1);
    kill(service, "KILL");
    // As long as it is not reaped, no other process has its number.
    let there = format!("/proc/{service}");
    wait_for("an init that reaps", || !std::path::Path::new(&there).exists());
    let _second = supervise(scratch, "a");
    wait_for("the restart", || scratch.lines("workers") == 2);
    let worker = scratch.read("workers").lines().next().unwrap().parse().unwrap();
    let expected = format!(
        "supervise: warning: unable to end process group {service}: \
         it may not be the one that the service of a left\n"
    );
    let is_named = scratch.errors() == expected;
    if !is_named {
        assert_eq!(scratch.errors(), "");
        wait_for("the worker's end", || !is_alive(worker));
    }
    is_named
}

#[test]
fn a_group_that_may_be_another_one_by_now_is_left_alone_and_named() {
    if !only_ours("kill-group") {
        return;
    }
    // All of the group began after the leader was last known alive: it may be a stranger's.
    assert!(worker_of_an_unseen_end(&Scratch::new(), "cd ../elsewhere"), "killed, or not named");
    // It works in the service directory: no stranger does.
    assert!(!worker_of_an_unseen_end(&Scratch::new(), "true"));
}

#[test]
fn want_of_descriptors_is_not_the_end_of_an_adopted_service() {
    if !only_ours("adoption") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let pid = orphan(&scratch);
    let second = supervise(&scratch, "a");
    limit_files(second.id(), 3);
    kill(second.id(), "CHLD");
    stays("no word of a start", SECOND, || !scratch.errors().contains("unable to fork"));
    limit_files(second.id(), 64);
    scratch.svc("-u", "a");
    stays("one copy", SECOND, || scratch.lines("starts") == 1);
    assert_eq!(scratch.pid("a"), pid);
}

#[test]
fn down_holds_over_a_kill_of_supervise_whatever_the_down_file_says() {
    if !only_ours("0.76 starts what was taken down") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    left_down(&scratch);
    let mut second = supervise(&scratch, "a");
    stays("being down", SECOND, || scratch.svstat("a").starts_with("a: down "));
    scratch.svc("-u", "a");
    scratch.pid("a");
    scratch.write("a/down", b"");
    kill(scratch.pid("a"), "STOP");
    murder(&mut second);
    let _third = supervise(&scratch, "a");
    assert!(scratch.svstat("a").starts_with("a: up "));
}

#[test]
fn after_x_a_supervise_starts_as_the_first() {
    if !only_ours("0.76 has no memory to lose") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = supervise(&scratch, "a");
    started(&scratch);
    scratch.svc("-dx", "a");
    assert_eq!(end_of(&mut first).code(), Some(0));
    let _second = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 2);
}

#[test]
fn a_service_that_died_unseen_is_started_again() {
    if !only_ours("adoption") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    kill(orphan(&scratch), "KILL");
    let _second = supervise(&scratch, "a");
    wait_for("the restart", || scratch.lines("starts") == 2);
}

#[test]
fn an_exit_that_was_asked_for_is_not_forgotten() {
    if !only_ours("adoption") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = supervise(&scratch, "a");
    let pid = started(&scratch);
    let journal = || fs::read(scratch.path().join("a/supervise/journal")).unwrap();
    let before = journal();
    scratch.svc("-x", "a");
    wait_for("the request to be recorded", || journal() != before);
    murder(&mut first);
    let mut second = supervise(&scratch, "a");
    kill(pid, "KILL");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 1);
}

/// Leaves a service behind as a killed supervise of 0.76 does: a status and no journal.
fn left_by_0_76(scratch: &Scratch, run: &str) -> u32 {
    scratch.service("a", run);
    let pid = orphan(scratch);
    fs::remove_file(scratch.path().join("a/supervise/journal")).unwrap();
    pid
}

#[test]
fn a_status_without_a_journal_adopts_what_surely_is_the_service() {
    if !only_ours("adoption") {
        return;
    }
    // It works in its directory; or it did when it was started.
    for run in ["exec sleep 1000", "exec env -C / PWD=$PWD sleep 1000"] {
        let scratch = Scratch::new();
        let pid = left_by_0_76(&scratch, &format!("echo $$ >>../starts\n{run}"));
        let _second = supervise(&scratch, "a");
        assert_eq!(scratch.pid("a"), pid);
        stays("one copy", SECOND, || scratch.lines("starts") == 1);
        scratch.svc("-d", "a");
        wait_for("its end", || !is_alive(pid));
        assert_eq!(scratch.errors(), "");
    }
}

#[test]
fn a_process_that_may_or_may_not_be_the_service_is_waited_for_and_not_touched() {
    if !only_ours("adoption") {
        return;
    }
    let scratch = Scratch::new();
    let run = "echo $$ >>../starts\ncd /; unset PWD OLDPWD; exec env -u PWD sleep 1000";
    let pid = left_by_0_76(&scratch, run);
    let _second = supervise(&scratch, "a");
    let expected = format!(
        "supervise: warning: process {pid} may be the service of a, waiting until it is gone; \
         if it is another one, remove a/supervise/journal\n"
    );
    assert_eq!(scratch.errors(), expected);
    scratch.svc("-t", "a");
    stays("the process", SECOND, || is_alive(pid) && scratch.lines("starts") == 1);
    kill(pid, "KILL");
    wait_for("a start", || scratch.lines("starts") == 2);
}

#[test]
fn a_status_that_others_can_write_adopts_no_process() {
    if !only_ours("adoption") {
        return;
    }
    let scratch = Scratch::new();
    let pid = left_by_0_76(&scratch, "echo $$ >>../starts\nexec sleep 1000");
    let mode = fs::Permissions::from_mode(0o666);
    fs::set_permissions(scratch.path().join("a/supervise/status"), mode).unwrap();
    let _second = supervise(&scratch, "a");
    wait_for("a start", || scratch.lines("starts") == 2);
    assert!(is_alive(pid));
}
