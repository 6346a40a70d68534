//! svscan is killed while the supervises that it has just started do not hold their services yet.

use crate::scratch::{Scratch, commands, end_of, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// svscan beside a supervise that takes a second to begin.
fn svscan(scratch: &Scratch) -> Child {
    Command::new(scratch.path().join("slow/svscan"))
        .arg("scan")
        .current_dir(scratch.path())
        .env("SCRATCH", scratch.path())
        .env("COMMANDS", commands())
        .stdin(Stdio::null())
        .stderr(fs::File::options().append(true).open(scratch.path().join("errors")).unwrap())
        .spawn()
        .unwrap()
}

#[test]
fn a_new_svscan_waits_for_the_supervises_that_the_old_one_has_just_started() {
    if !only_ours("a killed svscan has a successor") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("slow");
    symlink(commands().join("svscan"), scratch.path().join("slow/svscan")).unwrap();
    let begin = "echo $$ >>$SCRATCH/begun\nsleep 1\nexec $COMMANDS/supervise \"$@\"";
    scratch.script("slow/supervise", begin);
    scratch.write("errors", b"");
    scratch.service("scan/a", "echo $$ >>$SCRATCH/starts\nexec sleep 1000");
    scratch.service("scan/a/log", "exec cat >>$SCRATCH/log");
    let mut first = svscan(&scratch);
    wait_for("the start of both supervises", || scratch.lines("begun") == 2);
    first.kill().unwrap();
    end_of(&mut first);
    let _second = svscan(&scratch);
    wait_for("the services", || {
        ["scan/a", "scan/a/log"].iter().all(|name| scratch.svstat(name).contains(": up (pid "))
    });
    stays("one supervise of each", Duration::from_millis(300), || scratch.lines("begun") == 2);
    let pipe = |name: &str, number: u32| {
        fs::metadata(format!("/proc/{}/fd/{number}", scratch.pid(name))).unwrap().ino()
    };
    assert_eq!(pipe("scan/a", 1), pipe("scan/a/log", 0), "the ends of the log pipe");
    assert_eq!(scratch.lines("starts"), 1, "{}", scratch.errors());
    assert_eq!(scratch.read("errors"), "");
}
