//! Without memory a command prints a message and ends with 111, a daemon waits, and no program
//! aborts.

use crate::scratch::{Said, Scratch, is_alive, only_ours, wait_for};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

/// Every command, as it is run under a limit; each leaves with 0 where there is enough.
const RUNS: [&[&str]; 15] = [
    &["tai64n"],
    &["tai64nlocal"],
    &["multilog", "t", "./log"],
    &["multilog", "T", "-a*", "=status", "./log", "./other"],
    &["envdir", "e", "true"],
    &["envuidgid", "root", "true"],
    &["setlock", "lock", "true"],
    &["fghack", "true"],
    &["pgrphack", "true"],
    &["softlimit", "-f", "1000000", "true"],
    &["svstat", ".", ".", "."],
    &["svc", "-u", "."],
    &["svok", "."],
    &["readproctitle", "a", "........"],
    &["supervise", "none"],
];

/// Runs a command with this many bytes of data segment and some lines as input. Returns how it
/// ended, and its messages. A command that waits for memory is killed.
fn run(scratch: &Scratch, bytes: usize, words: &[&str]) -> (ExitStatus, String) {
    scratch.write("errors", b"");
    let mut child = {
        let bytes = bytes.to_string();
        let words = [&["-d", &bytes], words].concat();
        let mut command = scratch.command("softlimit");
        let errors = fs::File::options().append(true).open(scratch.path().join("errors")).unwrap();
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors);
        command.spawn().unwrap()
    };
    // A command that does not read its input fails for another reason.
    let _ = child.stdin.take().unwrap().write_all("a line\n".repeat(1000).as_bytes());
    let mut end = None;
    wait_for("an end", || {
        end = child.try_wait().unwrap();
        if scratch.errors().contains("pausing") {
            child.kill().unwrap();
        }
        end.is_some()
    });
    (end.unwrap(), scratch.errors())
}

#[test]
fn under_no_limit_does_a_command_abort() {
    let scratch = Scratch::new();
    scratch.directory_at("e");
    scratch.write("e/V", b"1\n");
    for words in RUNS {
        for bytes in [20_000, 60_000, 100_000, 150_000, 200_000, 250_000, 300_000] {
            let (end, errors) = run(&scratch, bytes, words);
            assert_ne!(end.signal(), Some(6), "{words:?} {bytes}: {errors}");
            assert!(!errors.contains("memory allocation"), "{words:?} {bytes}: {errors}");
            // 127 is the loader's.
            let is_known = matches!(end.code(), None | Some(0 | 100 | 111 | 127));
            assert!(is_known, "{words:?} {bytes}: {end} {errors}");
        }
    }
}

#[test]
fn a_run_script_may_limit_the_filters_to_300_kilobytes() {
    let scratch = Scratch::new();
    for words in &RUNS[..3] {
        let (end, errors) = run(&scratch, 300_000, words);
        assert_eq!((end.code(), errors.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn softlimit_runs_the_program_whatever_it_left_of_memory() {
    let scratch = Scratch::new();
    let missing = "softlimit: fatal: unable to run none: file does not exist";
    let words = ["none", "a", "b", "c", "d", "e", "f", "g"];
    for limit in ["-m0", "-a0", "-d0", "-s0"] {
        let said = scratch.run("softlimit", &[&[limit], &words[..]].concat());
        assert_eq!(said, Said::complaint(111, missing), "{limit}");
    }
}

#[test]
fn an_environment_is_read_to_the_end_of_its_lines() {
    let scratch = Scratch::new();
    scratch.directory_at("e");
    let long = "x".repeat(3_000_000);
    let run = || {
        let words = ["-d", "700000", "envdir", "e", "sh", "-c", "echo $FILE"];
        scratch.run("softlimit", &words)
    };
    let expected = Said::complaint(111, "envdir: fatal: unable to read e/FILE: out of memory");
    scratch.write("e/FILE", long.as_bytes());
    assert_eq!(run(), expected);
    fs::remove_file(scratch.path().join("e/FILE")).unwrap();
    symlink("/dev/zero", scratch.path().join("e/FILE")).unwrap();
    assert_eq!(run(), expected);
    if !only_ours("envdir of 0.76 reads whole files, and a device for ever") {
        return;
    }
    assert_eq!(scratch.run("envdir", &["e", "true"]), expected);
    fs::remove_file(scratch.path().join("e/FILE")).unwrap();
    scratch.write("e/FILE", format!("short\n{long}").as_bytes());
    assert_eq!(run(), Said::text("short\n"));
}

#[test]
fn a_command_that_has_no_memory_says_so() {
    if !only_ours("the C library of 0.76 goes without the zone") {
        return;
    }
    let scratch = Scratch::new();
    scratch.write("zone", "x".repeat(1_000_000).as_bytes());
    let mut command = scratch.command("softlimit");
    command.args(["-d", "700000", "tai64nlocal"]).env("TZ", scratch.path().join("zone"));
    let expected = Said::complaint(111, "tai64nlocal: fatal: out of memory");
    assert_eq!(Said::of(&command.output().unwrap()), expected);
}

#[test]
fn svscan_waits_for_memory() {
    if !only_ours("svscan of 0.76 keeps to memory of a fixed size") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    let svscan = scratch.start("svscan", &["scan"]).id();
    wait_for("svscan to scan", || fs::exists(scratch.path().join("scan/.svscan/lock")).unwrap());
    let data = |limit: &str| {
        let words = ["--pid", &svscan.to_string(), &format!("--data={limit}:")];
        assert!(Command::new("prlimit").args(words).status().unwrap().success());
    };
    let status = fs::read_to_string(format!("/proc/{svscan}/status")).unwrap();
    let used = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    let used: usize = used.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    // Enough to open the directory, and too little for the names in it.
    data(&((used + 200) * 1024).to_string());
    for number in 0..4000 {
        scratch.write(&format!("scan/{}{number}", "x".repeat(200)), b"");
    }
    wait_for("a word on memory", || scratch.errors().contains("out of memory"));
    assert!(is_alive(svscan));
    scratch.service("a", "exec sleep 1000");
    symlink("../a", scratch.path().join("scan/a")).unwrap();
    data("unlimited");
    wait_for("the service", || scratch.is_running("a"));
    assert!(is_alive(svscan));
    assert!(scratch.errors() == "svscan: warning: out of memory, pausing\n");
}
