//! svscan is killed just after it has forked supervises: before they execute supervise, or before
//! they hold their services.

use crate::scratch::{Scratch, commands, end_of, is_alive, only_ours, stays, wait_for};
use nix::fcntl::{Flock, FlockArg};
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

/// A process called svscan that has the lock file open: what the child of a killed svscan is until
/// it executes supervise, where svscanboot holds the lock itself.
#[test]
fn a_new_svscan_waits_for_a_child_of_the_old_one_that_is_no_supervise_yet() {
    if !only_ours("a killed svscan has a successor") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "exec sleep 1000");
    let mut first = scratch.start("svscan", &["scan"]);
    wait_for("the first service", || scratch.svstat("scan/a").contains(": up (pid "));
    first.kill().unwrap();
    end_of(&mut first);
    scratch.directory_at("fork");
    scratch.script("fork/svscan", "exec 9<scan/.svscan/lock\n: >begun\nsleep 1\n: >over\nexit 0");
    let mut child = Command::new(scratch.path().join("fork/svscan"))
        .current_dir(scratch.path())
        .env("SCRATCH", scratch.path())
        .spawn()
        .unwrap();
    wait_for("the child", || scratch.path().join("begun").exists());
    scratch.service("scan/b", "test -e ../../over && echo yes >>../../waited\nexec sleep 1000");
    let _second = scratch.start("svscan", &["scan"]);
    wait_for("the second service", || scratch.svstat("scan/b").contains(": up (pid "));
    wait_for("its line", || scratch.read("waited") == "yes\n");
    assert_eq!(end_of(&mut child).code(), Some(0));
}

#[test]
fn a_new_svscan_waits_for_the_lock() {
    if !only_ours("the lock") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "exec sleep 1000");
    scratch.directory_at("scan/.svscan");
    scratch.write("scan/.svscan/lock", b"");
    let file = fs::File::open(scratch.path().join("scan/.svscan/lock")).unwrap();
    let lock = Flock::lock(file, FlockArg::LockExclusive).unwrap();
    let svscan = scratch.start("svscan", &["scan"]);
    stays("no service, and svscan", Duration::from_millis(300), || {
        !scratch.path().join("scan/a/supervise").exists() && is_alive(svscan.id())
    });
    drop(lock);
    wait_for("the service", || scratch.svstat("scan/a").contains(": up (pid "));
}
