//! `-f` without inotify: svctl lists the directory instead, and says that it cannot count lost
//! logs.

use super::{lines, log, numbers};
use crate::scratch::{Scratch, kill, wait_for};
use crate::stage::svctl;
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

/// svctl follows directory `m` in a user namespace that allows no inotify. Nothing if there are no
/// user namespaces.
fn follow(scratch: &Scratch) -> Option<Child> {
    let command = svctl(scratch.path());
    let mut limited = Command::new("unshare");
    let script = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$0\" logs -f --in m";
    limited.args(["-Ur", "sh", "-c", script]).arg(command.get_program());
    let file = |name: &str| fs::File::create(scratch.path().join(name)).unwrap();
    limited.current_dir(scratch.path()).stdout(file("out")).stderr(file("said"));
    let mut child = limited.env("TZ", "UTC0").spawn().unwrap();
    let mut is_there = false;
    wait_for("the follower", || {
        is_there = scratch.read("said").contains("unable to watch logs, looking 5 times a second");
        is_there || child.try_wait().unwrap().is_some()
    });
    if !is_there {
        println!("left out: no user namespace to be had: {}", scratch.read("said"));
    }
    is_there.then_some(child)
}

#[test]
fn without_inotify_nothing_is_lost_and_nothing_comes_twice() {
    let scratch = Scratch::new();
    log(&scratch, "m/current", &lines(0..3));
    fs::remove_file(scratch.path().join("m/current")).unwrap();
    let Some(mut follower) = follow(&scratch) else { return };
    let mut multilog = scratch.command("multilog");
    multilog.args(["t", "s4096", "n2", "./m"]).stdin(Stdio::piped());
    let mut child = multilog.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut write = |range: std::ops::Range<u64>| {
        let text: String = range.map(|number| format!("{number}\n")).collect();
        stdin.write_all(text.as_bytes()).unwrap();
    };
    // Less than a log at a time.
    for first in (0..400).step_by(40) {
        write(first..first + 40);
        let last = format!(" {}\n", first + 39);
        wait_for("the lines", || scratch.read("out").ends_with(&last));
    }
    assert_eq!(numbers(&scratch.read("out")), (0..400).collect::<Vec<_>>());
    assert_eq!(scratch.lines("said"), 1);
    kill(follower.id(), "STOP");
    write(400..2000);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    kill(follower.id(), "CONT");
    wait_for("the last line", || scratch.read("out").ends_with(" 1999\n"));
    wait_for("the word", || scratch.lines("said") == 2);
    follower.kill().unwrap();
    follower.wait().unwrap();
    let expected = "files may have been pruned unread in m: how many cannot be told\n";
    assert!(scratch.read("said").ends_with(expected), "{}", scratch.read("said"));
    let found = numbers(&scratch.read("out"));
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
}
