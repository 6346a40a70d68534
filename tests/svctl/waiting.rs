//! Waiting: for what other programs do, for slow services, and for a supervise that comes and goes.

use crate::scratch::{Said, end_of, kill, wait_for};
use crate::stage::{STAYS, Stage};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn wait_returns_when_the_state_is_there() {
    let stage = Stage::of(&[("a", STAYS)]);
    assert_eq!(stage.svctl(&["wait", "up", "a", "-q"]), Said::exit(0));
    let mut waiting = stage.command(&["wait", "down", "-q"]).spawn().unwrap();
    // It waits, since no request for down has been made yet.
    crate::scratch::stays("the wait", Duration::from_millis(200), || {
        waiting.try_wait().unwrap().is_none()
    });
    stage.svc("-d", "a");
    assert_eq!(end_of(&mut waiting).code(), Some(0));
    assert_eq!(stage.state("a"), "down");
    let mut waiting = stage.command(&["wait", "up", "a", "-q"]).spawn().unwrap();
    stage.svc("-u", "a");
    assert_eq!(end_of(&mut waiting).code(), Some(0));
}

#[test]
fn wait_gives_up_at_its_timeout_with_1() {
    let stage = Stage::of(&[("a", STAYS)]);
    stage.wait_until("a", "up");
    let pid = stage.pid("a");
    let (said, took) = stage.timed(&["wait", "down", "--timeout", "0.3", "a"]);
    let expected = format!(
        "svctl: warning: unable to wait for a: process {pid} is still there after 0.3 s; \
         try: svctl stop a"
    );
    assert_eq!(said, Said::complaint(1, &expected));
    assert!(took >= Duration::from_millis(300), "{took:?}");
    let expected = "svctl: warning: unable to wait for a: a supervise still runs after 0.1 s";
    let said = stage.svctl(&["wait", "gone", "--timeout", "0.1", "a"]);
    assert_eq!(said, Said::complaint(1, expected));
    // With a timeout of 0, svctl looks once.
    assert_eq!(stage.svctl(&["wait", "up", "--timeout", "0", "a"]).code, Some(0));
    assert_eq!(stage.svctl(&["wait", "down", "--timeout", "0", "a"]).code, Some(1));
}

#[test]
fn wait_gone_ends_with_the_supervise() {
    let mut stage = Stage::of(&[("a", STAYS)]);
    stage.stop_scan();
    let mut waiting = stage.command(&["wait", "gone", "a", "-q"]).spawn().unwrap();
    stage.svc("-dx", "a");
    assert_eq!(end_of(&mut waiting).code(), Some(0));
    assert!(!stage.is_supervised("a"));
    // Without a supervise the service is down, and its process was stopped already.
    assert_eq!(stage.svctl(&["wait", "down", "a"]).code, Some(0));
    assert_eq!(stage.svctl(&["stop", "a"]).code, Some(0));
    let expected = "svctl: warning: unable to start a: no supervise runs; try: svctl doctor a";
    assert_eq!(stage.svctl(&["start", "a"]), Said::complaint(1, expected));
}

#[test]
fn a_service_that_was_just_linked_is_started() {
    let mut stage = Stage::empty();
    stage.scan();
    for number in 0..5 {
        let name = format!("s{number}");
        stage.scratch.service(&format!("d/{name}"), STAYS);
        stage.link(&name);
        let said = stage.svctl(&["start", "--settle", "0", &name]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    }
}

/// When the status of `a` next says that it is down, by a watch that exists before.
fn down_in_the_status(stage: &Stage) -> thread::JoinHandle<Instant> {
    let records = stage.of_service("a/supervise");
    let watch = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
    watch.add_watch(&records, AddWatchFlags::IN_MOVED_TO).unwrap();
    thread::spawn(move || {
        loop {
            watch.read_events().unwrap();
            let now = Instant::now();
            let status = fs::read(records.join("status")).unwrap();
            if status[12..16] == [0; 4] && status[17] == b'd' {
                // Ending this watch would take the kernel tens of milliseconds.
                std::mem::forget(watch);
                return now;
            }
        }
    })
}

/// Ends inotify watches, one after another. The kernel takes tens of milliseconds for each, and a
/// process that ends a watch waits for those of all others. So this test sees a program that ends
/// its watches before it exits, on an idle machine too.
struct EndingWatches {
    goes_on: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl EndingWatches {
    fn of(directory: PathBuf) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let is_on = Arc::clone(&goes_on);
        let thread = thread::spawn(move || {
            while is_on.load(Ordering::Relaxed) {
                let watch = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
                watch.add_watch(&directory, AddWatchFlags::IN_MOVED_TO).unwrap();
            }
        });
        Self { goes_on, thread: Some(thread) }
    }
}

impl Drop for EndingWatches {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// The time from the status that says down to the exit of `svctl stop`, or of `svctl wait down`.
fn delay(stage: &Stage, is_stop: bool) -> Duration {
    stage.wait_until("a", "up");
    let down = down_in_the_status(stage);
    let words = if is_stop { &["stop", "a", "-q"][..] } else { &["wait", "down", "a", "-q"] };
    let mut svctl = stage.command(words).spawn().unwrap();
    if !is_stop {
        // Once svctl polls, it has looked.
        let stat = format!("/proc/{}/stat", svctl.id());
        wait_for("the wait", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") S ")));
        stage.svc("-d", "a");
    }
    assert_eq!(svctl.wait().unwrap().code(), Some(0));
    let ended = Instant::now();
    let down = down.join().unwrap();
    stage.svc("-u", "a");
    ended.saturating_duration_since(down)
}

