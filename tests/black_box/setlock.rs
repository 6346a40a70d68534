//! setlock, contract.md, section 17.

use crate::scratch::{Said, Scratch, end_of, stays, wait_for};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

const USAGE: &str = "setlock: usage: setlock [ -nNxX ] file program [ arg ... ]";

/// A process that holds the lock on `f` until `go` exists.
fn holder(scratch: &Scratch) -> std::process::Child {
    let hold = ": >held; until [ -e go ]; do sleep 0.01; done";
    let child = scratch.start("setlock", &["f", "sh", "-c", hold]);
    wait_for("the lock to be held", || scratch.path().join("held").exists());
    child
}

#[test]
fn wrong_use_prints_the_usage() {
    let scratch = Scratch::new();
    let usage = Said::complaint(100, USAGE);
    for arguments in [&[][..], &["f"], &["-n", "f"], &["--", "f"]] {
        assert_eq!(scratch.run("setlock", arguments), usage, "{arguments:?}");
    }
    let expected = Said::complaint(100, &format!("setlock: illegal option -- q\n{USAGE}"));
    assert_eq!(scratch.run("setlock", &["-nq", "f", "true"]), expected);
    assert!(!scratch.path().join("f").exists());
}

#[test]
fn the_file_is_made_or_left_as_it_is() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("setlock", &["f", "echo", "ran"]), Said::text("ran\n"));
    let facts = fs::metadata(scratch.path().join("f")).unwrap();
    assert_eq!((facts.len(), facts.permissions().mode() & 0o7777), (0, 0o600));
    scratch.write("g", b"text");
    symlink("g", scratch.path().join("link")).unwrap();
    assert_eq!(scratch.run("setlock", &["link", "true"]), Said::exit(0));
    assert_eq!(scratch.read("g"), "text");
}

#[test]
fn a_held_lock_is_waited_for_or_not() {
    let scratch = Scratch::new();
    let mut first = holder(&scratch);
    let held = Said::complaint(111, "setlock: fatal: unable to lock f: temporary failure");
    assert_eq!(scratch.run("setlock", &["-n", "f", "echo", "ran"]), held);
    assert_eq!(scratch.run("setlock", &["-xnX", "f", "echo", "ran"]), held);
    assert_eq!(scratch.run("setlock", &["-nx", "f", "echo", "ran"]), Said::exit(0));
    let mut second = scratch.start("setlock", &["-nN", "f", "touch", "second"]);
    let ran = || scratch.path().join("second").exists();
    stays("the wait", Duration::from_millis(200), || !ran());
    scratch.write("go", b"");
    assert!(end_of(&mut first).success());
    assert!(end_of(&mut second).success());
    assert!(ran());
}

#[test]
fn what_is_left_behind_holds_the_lock() {
    let scratch = Scratch::new();
    let leave = "(until [ -e go ]; do sleep 0.01; done) </dev/null >/dev/null 2>&1 &";
    assert_eq!(scratch.run("setlock", &["f", "sh", "-c", leave]), Said::exit(0));
    let held = Said::complaint(111, "setlock: fatal: unable to lock f: temporary failure");
    assert_eq!(scratch.run("setlock", &["-n", "f", "true"]), held);
    scratch.write("go", b"");
    assert_eq!(scratch.run("setlock", &["f", "true"]), Said::exit(0));
}

#[test]
fn a_file_that_cannot_be_opened_is_named_or_passed_over() {
    let scratch = Scratch::new();
    let expected = Said::complaint(111, "setlock: fatal: unable to open no/f: file does not exist");
    assert_eq!(scratch.run("setlock", &["no/f", "echo", "ran"]), expected);
    assert_eq!(scratch.run("setlock", &["-x", "no/f", "echo", "ran"]), Said::exit(0));
    let expected = Said::complaint(111, "setlock: fatal: unable to open : file does not exist");
    assert_eq!(scratch.run("setlock", &["", "echo", "ran"]), expected);
}

#[test]
fn a_program_that_is_not_there_is_named_even_where_a_lock_is_not() {
    let expected = Said::complaint(111, "setlock: fatal: unable to run none: file does not exist");
    assert_eq!(Scratch::new().run("setlock", &["-x", "f", "none"]), expected);
}
