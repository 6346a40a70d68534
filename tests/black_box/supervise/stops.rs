//! How the service and supervise are stopped: down, exit, kill-group, down-signal, timeout-kill.

use super::{SECOND, status_tail, stayer, supervise, wait_for_status};
use crate::scratch::{Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::time::{Duration, Instant};

#[test]
fn down_is_down_and_up_is_up_again() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    assert!(scratch.svstat("a").ends_with("seconds, normally up\n"));
    stays("being down", SECOND * 3 / 2, || scratch.svstat("a").starts_with("a: down "));
    scratch.svc("-u", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: up "));
    wait_for("the second start", || scratch.lines("starts") == 2);
}

#[test]
fn exit_waits_for_the_service_and_leaves_with_0() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    scratch.svc("-x", "a");
    // 0.76 sees the byte a second after the start.
    stays("supervise waiting", SECOND * 3 / 2, || child.try_wait().unwrap().is_none());
    kill(pid, "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!scratch.is_running("a"));
    assert_eq!(scratch.lines("starts"), 1);
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'u'));
}

#[test]
fn down_is_asked_for_with_term_and_never_with_kill() {
    let scratch = Scratch::new();
    scratch.service("a", "trap '' TERM\necho $$ >>../starts\nwhile :; do sleep 0.1; done");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let pid = scratch.pid("a");
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.ends_with(", want down\n"));
    stays("the service", SECOND * 2, || is_alive(pid));
    assert_eq!(status_tail(&scratch, "a"), (true, 0, b'd'));
}

#[test]
fn exit_while_down_is_at_once_and_every_file_stays() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.write("a/down", b"");
    let mut child = supervise(&scratch, "a");
    scratch.svc("-x", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    for name in ["lock", "control", "ok", "status"] {
        assert!(scratch.path().join("a/supervise").join(name).exists(), "{name}");
    }
    assert!(!scratch.is_running("a"));
    assert_eq!(scratch.svstat("a"), "a: supervise not running\n");
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'd'));
}

#[test]
fn a_control_byte_acts_within_the_second_after_a_start() {
    if !only_ours("0.76 is deaf for a second after each start") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let asked = Instant::now();
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    assert!(asked.elapsed() < SECOND / 2, "it took {:?}", asked.elapsed());
    // And up again within that second: the start waits for its end.
    scratch.svc("-u", "a");
    wait_for("the second start", || scratch.lines("starts") == 2);
}

#[test]
fn what_is_left_of_the_group_is_killed_only_with_kill_group() {
    if !only_ours("kill-group") {
        return;
    }
    let scratch = Scratch::new();
    let run = "sleep 1000 &\necho $! >>../workers\nexec sleep 1001";
    let is_alive = |pid: &str| is_alive(pid.parse().unwrap());
    scratch.service("a", run);
    let _supervise = supervise(&scratch, "a");
    let restart = |count| {
        wait_for("the worker", || scratch.lines("workers") == count);
        kill(scratch.pid("a"), "KILL");
        wait_for("the restart", || scratch.lines("workers") == count + 1);
        let workers = scratch.read("workers");
        is_alive(workers.lines().nth(count - 1).unwrap())
    };
    assert!(restart(1), "without the file a worker is left alone");
    scratch.write("a/kill-group", b"");
    // Read at a start: the next process leads a session of its own.
    restart(2);
    assert!(!restart(3), "with the file it goes before the next start");
    // svc -d leaves the rest of the group alone, svc -k after it does not.
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    let workers = scratch.read("workers");
    let last = workers.lines().last().unwrap().to_owned();
    assert!(is_alive(&last));
    scratch.svc("-k", "a");
    wait_for("the worker's death", || !is_alive(&last));
}

#[test]
fn down_signal_and_timeout_kill_have_their_say() {
    if !only_ours("down-signal and timeout-kill") {
        return;
    }
    let scratch = Scratch::new();
    let run = "trap 'echo QUIT >>../seen' QUIT\ntrap 'echo TERM >>../seen' TERM\n\
               echo ready >>../seen\nwhile :; do sleep 0.05; done";
    scratch.service("a", run);
    scratch.write("a/down-signal", b"QUIT\n");
    scratch.write("a/timeout-kill", b"700\n");
    let mut child = supervise(&scratch, "a");
    wait_for("the traps", || scratch.lines("seen") == 1);
    let asked = Instant::now();
    scratch.svc("-d", "a");
    wait_for("QUIT", || scratch.read("seen") == "ready\nQUIT\n");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    let took = asked.elapsed();
    assert!(took > Duration::from_millis(650) && took < SECOND * 2, "{took:?}");
    // u ends the time limit; the successor of a killed supervise keeps it.
    scratch.svc("-u", "a");
    wait_for("the traps", || scratch.lines("seen") == 3);
    let pid = scratch.pid("a");
    scratch.svc("-d", "a");
    scratch.svc("-u", "a");
    stays("the process", SECOND, || is_alive(pid));
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.contains(", want down"));
    kill(child.id(), "KILL");
    end_of(&mut child);
    let _successor = supervise(&scratch, "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    // For invalid contents there is a warning; then TERM is sent, and there is no limit.
    scratch.write("a/down-signal", b"SIGFOO\n");
    scratch.write("a/timeout-kill", b"soon\n");
    scratch.svc("-u", "a");
    wait_for("the traps", || scratch.read("seen").ends_with("ready\n"));
    let before = scratch.errors();
    scratch.svc("-d", "a");
    wait_for("TERM", || scratch.read("seen").ends_with("TERM\n"));
    let expected = "supervise: warning: unable to read a/down-signal, using TERM: \
                    invalid argument\n\
                    supervise: warning: unable to read a/timeout-kill: invalid argument\n";
    wait_for("the warnings", || scratch.errors() == format!("{before}{expected}"));
}

#[test]
fn term_ends_supervise_and_leaves_the_service_running() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    kill(child.id(), "TERM");
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(end_of(&mut child).signal(), Some(15));
    assert!(is_alive(pid));
}
