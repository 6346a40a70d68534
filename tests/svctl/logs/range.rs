//! `--since` and `--until`: files by their names, lines by their labels, without reading it all.

use super::{BEGIN, label, lines, log, logs, numbers};
use crate::scratch::{Said, Scratch};
use crate::stage::svctl;
use std::fs;
use std::process::Command;

/// Twenty logs and `current`, a line each second, in 21 files of 40 kB.
fn long_log() -> Scratch {
    let scratch = Scratch::new();
    for file in 0..20 {
        log(&scratch, &format!("m/{}.s", label(file * 1000 + 999)), &padded(file * 1000));
    }
    log(&scratch, "m/current", &padded(20_000));
    scratch
}

fn padded(first: u64) -> Vec<String> {
    let pad = |line: String| line.replace(" line ", &format!(" {} ", "x".repeat(20)));
    lines(first..first + 1000).into_iter().map(pad).collect()
}

fn at(second: u64) -> String {
    let said = Command::new("date")
        .args(["-u", "-d", &format!("@{}", BEGIN + second), "+%Y-%m-%d %H:%M:%S"])
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn lines_are_those_of_the_moments_asked_for() {
    let scratch = long_log();
    for (since, until) in [
        (0, 30_000),
        (0, 1),
        (500, 501),
        (999, 1001),
        (12_345, 12_347),
        (19_990, 20_010),
        (20_500, 21_000),
    ] {
        let said = logs(&scratch, &["--since", &at(since), "--until", &at(until)]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
        let expected: Vec<u64> = (since..until.min(21_000)).collect();
        assert_eq!(numbers(&said.out), expected, "{since} {until}");
        // The last of the logs, and those of which some bytes were read.
        let said = logs(&scratch, &["--since", &at(since), "--until", &at(until), "-n", "3"]);
        let from = expected.len().saturating_sub(3);
        assert_eq!(numbers(&said.out), expected[from..], "{since} {until}");
    }
    let zone = ["--since", "2026-01-01T06:00:00+01:00", "--until", "2026-01-01T05:00:02Z"];
    assert_eq!(numbers(&logs(&scratch, &zone).out), [18_000, 18_001]);
    assert_eq!(logs(&scratch, &["--since", "1 min ago"]), Said::text(""));
    assert_eq!(logs(&scratch, &["--until", "2025-12-31"]), Said::text(""));
}

#[test]
fn a_time_of_day_and_a_date_are_those_of_the_zone() {
    let scratch = long_log();
    let run = |zone: &str, arguments: &[&str]| {
        let mut command = svctl(scratch.path());
        command.env("TZ", zone).args(["logs", "--in", "m"]).args(arguments);
        Said::of(&command.output().unwrap())
    };
    let said = run("XXX-2", &["--since", "2026-01-01 03:00", "--until", "2026-01-01 03:00:01"]);
    assert_eq!(said.out, format!("2026-01-01 03:00:00.000000500 {} 3600\n", "x".repeat(20)));
    let said = run("XXX-2", &["--utc", "--since", "2026-01-01 03:00", "-n", "1"]);
    assert_eq!(said.out, format!("2026-01-01 05:49:59.000000500 {} 20999\n", "x".repeat(20)));
}

/// How many bytes svctl reads: by the I/O account of the shell that has waited for it.
fn bytes_read(scratch: &Scratch, arguments: &[&str]) -> Option<u64> {
    let svctl = assert_cmd::cargo::cargo_bin!("svctl");
    let script = "\"$0\" logs --in m \"$@\" >out; read -r _ count </proc/$$/io && echo $count";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(svctl).args(arguments).current_dir(scratch.path());
    let said = Said::of(&shell.env("TZ", "UTC0").output().unwrap());
    let count = said.out.trim_end().parse().ok();
    if count.is_none() {
        println!("left out, no accounts of what is read: {said:?}");
    }
    count
}

#[test]
fn what_is_not_asked_for_is_hardly_read() {
    let scratch = long_log();
    let all = fs::read_dir(scratch.path().join("m")).unwrap();
    let all: u64 = all.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(all > 1_000_000, "{all}");
    let Some(nothing) = bytes_read(&scratch, &["--since", "1 min ago"]) else { return };
    for arguments in [
        &["-n", "10"][..],
        &["--since", &at(9500), "--until", &at(9510)],
        &["--since", &at(20_990)],
        &["--until", &at(5)],
        &["-n", "5", "--until", &at(9510)],
    ] {
        let read = bytes_read(&scratch, arguments).unwrap();
        assert!(read < nothing + 150_000, "{arguments:?}: {read}, {nothing} for nothing");
        assert!(scratch.lines("out") >= 5, "{arguments:?}");
    }
    // A part of a long file is not read either.
    let many: Vec<String> = (20..60).flat_map(|thousand| padded(thousand * 1000)).collect();
    log(&scratch, "m/current", &many);
    for arguments in [
        &["--since", &at(59_990)][..],
        &["--since", &at(40_000), "--until", &at(40_010)],
        &["-n", "5", "--since", &at(21_000), "--until", &at(40_000)],
    ] {
        let read = bytes_read(&scratch, arguments).unwrap();
        assert!(read < nothing + 300_000, "{arguments:?}: {read}, {nothing} for nothing");
        assert!((5..=10).contains(&scratch.lines("out")), "{arguments:?}");
    }
    // The count is more than nothing.
    assert!(bytes_read(&scratch, &[]).unwrap() >= all);
}

#[test]
fn a_log_whose_labels_run_backwards_is_read_whole() {
    let scratch = Scratch::new();
    let mut backwards = padded(5000);
    backwards.extend(padded(0));
    backwards.extend(padded(6000));
    log(&scratch, "m/current", &backwards);
    let said = logs(&scratch, &["--since", &at(500), "--until", &at(5500)]);
    let expected: Vec<u64> = (5000..5500).chain(500..1000).collect();
    assert_eq!(numbers(&said.out), expected);
    // Without labels it is read.
    let mut lines = padded(0);
    lines.splice(100..100, (0..500).map(|number| format!("no label {number}")));
    lines.extend(padded(1000));
    log(&scratch, "m/current", &lines);
    let said = logs(&scratch, &["--since", &at(50), "--until", &at(1500)]);
    let expected: Vec<u64> = (50..100).chain(0..500).chain(100..1500).collect();
    assert_eq!(numbers(&said.out), expected);
    let said = logs(&scratch, &["--since", &at(50), "--until", &at(1500), "-n", "1401"]);
    assert_eq!(numbers(&said.out), expected[expected.len() - 1401..]);
}

#[test]
fn a_log_without_labels_is_cut_by_file_and_that_is_said() {
    let scratch = Scratch::new();
    let plain = |from: u64| (from..from + 10).map(|number| format!("line {number}")).collect();
    for file in 0..3 {
        let lines: Vec<String> = plain(file * 10);
        log(&scratch, &format!("m/{}.s", label(file * 100)), &lines);
    }
    let lines: Vec<String> = plain(30);
    log(&scratch, "m/current", &lines);
    let said = logs(&scratch, &["--since", &at(150)]);
    assert_eq!(numbers(&said.out), (20..40).collect::<Vec<_>>());
    let complaint = "svctl: warning: lines in m have no labels: cut by file only\n";
    assert_eq!((said.code, said.err.as_str()), (Some(0), complaint));
    let said = logs(&scratch, &["--until", &at(50), "-n", "15"]);
    assert_eq!(numbers(&said.out), (5..20).collect::<Vec<_>>());
    // Without times svctl has nothing to complain about.
    assert_eq!(logs(&scratch, &["-n", "1"]), Said::text("line 39\n"));
}

#[test]
fn a_log_that_gzip_made_is_read_whole() {
    let scratch = long_log();
    for second in [999, 4999, 19_999] {
        let name = format!("m/{}.s", label(second));
        assert_eq!(scratch.run("gzip", &[&name]).code, Some(0));
        let path = scratch.path().join(&name);
        fs::rename(path.with_extension("s.gz"), path).unwrap();
    }
    assert_eq!(numbers(&logs(&scratch, &[]).out), (0..21_000).collect::<Vec<_>>());
    let said = logs(&scratch, &["--since", &at(19_500), "--until", &at(20_001)]);
    assert_eq!(numbers(&said.out), (19_500..20_001).collect::<Vec<_>>());
    for wanted in [1, 999, 1000, 1001, 1700, 2001] {
        let said = logs(&scratch, &["-n", &wanted.to_string()]);
        assert_eq!(numbers(&said.out), (21_000 - wanted..21_000).collect::<Vec<_>>(), "{wanted}");
    }
    assert_eq!(numbers(&logs(&scratch, &["--grep", " 19998"]).out), [19_998]);
}
