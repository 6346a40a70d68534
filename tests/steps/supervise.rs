//! supervise, killed at every step. The service notes each of its starts.

use crate::case::Case;
use crate::scan::{is_current, published, supervises_of};
use crate::scratch::{Scratch, end_of, is_alive, kill, wait_for};
use crate::tracer::Traced;
use std::fs;
use std::process::{Child, Command, Stdio};

const NOTHING: fn(&Scratch, &Traced) = |_, _| {};

pub fn cases() -> Vec<Case> {
    let first = Case {
        name: "supervise: the first start",
        prepare: steady,
        target: |scratch| supervise(scratch, "supervise"),
        ready: None,
        provoke: NOTHING,
        is_over: |scratch, _| is_up(scratch) && starts(scratch) == 1,
        judge: |scratch| {
            let _successor = succeed(scratch);
            runs_once_as(scratch, 1);
        },
    };
    let running = Case { ready: Some(has_begun), ..first };
    vec![
        first,
        Case {
            name: "supervise: a restart",
            ready: Some(is_rested),
            provoke: |scratch, _| kill(scratch.pid("a"), "KILL"),
            is_over: |scratch, _| starts(scratch) == 2 && is_up(scratch),
            judge: |scratch| {
                let _successor = succeed(scratch);
                runs_once_as(scratch, 2);
            },
            ..running
        },
        Case {
            name: "supervise: svc -d",
            provoke: |scratch, _| scratch.svc("-d", "a"),
            is_over: |scratch, _| is_down(scratch),
            judge: |scratch| {
                let _successor = succeed(scratch);
                assert_eq!(starts(scratch), 1, "started again");
                if scratch.svstat("a").contains("want down") {
                    // The recorded d is carried out, whether TERM was sent before or not.
                    wait_for("the end that was recorded", || is_down(scratch));
                }
                scratch.svc("-d", "a");
                wait_for("the end of the service", || is_down(scratch) && copies(scratch) == 0);
                assert_eq!(starts(scratch), 1, "started again while it went down");
                scratch.svc("-u", "a");
                runs_once_as(scratch, 2);
            },
            ..running
        },
        Case {
            name: "supervise: svc -u",
            prepare: |scratch| {
                steady(scratch);
                scratch.write("a/down", b"");
            },
            ready: Some(|scratch| is_down(scratch) && scratch.is_running("a")),
            provoke: |scratch, _| scratch.svc("-u", "a"),
            is_over: |scratch, _| is_up(scratch) && starts(scratch) == 1,
            judge: |scratch| {
                let _successor = succeed(scratch);
                scratch.svc("-u", "a");
                runs_once_as(scratch, 1);
            },
            ..running
        },
        Case {
            name: "supervise: svc -o",
            prepare: |scratch| {
                scratch.service("a", "echo $$ >>../starts");
                scratch.write("a/down", b"");
            },
            ready: Some(|scratch| is_down(scratch) && scratch.is_running("a")),
            provoke: |scratch, _| scratch.svc("-o", "a"),
            is_over: |scratch, _| is_down(scratch) && starts(scratch) == 1,
            judge: |scratch| {
                let _successor = succeed(scratch);
                wait_for("the end of what was started", || {
                    is_down(scratch) && copies(scratch) == 0
                });
                let before = starts(scratch);
                assert!(before <= 1, "asked once, started {before} times");
                scratch.svc("-o", "a");
                wait_for("a start", || starts(scratch) == before + 1 && is_down(scratch));
                assert_eq!(starts(scratch), before + 1);
            },
            ..running
        },
        Case {
            name: "supervise: svc -t",
            ready: Some(is_rested),
            provoke: |scratch, _| scratch.svc("-t", "a"),
            is_over: |scratch, _| starts(scratch) == 2 && is_up(scratch),
            judge: |scratch| {
                let _successor = succeed(scratch);
                // A byte that supervise read and did not act on is lost with it.
                let before = scratch.read("starts").lines().next().unwrap().parse().unwrap();
                let expected = if is_alive(before) { 1 } else { 2 };
                runs_once_as(scratch, expected);
            },
            ..running
        },
        Case {
            name: "supervise: svc -p",
            provoke: |scratch, _| scratch.svc("-p", "a"),
            is_over: |scratch, _| scratch.svstat("a").contains("paused"),
            judge: |scratch| {
                let _successor = succeed(scratch);
                scratch.svc("-p", "a");
                wait_for("the pause", || scratch.svstat("a").contains("paused"));
                scratch.svc("-c", "a");
                wait_for("its end", || !scratch.svstat("a").contains("paused"));
                runs_once_as(scratch, 1);
            },
            ..running
        },
        Case {
            name: "supervise: svc -dx",
            provoke: |scratch, _| scratch.svc("-dx", "a"),
            is_over: |_, target| target.has_ended(),
            judge: |scratch| {
                let was_up = copies(scratch) == 1;
                let mut successor = start(scratch);
                wait_for("the successor", || {
                    scratch.is_running("a") || successor.try_wait().unwrap().is_some()
                });
                // If the service was down, `x` may be done: then this supervise is a first one.
                let most = if was_up { 1 } else { 2 };
                assert!(starts(scratch) <= most, "started {} times", starts(scratch));
                if successor.try_wait().unwrap().is_none() {
                    // The bytes may have been lost with supervise, or this one exits now.
                    let _ = scratch.run("svc", &["-dx", "a"]);
                }
                assert_eq!(end_of(&mut successor).code(), Some(0), "supervise's exit code");
                wait_for("the end of the service", || copies(scratch) == 0);
                assert!(starts(scratch) <= most, "started {} times", starts(scratch));
            },
            ..running
        },
        Case {
            name: "supervise: its own adoption of a service",
            prepare: |scratch| {
                steady(scratch);
                let mut before = start(scratch);
                wait_for("the start", || is_up(scratch) && starts(scratch) == 1);
                before.kill().unwrap();
                before.wait().unwrap();
            },
            ready: None,
            is_over: |scratch, _| scratch.is_running("a"),
            provoke: NOTHING,
            ..first
        },
        Case {
            name: "supervise: the start after a service that died unseen",
            prepare: |scratch| {
                steady(scratch);
                let mut before = start(scratch);
                wait_for("the start", || is_up(scratch) && starts(scratch) == 1);
                before.kill().unwrap();
                before.wait().unwrap();
                let service = scratch.read("starts").trim().parse().unwrap();
                kill(service, "KILL");
                wait_for("its end", || copies(scratch) == 0);
            },
            ready: None,
            provoke: NOTHING,
            is_over: |scratch, _| is_up(scratch) && starts(scratch) == 2,
            judge: |scratch| {
                let _successor = succeed(scratch);
                runs_once_as(scratch, 2);
            },
            ..first
        },
        Case {
            name: "supervise: the end of a group",
            prepare: |scratch| {
                scratch.service("a", "echo $$ >>../starts\n../worker &\nexec sleep 1000");
                scratch.script("worker", "cd ../elsewhere\necho $$ >>../workers\nexec sleep 1001");
                scratch.directory_at("elsewhere");
                scratch.write("a/kill-group", b"");
            },
            // The second record says that it lived a second after its start: so its first worker is
            // known to be of its group, in any working directory.
            ready: Some(|scratch| {
                let journal = fs::read(scratch.path().join("a/supervise/journal"));
                let is_noted = journal.is_ok_and(|bytes| bytes[..6] != [0; 6]);
                is_rested(scratch) && is_noted && scratch.lines("workers") == 1
            }),
            provoke: |scratch, _| kill(scratch.pid("a"), "KILL"),
            is_over: |scratch, _| scratch.lines("workers") == 2 && is_up(scratch),
            judge: |scratch| {
                let _successor = succeed(scratch);
                runs_once_as(scratch, 2);
                wait_for("the second worker", || scratch.lines("workers") == 2);
                let workers = scratch.read("workers");
                let alive = workers.lines().filter(|pid| is_alive(pid.parse().unwrap())).count();
                assert_eq!(alive, 1, "workers that live: {}", scratch.errors());
            },
            ..running
        },
        Case {
            name: "supervise: its next image",
            prepare: |scratch| {
                steady(scratch);
                install(scratch);
            },
            target: |scratch| supervise(scratch, "../installed/supervise"),
            provoke: |scratch, target| {
                install(scratch);
                kill(target.pid(), "HUP");
            },
            is_over: |scratch, target| is_current(target.pid()) && scratch.is_running("a"),
            ..running
        },
    ]
}

