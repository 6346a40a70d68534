//! Loggers that are not there, do not run, or cannot write.

use super::{commands, finds, follow, is_well, names, report, saw};
use crate::scratch::wait_for;
use crate::stage::{STAYS, Stage};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn stage_with(log: &str) -> Stage {
    let mut stage = Stage::empty();
    stage.add("x", STAYS);
    stage.scratch.service("d/x/log", log);
    stage.scan();
    stage.wait_until("x", "up");
    stage
}

#[test]
fn a_logger_that_is_down_or_paused() {
    let stage = stage_with("exec multilog t ./main");
    stage.wait_until("x/log", "up");
    assert_eq!(stage.svctl(&["stop", "x/log"]).code, Some(0));
    let found = finds(&stage, "logger-down", "x");
    assert_eq!(commands(&found), ["svctl start x/log"]);
    follow(&stage, &found);
    is_well(&stage);
    assert_eq!(stage.svctl(&["pause", "x/log"]).code, Some(0));
    follow(&stage, &finds(&stage, "logger-down", "x"));
    is_well(&stage);
    // With both down all is as wanted.
    assert_eq!(stage.svctl(&["stop", "x", "x/log"]).code, Some(0));
    is_well(&stage);
}

#[test]
fn a_logger_that_ends_at_each_start() {
    let stage = stage_with("exit 9");
    let found = finds(&stage, "logger-flapping", "x/log");
    assert!(saw(&found).contains("the last run: exit 9"), "{found}");
    assert_eq!(names(&report(&stage, &[])), ["logger-flapping"]);
    stage.scratch.script("d/x/log/run", "exec multilog t ./main");
    is_well(&stage);
}

#[test]
fn a_log_that_is_a_file() {
    let mut stage = Stage::empty();
    stage.add("x", STAYS);
    stage.scratch.write("d/x/log", b"");
    stage.scan();
    let found = finds(&stage, "log-not-a-directory", "x");
    follow(&stage, &found);
    assert!(!stage.of_service("x/log").exists());
    is_well(&stage);
}

#[test]
fn a_log_that_leads_nowhere_and_one_without_a_supervise() {
    let mut stage = Stage::empty();
    stage.add("x", STAYS);
    symlink("../none", stage.scratch.path().join("d/x/log")).unwrap();
    stage.scan();
    let found = finds(&stage, "logger-missing", "x");
    assert!(saw(&found).ends_with("is a link that leads nowhere"), "{found}");
    fs::remove_file(stage.scratch.path().join("d/x/log")).unwrap();
    is_well(&stage);
    // This logger's supervise cannot make its records.
    let mut stage = Stage::empty();
    stage.add("y", STAYS);
    stage.scratch.service("d/y/log", "exec cat");
    stage.scratch.write("d/y/log/supervise", b"");
    stage.scratch.write("d/y/down", b"");
    stage.svscan_only();
    wait_for("a supervise of y", || stage.is_supervised("y"));
    let found = finds(&stage, "logger-missing", "y");
    assert!(saw(&found).starts_with("no supervise runs in "), "{found}");
    fs::remove_file(stage.scratch.path().join("d/y/log/supervise")).unwrap();
    is_well(&stage);
}

#[test]
fn a_log_without_a_run() {
    let mut stage = Stage::empty();
    stage.add("x", STAYS);
    stage.scratch.directory_at("d/x/log");
    stage.scan();
    finds(&stage, "run-missing", "x/log");
    stage.scratch.script("d/x/log/run", "exec multilog t ./main");
    is_well(&stage);
}

#[test]
fn a_multilog_that_was_told_something_it_does_not_do() {
    for (words, seen) in [
        ("t main", "main is no action; a directory begins with . or /: ./main"),
        ("s4096 t ./main", "t is no first word: it puts no time before the lines"),
        ("t ./main /tmp/../$PWD/x ./main/", "the directory main stands there twice"),
    ] {
        let stage = stage_with(&format!("exec multilog {words}"));
        let found = finds(&stage, "multilog-mistake", "x/log");
        assert_eq!(saw(&found), seen);
        assert_eq!(names(&report(&stage, &[])), ["multilog-mistake"]);
        stage.scratch.script("d/x/log/run", "exec multilog t ./main");
        assert_eq!(commands(&found)[1], "svctl restart x/log");
        assert!(super::shell(&stage, &commands(&found)[1]).status().unwrap().success());
        is_well(&stage);
    }
}

#[test]
fn a_log_directory_of_two_loggers() {
    let mut stage = Stage::empty();
    for name in ["x", "y"] {
        stage.add(name, STAYS);
        let run = format!("exec multilog t {}", stage.shown("logs"));
        stage.scratch.service(&format!("d/{name}/log"), &run);
    }
    stage.scan();
    let found = finds(&stage, "multilog-mistake", "y/log");
    assert_eq!(found["what"], "its log directory is that of x/log");
    stage.scratch.script("d/y/log/run", "exec multilog t ./main");
    assert_eq!(stage.svctl(&["restart", "--settle", "0", "y/log"]).code, Some(0));
    is_well(&stage);
}

