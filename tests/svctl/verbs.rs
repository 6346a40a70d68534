//! The verbs, one by one: what they ask, when they are done, and what they say.

use crate::scratch::{Said, is_alive, kill, wait_for};
use crate::stage::{ENDS, STAYS, Stage};
use std::time::Duration;

/// Ignores TERM, and makes a file when it does.
const STUBBORN: &str = "trap '' TERM\n: >ready\nwhile :; do sleep 1; done";

fn line(stage: &Stage, name: &str, text: &str) -> Said {
    Said::text(&format!("{}: {text}\n", stage.shown(&format!("s/{name}"))))
}

#[test]
fn start_waits_until_the_service_has_been_up_for_a_second() {
    let stage = Stage::empty();
    stage.add("a", STAYS);
    stage.scratch.write("d/a/down", b"");
    let mut stage = stage;
    stage.scan();
    let (said, took) = stage.timed(&["start", "a"]);
    let pid = stage.pid("a");
    assert_eq!(said, line(&stage, "a", &format!("up, process {pid}")));
    assert!(took >= Duration::from_secs(1), "{took:?}");
    let (said, took) = stage.timed(&["start", "a"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains(&format!(": already up, process {pid}, since ")), "{said:?}");
    assert!(took < Duration::from_millis(900), "{took:?}");
    assert_eq!(stage.svctl(&["up", "-q", "a"]), Said::exit(0));
}

#[test]
fn a_start_of_a_service_that_has_just_been_started_waits_whether_it_stays_up() {
    let mut stage = Stage::empty();
    stage.add("a", "sleep 0.4\nexit 7");
    stage.scratch.write("d/a/down", b"");
    stage.scan();
    stage.svc("-u", "a");
    stage.wait_until("a", "up");
    let said = stage.svctl(&["start", "a"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.err.contains("ended with exit 7"), "{said:?}");
}

#[test]
fn start_with_settle_0_is_done_at_once() {
    let stage = Stage::of(&[("a", STAYS)]);
    assert_eq!(stage.svctl(&["stop", "a"]).code, Some(0));
    let (said, took) = stage.timed(&["start", "--settle", "0", "a"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[test]
fn a_start_of_a_service_that_does_not_stay_up_says_how_it_ends() {
    let stage = Stage::of(&[("a", ENDS)]);
    assert_eq!(stage.svctl(&["stop", "a"]).code, Some(0));
    let (said, took) = stage.timed(&["start", "a"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.err.starts_with("svctl: warning: unable to start a: "), "{said:?}");
    assert!(said.err.contains("ended with exit 7"), "{said:?}");
    assert!(took < Duration::from_secs(15), "not before its timeout: {took:?}");
}

#[test]
fn a_start_of_a_paused_service_lets_it_go_on() {
    let stage = Stage::of(&[("a", STAYS)]);
    let pid = stage.pid("a");
    assert_eq!(stage.svctl(&["pause", "a"]), line(&stage, "a", &format!("paused, process {pid}")));
    let said = stage.svctl(&["start", "--settle", "0", "a"]);
    assert_eq!(said, line(&stage, "a", &format!("up, process {pid}")));
    assert_eq!(stage.state("a"), "up");
}

#[test]
fn a_hundred_starts_take_about_as_long_as_one() {
    let stage = Stage::empty();
    let names: Vec<String> = (0..100).map(|number| format!("s{number:02}")).collect();
    for name in &names {
        stage.add(name, STAYS);
        stage.scratch.write(&format!("d/{name}/down"), b"");
    }
    let mut stage = stage;
    stage.scan();
    let (said, took) = stage.timed(&["start", "--all"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(said.out.lines().count(), 100);
    assert!(took < Duration::from_secs(10), "one after another would be 100 s: {took:?}");
    let (said, took) = stage.timed(&["stop", "s*"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let services = stage.json(&[])["services"].clone();
    let is_down = |service: &serde_json::Value| service["state"] == "down";
    assert_eq!(services.as_array().unwrap().iter().filter(|it| is_down(it)).count(), names.len());
}

#[test]
fn stop_waits_for_the_end_of_the_process() {
    let stage =
        Stage::of(&[("a", "trap 'sleep 0.3; exit 3' TERM\n: >ready\nwhile :; do sleep 0.1; done")]);
    wait_for("the trap", || stage.of_service("a/ready").exists());
    let pid = stage.pid("a");
    let (said, took) = stage.timed(&["stop", "a"]);
    assert_eq!(said, line(&stage, "a", "down, exit 3"));
    assert!(took >= Duration::from_millis(300) && !is_alive(pid), "{took:?}");
    let said = stage.svctl(&["stop", "a"]);
    assert!(said.code == Some(0) && said.out.contains(": already down, since "), "{said:?}");
}

#[test]
fn a_stop_gives_up_on_a_service_that_ignores_term_and_kills_it_when_told_to() {
    let stage = Stage::of(&[("a", STUBBORN)]);
    wait_for("the trap", || stage.of_service("a/ready").exists());
    let pid = stage.pid("a");
    let said = stage.svctl(&["stop", "--timeout", "0.3", "a"]);
    let expected = format!(
        "svctl: warning: unable to stop a: process {pid} is still there after 0.3 s; \
         try: svctl stop --kill-after 5 a"
    );
    assert_eq!(said, Said::complaint(1, &expected));
    // The timeout counts from the KILL.
    let (said, took) = stage.timed(&["stop", "--timeout", "20", "--kill-after", "0.3", "a"]);
    assert_eq!(said, line(&stage, "a", "down, killed by KILL"));
    assert!(took >= Duration::from_millis(300) && !is_alive(pid), "{took:?}");
}

#[test]
fn a_stop_waits_for_the_group_of_a_service_with_kill_group() {
    let stage = Stage::empty();
    // Its worker is left behind.
    stage.add(
        "a",
        "sh -c 'trap \"\" TERM; : >ready; while :; do sleep 0.1; done' &\nexec sleep 1000",
    );
    stage.scratch.write("d/a/kill-group", b"");
    let mut stage = stage;
    stage.scan();
    wait_for("the worker", || stage.of_service("a/ready").exists());
    let said = stage.svctl(&["stop", "--timeout", "0.5", "a"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("its process has ended, "), "{said:?}");
    assert!(said.err.contains(" of its group are left after 0.5 s"), "{said:?}");
    // It does not count as down while its worker lives.
    let said = stage.svctl(&["stop", "--timeout", "0.2", "a"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let said = stage.svctl(&["stop", "--kill-after", "0.1", "a"]);
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn no_wait_asks_and_does_not_wait() {
    let stage = Stage::of(&[("a", STUBBORN)]);
    wait_for("the trap", || stage.of_service("a/ready").exists());
    let pid = stage.pid("a");
    let said = stage.svctl(&["stop", "--no-wait", "a"]);
    assert_eq!(said, line(&stage, "a", &format!("asked to stop, process {pid}")));
    stage.wait_until("a", "stopping");
}

#[test]
fn restart_is_done_when_the_count_of_starts_rose() {
    let stage = Stage::of(&[("a", STAYS), ("down", STAYS), ("ends", ENDS)]);
    let before = stage.pid("a");
    let said = stage.svctl(&["restart", "--settle", "0", "a"]);
    let after = stage.pid("a");
    assert_eq!(said, line(&stage, "a", &format!("up again, process {after}")));
    assert_ne!(before, after);
    assert_eq!(stage.facts("a")["starts"], 2);
    // A service that is down is started, and stays up.
    assert_eq!(stage.svctl(&["stop", "down"]).code, Some(0));
    assert_eq!(stage.svctl(&["restart", "down"]).code, Some(0));
    assert_eq!(
        (stage.state("down"), stage.facts("down")["wanted"].clone()),
        ("up".into(), "up".into())
    );
    let said = stage.svctl(&["restart", "ends"]);
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[test]
fn a_restart_of_a_service_that_was_to_end_starts_it_again() {
    let stage = Stage::of(&[("a", STUBBORN), ("once", STAYS)]);
    wait_for("the trap", || stage.of_service("a/ready").exists());
    stage.svc("-d", "a");
    stage.wait_until("a", "stopping");
    let said = stage.svctl(&["restart", "--settle", "0", "--kill-after", "0.2", "a"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(stage.facts("a")["wanted"], "up");
    stage.svc("-o", "once");
    wait_for("once", || stage.facts("once")["wanted"] == "once");
    assert_eq!(stage.svctl(&["restart", "--settle", "0", "once"]).code, Some(0));
    assert_eq!(
        (stage.facts("once")["wanted"].clone(), stage.facts("once")["starts"].clone()),
        ("up".into(), 2.into())
    );
}

#[test]
fn once_is_done_when_it_ran() {
    let stage = Stage::of(&[("quick", "exit 5"), ("long", STAYS)]);
    assert_eq!(stage.svctl(&["stop", "quick", "long"]).code, Some(0));
    let starts = stage.facts("quick")["starts"].as_u64().unwrap();
    let said = stage.svctl(&["once", "quick"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    wait_for("its end", || stage.state("quick") == "down");
    assert_eq!(stage.facts("quick")["starts"], starts + 1);
    let said = stage.svctl(&["once", "long"]);
    let pid = stage.pid("long");
    assert_eq!(
        said,
        line(&stage, "long", &format!("up, process {pid}, will not be started again"))
    );
    let said = stage.svctl(&["once", "long"]);
    let already = format!("already up, process {pid}, will not be started again");
    assert_eq!(said, line(&stage, "long", &already));
}

#[test]
fn pause_and_continue_are_done_when_the_status_says_so() {
    let stage = Stage::of(&[("a", STAYS), ("down", STAYS)]);
    assert_eq!(stage.svctl(&["stop", "down"]).code, Some(0));
    let pid = stage.pid("a");
    assert_eq!(stage.svctl(&["pause", "a"]), line(&stage, "a", &format!("paused, process {pid}")));
    assert_eq!(stage.state("a"), "paused");
    let said = stage.svctl(&["pause", "a"]);
    assert_eq!(said, line(&stage, "a", &format!("already paused, process {pid}")));
    assert_eq!(
        stage.svctl(&["continue", "a"]),
        line(&stage, "a", &format!("continued, process {pid}"))
    );
    assert_eq!(stage.state("a"), "up");
    let said = stage.svctl(&["continue", "a"]);
    assert_eq!(said, line(&stage, "a", &format!("was not paused, process {pid}")));
    for verb in ["pause", "continue"] {
        let expected = format!("svctl: warning: unable to {verb} down: it is down");
        assert_eq!(stage.svctl(&[verb, "down"]), Said::complaint(1, &expected));
    }
}

#[test]
fn signals_are_sent_and_nothing_more_is_said() {
    let trap = "for s in HUP INT USR1; do trap \"echo $s >>heard\" $s; done\n: >ready\nwhile :; do sleep 0.05; done";
    let stage = Stage::of(&[("a", trap), ("down", STAYS)]);
    wait_for("the traps", || stage.of_service("a/ready").exists());
    let pid = stage.pid("a");
    assert_eq!(
        stage.svctl(&["reload", "a"]),
        line(&stage, "a", &format!("sent HUP, process {pid}"))
    );
    wait_for("HUP", || stage.scratch.read("d/a/heard") == "HUP\n");
    for word in ["INT", "sigint", "i"] {
        let said = stage.svctl(&["signal", word, "a"]);
        assert_eq!(said, line(&stage, "a", &format!("sent INT, process {pid}")));
    }
    wait_for("INT", || stage.scratch.read("d/a/heard").ends_with("INT\n"));
    // Some of these signals end it, and supervise starts it again.
    for word in ["1", "2", "q", "w"] {
        wait_for("it to be up", || stage.state("down") == "up");
        assert_eq!(stage.svctl(&["signal", word, "down"]).code, Some(0), "{word}");
    }
    assert_eq!(stage.svctl(&["stop", "down"]).code, Some(0));
    let expected = "svctl: warning: unable to signal down: it is down";
    assert_eq!(stage.svctl(&["reload", "down"]), Said::complaint(1, expected));
    assert_eq!(stage.svctl(&["signal", "x", "down"]).code, Some(0));
    kill(pid, "KILL");
}

#[test]
fn the_worst_of_several_is_the_exit_code_and_all_are_served() {
    let stage = Stage::of(&[("a", STAYS), ("b", STUBBORN), ("c", STAYS)]);
    wait_for("the trap", || stage.of_service("b/ready").exists());
    let said = stage.svctl(&["stop", "--timeout", "0.5", "a", "b", "c"]);
    assert_eq!((said.code, said.out.lines().count(), said.err.lines().count()), (Some(1), 2, 1));
    let said = stage.svctl(&["start", "--settle", "0", "a", "nobody", "c"]);
    assert_eq!((said.code, said.out.lines().count(), said.err.lines().count()), (Some(4), 2, 1));
    assert_eq!((stage.state("a"), stage.state("c")), ("up".into(), "up".into()));
}

#[test]
fn two_names_of_one_service_get_one_request() {
    let stage = Stage::of(&[("a", STAYS)]);
    std::os::unix::fs::symlink(stage.scratch.path().join("d/a"), stage.of_service("b")).unwrap();
    let said = stage.svctl(&["restart", "--settle", "0", "a", "b"]);
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 1), "{said:?}");
    assert_eq!(stage.facts("a")["starts"], 2);
}
