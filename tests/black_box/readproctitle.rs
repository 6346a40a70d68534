//! readproctitle, contract.md, section 9.

use crate::scratch::{Said, Scratch, end_of, only_ours, stays, wait_for};
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn too_little_room_in_the_last_argument_is_wrong_use_and_nothing_is_printed() {
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
        // Empty during the exec.
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

#[test]
fn an_input_that_does_not_block_is_waited_for() {
    if !only_ours("readproctitle of 0.76 ends with 111") {
        return;
    }
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let scratch = Scratch::new();
    let (input, mut writer) = std::io::pipe().unwrap();
    fcntl(&input, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let mut command = scratch.command("readproctitle");
    let mut child = command.args(["errors: ", "0123456789"]).stdin(input).spawn().unwrap();
    drop(command);
    stays("the wait", Duration::from_millis(200), || child.try_wait().unwrap().is_none());
    writer.write_all(b"abcdefg").unwrap();
    let line = format!("/proc/{}/cmdline", child.id());
    let is_shown = || fs::read(&line).is_ok_and(|line| line.ends_with(b"...abcdefg\0"));
    wait_for("the text", is_shown);
    drop(writer);
    assert_eq!(end_of(&mut child).code(), Some(0));
}
