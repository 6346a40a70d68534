//! readproctitle, reference section 9.

use crate::scratch::{Said, Scratch, end_of, wait_for};
use std::fs;
use std::io::Write;
use std::process::Stdio;

#[test]
fn too_little_to_write_on_is_wrong_use_without_a_word() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("readproctitle", &[]), Said::exit(100));
    assert_eq!(scratch.run("readproctitle", &["a", "...."]), Said::exit(100));
}

#[test]
fn the_dots_alone_are_enough_and_an_input_that_cannot_be_read_is_111() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("readproctitle", &["....."]), Said::exit(0));
    let directory = fs::File::open(scratch.path()).unwrap();
    let output = scratch.command("readproctitle").arg(".....").stdin(directory).output().unwrap();
    assert_eq!(Said::of(&output), Said::exit(111));
}

#[test]
fn ps_shows_the_last_bytes_behind_three_dots() {
    let scratch = Scratch::new();
    let mut child = scratch
        .command("readproctitle")
        .args(["service errors: ", "0123456789"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let shown = || {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        // Empty while the exec is under way.
        let title = line.rsplit(|&byte| byte == 0).nth(1).unwrap_or_default();
        String::from_utf8_lossy(title).into_owned()
    };
    wait_for("the dots", || shown() == "..........");
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"a\0b\n").unwrap();
    wait_for("the bytes without NUL", || shown() == ".......ab\n");
    input.write_all(b"0123456789ABCDEF").unwrap();
    wait_for("the last seven", || shown() == "...9ABCDEF");
    drop(input);
    assert_eq!(end_of(&mut child).code(), Some(0));
}
