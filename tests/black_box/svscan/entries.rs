//! Which entries of the scan directory are services and loggers, and what is said of those that are
//! not.

use super::{SECOND, starts, stayer, supervises, svscan, up};
use crate::scratch::{Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

#[test]
fn every_directory_is_a_service_but_dot_names_and_second_names_are_not() {
    let scratch = Scratch::new();
    for name in ["scan/a", "scan/.hidden", "outside"] {
        stayer(&scratch, name);
    }
    scratch.write("scan/file", b"");
    symlink("../outside", scratch.path().join("scan/link")).unwrap();
    symlink("a", scratch.path().join("scan/second")).unwrap();
    let child = svscan(&scratch);
    up(&scratch, "a");
    wait_for("the link", || starts(&scratch, "outside") == 1);
    stays("two services", SECOND, || supervises(child.id()).len() == 2);
    assert_eq!(starts(&scratch, ".hidden"), 0);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn dangling_links_are_named_and_harmless() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    symlink("none", scratch.path().join("scan/dangling")).unwrap();
    symlink("loop", scratch.path().join("scan/loop")).unwrap();
    let _svscan = svscan(&scratch);
    up(&scratch, "a");
    let lines = [
        "svscan: warning: unable to stat dangling: file does not exist\n",
        "svscan: warning: unable to stat loop: symbolic link loop\n",
    ];
    let count = |line: &str| scratch.errors().matches(line).count();
    wait_for("both to be named", || lines.iter().all(|line| count(line) == 1));
    wait_for("the next pass to name them again", || lines.iter().all(|line| count(line) == 2));
}

#[test]
fn a_plain_file_named_log_fails_with_every_pass() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    scratch.write("scan/a/log", b"");
    let _svscan = svscan(&scratch);
    up(&scratch, "a");
    let line = "supervise: fatal: unable to chdir to log: not a directory\n";
    wait_for("two passes", || scratch.errors() == line.repeat(2));
}

#[test]
fn a_log_that_cannot_be_looked_at_keeps_its_service_from_starting() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let log = scratch.path().join("scan/a/log");
    symlink("log", &log).unwrap();
    let _svscan = svscan(&scratch);
    let line = "svscan: warning: unable to stat a/log: symbolic link loop\n";
    wait_for("two passes", || scratch.errors() == line.repeat(2));
    assert_eq!(starts(&scratch, "a"), 0);
    fs::remove_file(log).unwrap();
    up(&scratch, "a");
}

#[test]
fn a_log_that_leads_nowhere_is_none_and_a_logger_that_comes_later_is_not_noticed_by_0_76() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let log = scratch.path().join("scan/a/log");
    symlink("none", &log).unwrap();
    let child = svscan(&scratch);
    up(&scratch, "a");
    fs::remove_file(&log).unwrap();
    scratch.service("later", "exec cat");
    fs::rename(scratch.path().join("later"), &log).unwrap();
    if only_ours("0.76 does not notice") {
        let pid = scratch.pid("scan/a");
        wait_for("the logger", || scratch.is_running("scan/a/log"));
        wait_for("its word", || !scratch.errors().is_empty());
        let line =
            "svscan: warning: a has a logger now, which it writes to from its next start on\n";
        assert_eq!(scratch.errors(), line);
        let pipe = |pid| fs::read_link(format!("/proc/{pid}/fd/1")).unwrap();
        let before = pipe(pid);
        // Another supervise has adopted it.
        wait_for("a supervise with the pipe", || {
            supervises(child.id()).iter().any(|&of| pipe(of) != before && is_alive(of))
        });
        wait_for("its supervise", || scratch.is_running("scan/a"));
        assert_eq!((scratch.pid("scan/a"), starts(&scratch, "a")), (pid, 1));
        scratch.svc("-t", "scan/a");
        wait_for("the next start", || starts(&scratch, "a") == 2);
        let reader = fs::read_link(format!("/proc/{}/fd/0", scratch.pid("scan/a/log")));
        assert_eq!(pipe(scratch.pid("scan/a")), reader.unwrap());
        return;
    }
    // Over a pass of svscan.
    stays("no logger", SECOND * 11 / 2, || !scratch.is_running("scan/a/log"));
    assert_eq!(scratch.errors(), "");
}

#[test]
fn another_directory_of_the_same_name_is_another_service() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    let first = scratch.pid("scan/a");
    fs::rename(scratch.path().join("scan/a"), scratch.path().join("gone")).unwrap();
    stayer(&scratch, "a");
    fs::rename(scratch.path().join("a"), scratch.path().join("scan/a")).unwrap();
    wait_for("the other", || starts(&scratch, "a") == 2);
    assert!(is_alive(first) && scratch.is_running("gone"));
    assert_eq!(supervises(child.id()).len(), 2);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_process_that_reads_ok_is_no_supervise() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    scratch.directory_at("scan/a/supervise");
    scratch.fifo("scan/a/supervise/ok");
    let ok = scratch.path().join("scan/a/supervise/ok");
    let _reader = fs::File::options().read(true).write(true).open(ok).unwrap();
    let _svscan = svscan(&scratch);
    wait_for("the start", || starts(&scratch, "a") == 1);
}

#[test]
fn records_that_could_not_be_made_at_the_start_are_made_later() {
    if !only_ours(".svscan") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    let place = scratch.path().join("scan/.svscan");
    type Change = fn(&Path);
    let obstacles: [(Change, Change, &str); 2] = [
        (
            |place| fs::write(place, "").unwrap(),
            |place| fs::remove_file(place).unwrap(),
            "svscan: warning: unable to open scan/.svscan: not a directory\n",
        ),
        (
            |place| {
                fs::create_dir_all(place.join("control")).unwrap();
                fs::set_permissions(place, fs::Permissions::from_mode(0o700)).unwrap();
            },
            |place| fs::remove_dir(place.join("control")).unwrap(),
            "svscan: warning: unable to listen in scan/.svscan: file already exists\n",
        ),
    ];
    for (put, remove, line) in obstacles {
        fs::remove_dir_all(&place).ok();
        fs::remove_file(scratch.path().join("errors")).ok();
        put(&place);
        let mut child = scratch.start("svscan", &["scan"]);
        wait_for("the warning", || scratch.errors() == line);
        remove(&place);
        for name in ["lock", "control", "pipes"] {
            wait_for(name, || place.join(name).exists());
        }
        assert_eq!(scratch.run("svscan", &["scan"]).code, Some(111), "the lock is held");
        assert_eq!(scratch.errors(), line);
        kill(child.id(), "KILL");
        end_of(&mut child);
    }
}