#[test]
fn an_account_that_is_none_is_named() {
    let stage = stage_with("exec setuidgid none-of-that multilog t ./main");
    let found = finds(&stage, "logger-flapping", "x/log");
    let seen = saw(&found);
    assert!(seen.ends_with("it wants to run as none-of-that, which is no account"), "{seen}");
}

/// A log directory that the logger's account may not write: it needs a second account.
#[test]
fn a_log_directory_that_its_account_may_not_write() {
    if !nix::unistd::geteuid().is_root() {
        println!("left out: that takes root");
        return;
    }
    let mut stage = Stage::empty();
    fs::set_permissions(stage.scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    stage.add("x", STAYS);
    stage.scratch.service("d/x/log", "exec setuidgid nobody multilog t ./main");
    stage.scratch.directory_at("d/x/log/main");
    stage.scan();
    let found = finds(&stage, "log-not-writable", "x/log");
    assert!(saw(&found).ends_with("the logger runs as nobody"), "{found}");
    assert_eq!(names(&report(&stage, &[])), ["log-not-writable"]);
    follow(&stage, &found);
    is_well(&stage);
    stage.wait_until("x/log", "up");
    // A directory that does not exist, and one in which root owns a log.
    stage.add("y", STAYS);
    stage.scratch.service("d/y/log", "exec setuidgid nobody multilog t ./main");
    let found = finds(&stage, "log-not-writable", "y/log");
    assert!(commands(&found)[0].starts_with("mkdir -p "), "{found}");
    follow(&stage, &found);
    is_well(&stage);
    assert_eq!(stage.svctl(&["stop", "x/log", "x"]).code, Some(0));
    let current = stage.scratch.path().join("d/x/log/main/current");
    fs::remove_file(&current).unwrap();
    fs::write(&current, b"").unwrap();
    fs::set_permissions(&current, fs::Permissions::from_mode(0o644)).unwrap();
    follow(&stage, &finds(&stage, "log-not-writable", "x/log"));
    assert_eq!(stage.svctl(&["start", "x/log", "x"]).code, Some(0));
    is_well(&stage);
}

/// A logger's script that goes elsewhere before it names a relative log directory.
#[test]
fn a_log_directory_is_looked_for_where_multilog_works() {
    if !nix::unistd::geteuid().is_root() {
        println!("left out: that takes root");
        return;
    }
    let mut stage = Stage::empty();
    fs::set_permissions(stage.scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    stage.add("x", STAYS);
    let run = "cd ../../../elsewhere\nexec setuidgid nobody multilog t ./main";
    stage.scratch.service("d/x/log", run);
    stage.scratch.directory_at("elsewhere/main");
    stage.scan();
    // multilog cannot write there, and doctor cannot know where that is.
    finds(&stage, "logger-flapping", "x/log");
    assert_eq!(names(&report(&stage, &[])), ["logger-flapping"]);
    let main = stage.scratch.path().join("elsewhere/main");
    nix::unistd::chown(&main, Some(65_534.into()), None).unwrap();
    is_well(&stage);
    // Another logger that has the same directory is found while the first one works there.
    stage.add("y", STAYS);
    stage.scratch.service("d/y/log", &format!("exec multilog t {}", main.display()));
    let found = finds(&stage, "multilog-mistake", "y/log");
    assert_eq!(found["what"], "its log directory is that of x/log");
}

/// A small file system, in its own mount namespace.
#[test]
fn a_disk_that_is_full() {
    let stage = Stage::empty();
    stage.add("x", "while :; do echo line; sleep 0.01; done");
    stage.scratch.service("d/x/log", "exec multilog t ./main");
    stage.scratch.directory_at("d/x/log/main");
    let svctl = assert_cmd::cargo::cargo_bin!("svctl").display().to_string();
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs d/x/log/main && echo mounted || exit\n\
         svscan s >/dev/null 2>&1 &\n\
         dd if=/dev/zero of=d/x/log/main/filler bs=1k count=1000 2>/dev/null\n\
         until svok s/x/log; do sleep 0.05; done\n\
         SVDIR=s {svctl} doctor --json\n\
         rm d/x/log/main/filler\n\
         SVDIR=s {svctl} doctor --json\n\
         kill %1; svc -dx s/x s/x/log"
    );
    let mut command = stage.scratch.command("unshare");
    let options = if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" };
    let said =
        crate::scratch::Said::of(&command.args([options, "sh", "-c", &script]).output().unwrap());
    let mut lines = said.out.lines();
    if lines.next() != Some("mounted") {
        println!("left out, no mount namespace: {}", said.err);
        return;
    }
    let full: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let found = super::finding(&full, "log-disk-full", "x/log").unwrap_or_else(|| panic!("{full}"));
    assert!(saw(&found).ends_with("the disk is full"), "{found}");
    let empty: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(super::finding(&empty, "log-disk-full", "x/log"), None);
}