fn steady(scratch: &Scratch) {
    scratch.service("a", "echo $$ >>../starts\nexec sleep 1000");
}

/// supervise on service `a`, under a name looked up among the commands under test.
fn supervise(scratch: &Scratch, name: &str) -> Command {
    let mut command = if name.contains('/') {
        let mut command = Command::new(scratch.path().join("installed/supervise"));
        command.current_dir(scratch.path()).env("SCRATCH", scratch.path());
        command
    } else {
        scratch.command(name)
    };
    let errors = fs::File::options().create(true).append(true).open(scratch.path().join("errors"));
    command.arg("a").stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.unwrap());
    command
}

fn start(scratch: &Scratch) -> Child {
    scratch.start("supervise", &["a"])
}

/// Starts the successor as svscan would, and waits until it listens. A child that the killed
/// supervise had just forked may seem to listen until it is gone.
fn succeed(scratch: &Scratch) -> Child {
    let successor = start(scratch);
    wait_for("the successor", || {
        supervises_of(scratch, "a") == [successor.id()] && scratch.is_running("a")
    });
    successor
}

/// Copies the program into the directory, and replaces the old one.
fn install(scratch: &Scratch) {
    crate::scan::copy(scratch, "supervise");
}

fn is_up(scratch: &Scratch) -> bool {
    crate::scan::is_up(scratch, "a")
}

/// It is up, and has noted its first start: on a busy machine that is later.
fn has_begun(scratch: &Scratch) -> bool {
    is_up(scratch) && starts(scratch) == 1
}

fn is_down(scratch: &Scratch) -> bool {
    published(scratch, "a") == Some(0) && scratch.svstat("a").contains(": down ")
}

/// Whether it is up, and has been for so long that it is started again at once when it dies.
fn is_rested(scratch: &Scratch) -> bool {
    has_begun(scratch) && !scratch.svstat("a").contains(" 0 seconds")
}

fn starts(scratch: &Scratch) -> usize {
    scratch.lines("starts")
}

/// How many processes work in the service directory that are no supervise: copies of the service.
pub fn copies(scratch: &Scratch) -> usize {
    crate::scan::workers_in(&scratch.path().join("a")).len()
}

/// At the end the service is up as one process, with the pid that supervise shows, and was started
/// so many times in all.
fn runs_once_as(scratch: &Scratch, expected: usize) {
    wait_for("the expected start", || starts(scratch) >= expected && is_up(scratch));
    wait_for("one copy", || copies(scratch) == 1);
    assert_eq!(starts(scratch), expected, "starts: {}", scratch.errors());
    let pid = scratch.pid("a");
    assert!(is_alive(pid), "supervise says that {pid} is up");
    let last = scratch.read("starts").lines().last().unwrap().to_owned();
    assert_eq!(last, pid.to_string(), "another process than the one that was started last");
}
