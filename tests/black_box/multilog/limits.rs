//! Limits on file sizes and on memory.

use super::term::{Feed, said};
use super::{BUSY, end_of, end_within, log, old_logs, start, whole};
use crate::scratch::{Scratch, kill, only_ours};
use std::fs;
use std::io::Write;

fn lines(count: usize) -> String {
    (0..count).map(|line| format!("{line:099}\n")).collect()
}

/// The lengths of the logs that a multilog under softlimit makes of so many lines of 100 bytes.
fn limited(scratch: &Scratch, limit: &str, count: usize, script: &[&str]) -> Vec<usize> {
    let mut command = scratch.command("softlimit");
    command.args(["-f", limit, "multilog"]).args(script);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines(count).as_bytes()).unwrap();
    assert!(end_within(&mut child, BUSY).success());
    let (all, lengths) = whole(scratch, "main");
    assert!(String::from_utf8(all).unwrap() == lines(count), "{lengths:?}");
    lengths
}

#[test]
fn a_limit_on_file_sizes_makes_the_logs_smaller() {
    if !only_ours("a limit on file sizes") {
        return;
    }
    for (limit, least, most) in
        [("5000", 3000, 5000), ("4096", 2096, 4096), ("50000", 48_000, 50_000)]
    {
        let scratch = Scratch::in_memory();
        let lengths = limited(&scratch, limit, 1000, &["s1000000", "n1000", "./main"]);
        assert!(lengths.iter().all(|length| (least..=most).contains(length)), "{lengths:?}");
    }
}

#[test]
fn a_limit_that_is_no_size_for_a_log_makes_them_as_they_fit() {
    if !only_ours("a limit on file sizes") {
        return;
    }
    let scratch = Scratch::in_memory();
    let lengths = limited(&scratch, "1050", 200, &["s1000000", "n1000", "./main"]);
    assert!(lengths.iter().all(|length| *length == 1000), "not cut at lines: {lengths:?}");
}

#[test]
fn a_line_that_no_file_may_hold_is_cut() {
    if !only_ours("a limit on file sizes") {
        return;
    }
    let scratch = Scratch::in_memory();
    let lengths = limited(&scratch, "30", 12, &["s1000000", "n100000", "./main"]);
    // The end of a line ends a log too.
    assert!(lengths.iter().all(|length| *length == 30 || *length == 10), "{lengths:?}");
}

#[test]
fn a_log_that_has_bytes_is_rotated_when_nothing_more_may_be_written() {
    if !only_ours("a limit on file sizes") {
        return;
    }
    let scratch = Scratch::in_memory();
    log(&scratch, &["./main"], b"before\n");
    let mut feed = Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["softlimit", "-f", "0", "multilog", "./main"]);
    feed.write(b"line\n");
    let full = "multilog: warning: unable to write to ./main/current, pausing: file too big\n";
    assert_eq!(said(&mut child), full);
    assert_eq!(old_logs(&scratch, "main").len(), 1);
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    assert_eq!(
        (feed.left().as_str(), whole(&scratch, "main").0.as_slice()),
        ("line\n", &b"before\n"[..])
    );
}

#[test]
fn a_processor_has_the_signal_that_multilog_ignores() {
    if !only_ours("a limit on file sizes") {
        return;
    }
    let scratch = Scratch::in_memory();
    let script = ["s4096", "n1000", "!grep SigIgn /proc/self/status >../ignored; cat", "./main"];
    limited(&scratch, "100000", 100, &script);
    let ignored = scratch.read("ignored");
    let bits =
        u64::from_str_radix(ignored.lines().last().unwrap().trim_start_matches("SigIgn:\t"), 16);
    assert_eq!(bits.unwrap() & (1 << 24), 0, "{ignored}");
}

#[test]
fn three_hundred_kilobytes_are_enough() {
    if !only_ours("little memory") {
        return;
    }
    let input = lines(5000);
    for script in [
        &["t", "n1000", "./main"][..],
        &["n1000", "./other", "./third", "t", "./main", "=status"],
        &["T", "-*", "+*", "n1000", "s16384", "!cat", "./main", "./other"],
    ] {
        let scratch = Scratch::in_memory();
        let mut command = scratch.command("softlimit");
        command.args(["-d", "300000", "multilog"]).args(script);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(end_within(&mut child, BUSY).success(), "{script:?}");
        let text = String::from_utf8(whole(&scratch, "main").0).unwrap();
        assert_eq!(text.lines().count(), 5000, "{script:?}");
    }
}

#[test]
fn with_hardly_any_memory_it_says_so() {
    if !only_ours("little memory") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut refusals, mut starts) = (0, 0);
    // Half a page a step: the limits that end it with this message lie within a few pages.
    for bytes in (10_000..400_000).step_by(2_000) {
        let words = ["-d", &bytes.to_string(), "multilog", "t", "e", "./main"];
        let output = scratch.command("softlimit").args(words).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => starts += 1,
            Some(111) => {
                assert_eq!(err, "multilog: fatal: out of memory\n", "with {bytes} bytes");
                refusals += 1;
            }
            // The kernel, or the loader of a program that is not static, failed before our program
            // began.
            None | Some(127) => {}
            code => panic!("{code:?} with {bytes} bytes: {err}"),
        }
    }
    assert!(starts > 0 && refusals > 0, "{starts} starts, {refusals} refusals");
}

#[test]
fn a_pipe_that_may_not_grow_is_read_all_the_same() {
    if !only_ours("little memory") {
        return;
    }
    let scratch = Scratch::in_memory();
    let input = b"123456789\n".repeat(50_000);
    let mut command = scratch.command("softlimit");
    command.args(["-d", "400000", "multilog", "s16777215", "./main"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    assert!(end_within(&mut child, BUSY).success());
    assert!(fs::read(scratch.path().join("main/current")).unwrap() == input);
}

#[test]
fn closed_descriptors_are_not_taken_for_those_of_multilog() {
    if !only_ours("closed descriptors") {
        return;
    }
    let scratch = Scratch::in_memory();
    for closed in ["<&-", "<&- >&- 2>&-", ">&- 2>&-"] {
        let script = format!("exec multilog e ./main {closed}");
        let mut command = scratch.command("/bin/sh");
        let mut child = command.args(["-c", &script]).spawn().unwrap();
        assert_eq!(end_of(&mut child).code(), Some(0), "{closed}");
    }
    let mut child = start(&scratch, &["./main"]);
    child.stdin.take().unwrap().write_all(b"line\n").unwrap();
    assert!(end_of(&mut child).success());
    assert_eq!(scratch.read("main/current"), "line\n");
}
