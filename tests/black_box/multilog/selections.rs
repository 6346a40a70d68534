//! Which lines go where: `+` and `-`, `e`, `=`, and the stamps before them.

use super::{bytes, end_of, log, mode, start};
use crate::scratch::{Scratch, kill, only_ours};
use std::fs;
use std::io::{Read, Write};

#[test]
fn a_stamp_stands_before_every_line() {
    let scratch = Scratch::in_memory();
    log(&scratch, &["tomato", "./main"], b"one\n\nthree");
    let text = String::from_utf8(bytes(&scratch, "main/current")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let rests: Vec<&str> = lines.iter().map(|line| &line[26..]).collect();
    assert_eq!(rests, ["one", "", "three"]);
    for line in lines {
        assert!(line.starts_with("@40000000") && line.as_bytes()[25] == b' ', "{line}");
        assert!(line[1..25].bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    }
    log(&scratch, &["./plain", "t"], b"one\n");
    assert_eq!(bytes(&scratch, "plain/current"), b"one\n");
}

#[test]
fn selections_are_those_of_the_contract() {
    let scratch = Scratch::in_memory();
    let lines = b"yy\na*b\nab\nxay\n\nfatal: x\n";
    for (script, expected) in [
        (&["-*"][..], &b""[..]),
        (&["-*", "+*y"], b"xay\n"),
        (&["-*", "+a**"], b"a*b\n"),
        (&["-a*"], b"yy\nxay\n\nfatal: x\n"),
        (&["-"], b"yy\na*b\nab\nxay\nfatal: x\n"),
        (&["-*", "+fatal: *", "+"], b"\nfatal: x\n"),
        (&["-*", "+*", "-ab", "-AB"], b"yy\na*b\nxay\n\nfatal: x\n"),
    ] {
        let _ = fs::remove_dir_all(scratch.path().join("main"));
        log(&scratch, &[script, &["./main"]].concat(), lines);
        assert_eq!(bytes(&scratch, "main/current"), expected, "{script:?}");
    }
}

#[test]
fn only_a_thousand_bytes_are_looked_at_and_all_are_logged() {
    let scratch = Scratch::in_memory();
    for (length, is_found) in [(998, true), (999, true), (1000, false), (5000, false)] {
        let _ = fs::remove_dir_all(scratch.path().join("main"));
        let line = [&vec![b'y'; length][..], b"Z\n"].concat();
        log(&scratch, &["-*", "+*Z", "./main"], &line);
        let expected = if is_found { line } else { Vec::new() };
        assert_eq!(bytes(&scratch, "main/current"), expected, "{length}");
    }
    let long = [&vec![b'x'; 100_000][..], b"\nshort\n"].concat();
    log(&scratch, &["-short", "s16777215", "./long"], &long);
    assert_eq!(bytes(&scratch, "long/current").len(), 100_001);
}

#[test]
fn alerts_show_two_hundred_bytes() {
    let scratch = Scratch::in_memory();
    for (length, dots) in [(0, ""), (199, ""), (200, ""), (201, "..."), (2000, "...")] {
        let input = [&vec![b'x'; length][..], b"\n"].concat();
        let said = log(&scratch, &["e"], &input);
        assert_eq!(said.err, format!("{}{dots}\n", "x".repeat(length.min(200))));
    }
}

#[test]
fn a_status_file_has_the_last_line_and_newlines() {
    let scratch = Scratch::in_memory();
    log(&scratch, &["-no", "=status", "./main"], b"first\nno\n");
    let status = bytes(&scratch, "status");
    assert_eq!(
        (status.len(), &status[..7], mode(&scratch, "status")),
        (1001, &b"first\n\n"[..], 0o600)
    );
    scratch.write("status", &vec![b'k'; 1100]);
    log(&scratch, &["=status"], &[&vec![b'x'; 1500][..], b"\n"].concat());
    let expected = [&vec![b'x'; 1000][..], b"\n", &[b'k'; 99]].concat();
    assert_eq!(bytes(&scratch, "status"), expected);
}

#[test]
fn each_directory_has_the_selection_and_settings_of_its_place() {
    let scratch = Scratch::in_memory();
    log(&scratch, &["./all", "-b*", "./some", "-*", "./none"], b"a\nb\n");
    assert_eq!(bytes(&scratch, "all/current"), b"a\nb\n");
    assert_eq!(bytes(&scratch, "some/current"), b"a\n");
    assert_eq!(bytes(&scratch, "none/current"), b"");
}

#[test]
fn a_status_file_that_takes_nothing_is_tried_again() {
    let scratch = Scratch::in_memory();
    std::os::unix::fs::symlink("/dev/full", scratch.path().join("status")).unwrap();
    let mut child = start(&scratch, &["=status", "./main"]);
    child.stdin.as_mut().unwrap().write_all(b"one\n").unwrap();
    let mut warning = [0; 100];
    let length = child.stderr.as_mut().unwrap().read(&mut warning).unwrap();
    let expected = "multilog: warning: unable to write status, pausing: out of disk space\n";
    assert_eq!(String::from_utf8_lossy(&warning[..length]), expected);
    assert_eq!(child.try_wait().unwrap(), None, "it gave up");
    kill(child.id(), "KILL");
    end_of(&mut child);
}

#[test]
fn a_readable_local_time_stands_where_it_is_asked_for() {
    if !only_ours("T") {
        return;
    }
    let scratch = Scratch::in_memory();
    let mut command = scratch.command("multilog");
    command.args(["T", "./main"]).env("TZ", "XYZ-5:30");
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let before = std::time::SystemTime::now();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"one\ntwo\n").unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let text = scratch.read("main/current");
    // What tai64nlocal prints for the label of the same moment, in the same zone.
    let stamp = text.split_once(" one\n").unwrap().0.to_owned();
    assert_eq!(text, format!("{stamp} one\n{stamp} two\n"));
    let (seconds, fraction) = stamp.split_once('.').unwrap();
    assert!(fraction.len() == 9 && fraction.bytes().all(|byte| byte.is_ascii_digit()), "{stamp}");
    let mut date = scratch.command("/bin/date");
    let said = date.args(["-d", seconds, "+%s"]).env("TZ", "XYZ-5:30").output().unwrap();
    let moment: u64 = String::from_utf8(said.stdout).unwrap().trim().parse().unwrap();
    let before = before.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((before..before + 10).contains(&moment), "{stamp}");
}