#[test]
fn stop_and_wait_return_within_5_ms_of_the_status() {
    const PROMISE: Duration = Duration::from_millis(5);
    let stage = Stage::of(&[("a", STAYS)]);
    let _ending = EndingWatches::of(stage.path());
    for (verb, is_stop) in [("stop", true), ("wait", false)] {
        // The promise is about the median. A loaded machine gets more tries, not more time.
        let (mut delays, mut in_time) = (Vec::new(), 0);
        while delays.len() < 9 || in_time * 2 <= delays.len() && delays.len() < 41 {
            delays.push(delay(&stage, is_stop));
            in_time = delays.iter().filter(|&&delay| delay < PROMISE).count();
        }
        delays.sort_unstable();
        println!("{verb}: ended {:?} after the status, {delays:?}", delays[delays.len() / 2]);
        assert!(in_time * 2 > delays.len(), "{verb}: {delays:?}");
    }
}

/// How many processes of a group exist, zombies left out.
fn members(group: u32) -> usize {
    let stats = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let fields = stats.map(|stat| stat.rsplit(')').next().unwrap_or_default().to_owned());
    let is_member = |fields: &String| {
        let mut fields = fields.split_whitespace();
        fields.next() != Some("Z") && fields.nth(1) == Some(&group.to_string())
    };
    fields.filter(is_member).count()
}

#[test]
fn what_ends_the_watches_of_a_wait_ends_too() {
    let stage = Stage::of(&[("a", STAYS)]);
    stage.wait_until("a", "up");
    let mut stopping = stage.command(&["stop", "-q", "a"]).process_group(0).spawn().unwrap();
    let group = stopping.id();
    assert_eq!(end_of(&mut stopping).code(), Some(0));
    wait_for("the end of all that svctl started", || members(group) == 0);
}

#[test]
fn a_supervise_that_is_killed_meanwhile_is_asked_again() {
    let stage =
        Stage::of(&[("a", "trap 'sleep 1.5; exit 0' TERM\n: >ready\nwhile :; do sleep 0.1; done")]);
    wait_for("the trap", || stage.of_service("a/ready").exists());
    let supervise = stage.facts("a")["supervise_pid"].as_u64().unwrap();
    let mut stopping = stage.command(&["stop", "a"]);
    let stopping = stopping.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    stage.wait_until("a", "stopping");
    kill(u32::try_from(supervise).unwrap(), "KILL");
    let said = Said::of(&stopping.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    wait_for("the service to be down under its new supervise", || stage.state("a") == "down");
}

#[test]
fn a_start_that_another_command_takes_back_fails_and_says_why() {
    let stage = Stage::of(&[("a", STAYS)]);
    assert_eq!(stage.svctl(&["stop", "a"]).code, Some(0));
    let mut starting = stage.command(&["start", "--settle", "10", "a"]);
    let starting = starting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    stage.wait_until("a", "up");
    stage.svc("-d", "a");
    let said = Said::of(&starting.wait_with_output().unwrap());
    let expected =
        "svctl: warning: unable to start a: another command asked for something else meanwhile";
    assert_eq!(said, Said::complaint(1, expected));
}

#[test]
fn an_interrupt_ends_the_waiting_only() {
    let stage = Stage::of(&[("a", "trap '' TERM\n: >ready\nwhile :; do sleep 0.1; done")]);
    wait_for("the trap", || stage.of_service("a/ready").exists());
    let pid = stage.pid("a");
    let mut stopping = stage.command(&["stop", "-q", "a"]).spawn().unwrap();
    stage.wait_until("a", "stopping");
    kill(stopping.id(), "INT");
    assert_eq!(end_of(&mut stopping).signal(), Some(2));
    assert_eq!((stage.state("a"), stage.pid("a")), ("stopping".into(), pid));
}

#[test]
fn without_inotify_it_is_looked_and_that_is_said_once() {
    let stage = Stage::of(&[("a", STAYS), ("b", STAYS)]);
    stage.wait_until("a", "up");
    stage.wait_until("b", "up");
    // A new user namespace has its own limits.
    let command = stage.command(&["stop", "a", "b"]);
    let mut limited = Command::new("unshare");
    let script = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    limited.args(["-Ur", "sh", "-c", script]).arg(command.get_program()).args(command.get_args());
    limited.env("SVDIR", stage.path()).current_dir(stage.scratch.path());
    let said = Said::of(&limited.output().unwrap());
    if said.err.starts_with("unshare:") || said.err.starts_with("sh:") {
        println!("left out: no user namespace to be had: {}", said.err);
        return;
    }
    let expected = "svctl: warning: unable to watch services, looking 5 times a second: \
                    process cannot open more files\n";
    assert_eq!((said.code, said.err.as_str()), (Some(0), expected), "{said:?}");
    assert_eq!((stage.state("a"), stage.state("b")), ("down".into(), "down".into()));
}
