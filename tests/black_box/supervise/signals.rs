//! The letters of `control` that are signals, and which process each reaches.

use super::{SECOND, note_signals, status_tail, stayer, supervise};
use crate::scratch::{Scratch, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::io::Write;

#[test]
fn every_signal_letter_sends_its_signal_to_the_process() {
    let scratch = Scratch::new();
    note_signals(&scratch, "HUP ALRM INT TERM");
    let _supervise = supervise(&scratch, "a");
    for (letter, name) in [("-h", "HUP"), ("-a", "ALRM"), ("-i", "INT"), ("-t", "TERM")] {
        wait_for("the traps", || scratch.read("seen").contains("ready"));
        scratch.svc(letter, "a");
        wait_for(name, || scratch.read("seen").lines().last() == Some(name));
    }
    let pid = scratch.pid("a");
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(')').next().unwrap().chars().nth(1).unwrap()
    };
    scratch.svc("-p", "a");
    wait_for("it to stop", || state() == 'T');
    assert!(scratch.svstat("a").contains(", paused"));
    scratch.svc("-c", "a");
    wait_for("it to go on", || state() != 'T');
    scratch.svc("-k", "a");
    wait_for("its death", || scratch.pid("a") != pid);
}

#[test]
fn signals_that_0_76_does_not_know_are_sent_to_the_process() {
    if !only_ours("supervise of 0.76 ignores 1, 2, q and w") {
        return;
    }
    let scratch = Scratch::new();
    note_signals(&scratch, "USR1 USR2 QUIT WINCH");
    let _supervise = supervise(&scratch, "a");
    wait_for("the traps", || scratch.read("seen").contains("ready"));
    let control = scratch.path().join("a/supervise/control");
    for (letter, name) in [("1", "USR1"), ("2", "USR2"), ("q", "QUIT"), ("w", "WINCH")] {
        // svc does not send the last of these.
        match letter {
            "w" => fs::write(&control, letter).unwrap(),
            _ => scratch.svc(&format!("-{letter}"), "a"),
        }
        wait_for(name, || scratch.read("seen").lines().last() == Some(name));
    }
}

#[test]
fn unknown_bytes_are_ignored() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    let before = scratch.pid("a");
    let control = scratch.path().join("a/supervise/control");
    fs::File::options().write(true).open(control).unwrap().write_all(b"\nzy\0 \xff").unwrap();
    scratch.svc("-p", "a");
    wait_for("the byte behind them", || status_tail(&scratch, "a") == (true, 1, b'u'));
    assert_eq!(scratch.pid("a"), before);
}

#[test]
fn a_signal_reaches_the_process_and_not_its_children() {
    let scratch = Scratch::new();
    scratch.script(
        "child",
        "trap 'echo child >>seen' HUP\necho ready >>seen\n\
                             while :; do sleep 0.05; done",
    );
    scratch.service(
        "a",
        "trap 'echo parent >>../seen' HUP\n(cd ..; exec ./child) &\nwhile :; do sleep 0.05; done",
    );
    let _supervise = supervise(&scratch, "a");
    wait_for("the child", || scratch.read("seen") == "ready\n");
    scratch.svc("-h", "a");
    wait_for("the parent's word", || scratch.read("seen").contains("parent"));
    stays("the child's silence", SECOND / 2, || scratch.read("seen") == "ready\nparent\n");
}

#[test]
fn signals_for_a_service_that_is_down_are_gone() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.write("a/down", b"");
    let _supervise = supervise(&scratch, "a");
    scratch.svc("-htk", "a");
    scratch.svc("-u", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let pid = scratch.pid("a");
    stays("the service", SECOND * 3 / 2, || is_alive(pid));
}

#[test]
fn a_stop_from_outside_is_no_pause() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    kill(scratch.pid("a"), "STOP");
    scratch.svc("-o", "a");
    wait_for("the letter behind it", || status_tail(&scratch, "a") == (true, 0, 0));
    assert!(!scratch.svstat("a").contains("paused"));
}
