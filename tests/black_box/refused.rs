//! The kernel refuses svscan and svscanboot new processes, or inotify, for a while.

use crate::scratch::{Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use crate::svscan::{starts, stayer, supervises, up};
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// `name` on the scan directory as a user whose processes are counted: by another one than root.
fn by_a_user(scratch: &Scratch, name: &str) -> Child {
    if nix::unistd::geteuid().is_root() {
        let listed = Command::new("find").arg(scratch.path()).output().unwrap().stdout;
        for path in String::from_utf8(listed).unwrap().lines() {
            std::os::unix::fs::lchown(path, Some(65534), Some(65534)).unwrap();
        }
        chown(scratch.path(), Some(65534), Some(65534)).unwrap();
    }
    let mut command = scratch.command_of_a_user(name);
    let errors = fs::File::options().create(true).append(true).open(scratch.path().join("errors"));
    command.arg("scan").stderr(errors.unwrap()).spawn().unwrap()
}

/// Whether `pid`, a process of [`by_a_user`], may fork.
fn may_fork(scratch: &Scratch, pid: u32, may: bool) {
    let limit = if may { "--nproc=4096:" } else { "--nproc=0:" };
    let words = ["prlimit", "--pid", &pid.to_string(), limit];
    // In a sandbox root may not be allowed to set limits of other users' processes.
    let mut command = scratch.command("setuidgid");
    if nix::unistd::geteuid().is_root() {
        command.arg(":65534:65534").args(words);
    } else {
        command = scratch.command(words[0]);
        command.args(&words[1..]);
    }
    assert!(command.status().unwrap().success());
}

/// How often a rest of so many seconds was announced.
fn rests(scratch: &Scratch, seconds: u64) -> usize {
    scratch.errors().matches(&format!(", sleeping {seconds} seconds: temporary failure\n")).count()
}

#[test]
fn a_fork_that_fails_is_tried_again_after_a_rest_that_doubles_and_is_said_once_for_all() {
    if !only_ours("0.76 tries every five seconds, for each service") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    for name in ["b", "c", "d"] {
        stayer(&scratch, name);
    }
    let child = by_a_user(&scratch, "svscan");
    up(&scratch, "a");
    may_fork(&scratch, child.id(), false);
    let link = |name: &str| {
        symlink(format!("../{name}"), scratch.path().join("scan").join(name)).unwrap();
    };
    let begun = Instant::now();
    link("b");
    let line = "svscan: warning: unable to fork for b, sleeping 1 seconds: temporary failure\n";
    wait_for("the first rest", || scratch.errors() == line);
    link("c");
    wait_for("the third rest", || rests(&scratch, 4) == 1);
    assert!(begun.elapsed() >= SECOND * 3, "after {:?}", begun.elapsed());
    assert_eq!((rests(&scratch, 1), rests(&scratch, 2), scratch.lines("errors")), (1, 1, 3));
    may_fork(&scratch, child.id(), true);
    up(&scratch, "b");
    up(&scratch, "c");
    // A fork that works ends it: the next failure is a first one.
    may_fork(&scratch, child.id(), false);
    link("d");
    wait_for("another first rest", || rests(&scratch, 1) == 2);
    may_fork(&scratch, child.id(), true);
    up(&scratch, "d");
    assert_eq!((supervises(child.id()).len(), starts(&scratch, "a")), (4, 1));
}

#[test]
fn svscanboot_rests_after_a_fork_that_fails() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let mut child = by_a_user(&scratch, "svscanboot");
    up(&scratch, "a");
    let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let child_of_name =
        |wanted: &str| supervises(child.id()).into_iter().find(|pid| name(pid).trim() == wanted);
    let svscan = || child_of_name("svscan");
    // Messages of svscanboot are shown there, too.
    let title = format!("/proc/{}/cmdline", child_of_name("readproctitle").unwrap());
    may_fork(&scratch, child.id(), false);
    kill(svscan().unwrap(), "KILL");
    for seconds in [1, 2] {
        let line = format!(
            "svscanboot: warning: unable to fork for svscan, sleeping {seconds} seconds: \
             temporary failure"
        );
        wait_for(&line, || fs::read_to_string(&title).unwrap().contains(&line));
    }
    stays("no svscan", SECOND, || svscan().is_none());
    may_fork(&scratch, child.id(), true);
    wait_for("another svscan", || svscan().is_some_and(is_alive));
    kill(child.id(), "TERM");
    assert_eq!((end_of(&mut child).code(), starts(&scratch, "a")), (Some(0), 1));
}

#[test]
fn inotify_that_was_refused_is_asked_for_again_at_a_tick() {
    if !only_ours("0.76 knows no inotify") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    stayer(&scratch, "b");
    let script = "limit=/proc/sys/user/max_inotify_instances\n\
                  echo 0 >$limit && svscan scan & echo $! >pid\n\
                  while [ ! -e go ]; do sleep 0.02; done\n\
                  echo 16 >$limit && echo done >raised\n\
                  wait";
    let mut space = scratch.start("unshare", &["-Ur", "sh", "-c", script]);
    let is_refused = |space: &mut Child| space.try_wait().unwrap().is_some();
    wait_for("the start", || is_refused(&mut space) || starts(&scratch, "a") == 1);
    if scratch.errors().contains("unshare: ") || scratch.errors().contains("sh: ") {
        println!("left out, no limit of our own: {}", scratch.errors());
        return;
    }
    let pid = scratch.read("pid").trim().to_owned();
    let watches = || {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let mut links = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.any(|link| link.to_string_lossy().contains("inotify"))
    };
    assert!(!watches(), "inotify was not refused");
    scratch.write("go", b"");
    wait_for("the limit", || scratch.read("raised") == "done\n");
    wait_for("the watch", watches);
    let begun = Instant::now();
    symlink("../b", scratch.path().join("scan/b")).unwrap();
    wait_for("the new service", || starts(&scratch, "b") == 1);
    assert!(begun.elapsed() < SECOND, "after {:?}", begun.elapsed());
    assert_eq!(scratch.errors(), "");
    kill(space.id(), "KILL");
    end_of(&mut space);
}
