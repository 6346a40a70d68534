//! svok, contract.md, section 5.

use crate::scratch::{Said, Scratch};
use std::fs::File;

#[test]
fn without_an_argument_it_prints_its_usage() {
    assert_eq!(Scratch::new().run("svok", &[]), Said::complaint(100, "svok: usage: svok dir"));
}

#[test]
fn a_missing_directory_is_trouble_and_not_an_answer() {
    let expected = "svok: fatal: unable to chdir to none: file does not exist";
    assert_eq!(Scratch::new().run("svok", &["none"]), Said::complaint(111, expected));
}

#[test]
fn a_directory_that_no_supervise_has_seen_is_not_running() {
    let scratch = Scratch::new();
    scratch.directory_at("a");
    assert_eq!(scratch.run("svok", &["a"]), Said::exit(100));
    scratch.directory_at("a/supervise");
    assert_eq!(scratch.run("svok", &["a"]), Said::exit(100));
}

#[test]
fn a_fifo_counts_only_while_a_process_reads_it() {
    let scratch = Scratch::new();
    scratch.directory_at("a/supervise");
    scratch.fifo("a/supervise/ok");
    assert_eq!(scratch.run("svok", &["a"]), Said::exit(100));
    let fifo = scratch.path().join("a/supervise/ok");
    let reader = File::options().read(true).write(true).open(fifo).unwrap();
    assert_eq!(scratch.run("svok", &["a", "ignored"]), Said::exit(0));
    drop(reader);
    assert_eq!(scratch.run("svok", &["a"]), Said::exit(100));
}

#[test]
fn a_regular_file_counts_as_running() {
    let scratch = Scratch::new();
    scratch.directory_at("a/supervise");
    scratch.write("a/supervise/ok", b"");
    assert_eq!(scratch.run("svok", &["a"]), Said::exit(0));
}

#[test]
fn a_directory_in_the_fifo_s_place_is_trouble() {
    let scratch = Scratch::new();
    scratch.directory_at("a/supervise/ok");
    let expected = "svok: fatal: unable to open a/supervise/ok: is a directory";
    assert_eq!(scratch.run("svok", &["a"]), Said::complaint(111, expected));
}

#[test]
fn anything_else_is_reported() {
    let scratch = Scratch::new();
    scratch.directory_at("a");
    scratch.write("a/supervise", b"");
    let expected = "svok: fatal: unable to open a/supervise/ok: not a directory";
    assert_eq!(scratch.run("svok", &["a"]), Said::complaint(111, expected));
}
