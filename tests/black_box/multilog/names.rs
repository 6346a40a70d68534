//! The names of finished logs, and which logs are removed.

use super::{end_of, log, old_logs, start, whole};
use crate::scratch::{Scratch, kill, only_ours, wait_for};
use std::fs;
use std::io::Write;

/// Finished logs of these moments.
fn plant(scratch: &Scratch, names: &[&str]) {
    scratch.directory_at("main");
    for name in names {
        scratch.write(&format!("main/{name}"), b"planted\n");
    }
}

const LINES: usize = 500;

/// 500 lines through multilog, which finishes some logs.
fn rotate(scratch: &Scratch, number: &str) -> String {
    let input: String = (0..LINES).map(|line| format!("line {line:04}\n")).collect();
    assert_eq!(log(scratch, &["s4096", number, "./main"], input.as_bytes()).code, Some(0));
    String::from_utf8(whole(scratch, "main").0).unwrap()
}

#[test]
fn after_a_clock_that_ran_ahead_its_names_go_first() {
    if !only_ours("the order of removal") {
        return;
    }
    let scratch = Scratch::in_memory();
    let ahead = ["@400000009000000100000000.s", "@400000009000000200000000.u"];
    plant(&scratch, &ahead);
    plant(&scratch, &["@400000001000000000000000.s", "@400000001000000100000000.s"]);
    // Two old logs, two new ones, and `current`.
    rotate(&scratch, "n5");
    let names = old_logs(&scratch, "main");
    assert_eq!(names.len(), 4);
    assert_eq!(names[..2], ["@400000001000000000000000.s", "@400000001000000100000000.s"]);
    assert!(!names.iter().any(|name| ahead.contains(&name.as_str())), "{names:?}");
}

#[test]
fn what_was_just_kept_is_never_what_goes() {
    if !only_ours("the order of removal") {
        return;
    }
    let scratch = Scratch::in_memory();
    // All are later than now, and one cannot even be a moment.
    plant(&scratch, &["@400000009000000100000000.s", "@ffffffffffffffffffffffff.s"]);
    let text = rotate(&scratch, "n2");
    assert!(text.ends_with("line 0499\n") && !text.contains("planted"));
    let names = old_logs(&scratch, "main");
    assert!(names.len() == 1 && names[0].starts_with("@400000006"), "{names:?}");
}

#[test]
fn a_smaller_number_leaves_the_newest() {
    let scratch = Scratch::in_memory();
    let names: Vec<String> = (0..150).map(|n| format!("@4000000010000{n:03}00000000.s")).collect();
    plant(&scratch, &names.iter().map(String::as_str).collect::<Vec<_>>());
    log(&scratch, &["s4096", "n100", "./main"], &b"123456789\n".repeat(220));
    let left = old_logs(&scratch, "main");
    assert_eq!(left.len(), 99);
    assert_eq!(left[..98], names[52..]);
}

#[test]
fn what_is_no_file_is_not_counted_nor_waited_for() {
    if !only_ours("what is no file") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.directory_at("main/@400000001000000000000000.s/full");
    scratch.directory_at("main/@400000001000000000000001.s");
    scratch.fifo("main/@400000001000000000000002.u");
    std::os::unix::fs::symlink(
        "/etc/passwd",
        scratch.path().join("main/@400000001000000000000003.s"),
    )
    .unwrap();
    scratch.write("main/@400000001000000000000004.s", b"");
    let mut child = start(&scratch, &["s4096", "n3", "./main"]);
    let mut input = child.stdin.take().unwrap();
    for _ in 0..1000 {
        input.write_all(b"123456789\n").unwrap();
    }
    drop(input);
    assert!(end_of(&mut child).success());
    let names = old_logs(&scratch, "main");
    assert_eq!(names.len(), 4 + 2, "{names:?}");
    assert!(!names.contains(&"@400000001000000000000004.s".to_owned()));
}

#[test]
fn a_previous_that_was_left_is_not_lost() {
    if !only_ours("a previous that another program has made") {
        return;
    }
    let scratch = Scratch::in_memory();
    log(&scratch, &["./main"], b"one\n");
    scratch.write("main/previous", b"left\n");
    log(&scratch, &["s4096", "./main"], &b"123456789\n".repeat(220));
    let text = String::from_utf8(whole(&scratch, "main").0).unwrap();
    assert!(text.starts_with("left\none\n"), "{}", &text[..20]);
    let names = old_logs(&scratch, "main");
    assert!(names[0].ends_with(".u") && names[1].ends_with(".s"), "{names:?}");
}

/// Each start of multilog dies at its first rotation: what it had logged is not logged again.
#[test]
fn a_death_that_repeats_makes_progress() {
    if !only_ours("what is taken out, and when") {
        return;
    }
    let scratch = Scratch::in_memory();
    let mut feed = super::term::Feed::new(&scratch);
    let input: String = (0..2000).map(|line| format!("line {line:04}\n")).collect();
    feed.write(input.as_bytes());
    let script = ["multilog", "s4096", "n1000", "!kill -9 $PPID", "./main"];
    for _ in 0..5 {
        let mut child = feed.start(&scratch, &script);
        assert_eq!(end_of(&mut child).code(), None);
    }
    let mut child = feed.start(&scratch, &["multilog", "s4096", "n1000", "./main"]);
    wait_for("the last line", || scratch.read("main/current").ends_with("line 1999\n"));
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    let text = String::from_utf8(whole(&scratch, "main").0).unwrap();
    assert!(text == input, "{} bytes are logged of {}", text.len(), input.len());
}

#[test]
fn a_log_that_an_interrupted_run_has_named_is_not_named_again() {
    let scratch = Scratch::in_memory();
    scratch.directory_at("main");
    scratch.write("main/current", b"line\n");
    let place = |name: &str| scratch.path().join("main").join(name);
    fs::hard_link(place("current"), place("@400000001000000000000000.u")).unwrap();
    log(&scratch, &["./main"], b"");
    assert_eq!(old_logs(&scratch, "main"), ["@400000001000000000000000.u"]);
    assert_eq!(scratch.read("main/current"), "");
}

#[test]
fn a_second_name_of_a_file_is_no_reason_to_lose_a_log() {
    if !only_ours("a second name") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.directory_at("main");
    scratch.write("main/current", b"line\n");
    // As `cp -al` leaves it.
    fs::hard_link(scratch.path().join("main/current"), scratch.path().join("copy")).unwrap();
    log(&scratch, &["./main"], b"");
    let names = old_logs(&scratch, "main");
    assert_eq!(names.len(), 1);
    assert_eq!(scratch.read(&format!("main/{}", names[0])), "line\n");
    // And of one that is being written.
    let mut feed = super::term::Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["multilog", "./main"]);
    feed.write(b"two\n");
    wait_for("the line", || scratch.read("main/current") == "two\n");
    fs::hard_link(scratch.path().join("main/current"), scratch.path().join("copy2")).unwrap();
    kill(child.id(), "ALRM");
    wait_for("the rotation", || old_logs(&scratch, "main").len() == 2);
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    assert_eq!(whole(&scratch, "main").0, b"line\ntwo\n");
}
