//! What the journal adds to the status: whether a service flaps, how its runs ended, how long they
//! lasted, and since when the service is not as wanted. Without a journal none of that is printed.

use crate::scratch::{Said, Scratch, stays, wait_for};
use crate::stage::{STAYS, Stage, cells, svctl};
use std::time::Duration;

/// The seconds in `text` between `before` and `behind`.
fn seconds_between(text: &str, before: &str, behind: &str) -> f64 {
    let rest = text.strip_prefix(before).unwrap_or_else(|| panic!("not {before:?}: {text:?}"));
    let number = rest.strip_suffix(behind).unwrap_or_else(|| panic!("not {behind:?}: {text:?}"));
    number.parse().unwrap_or_else(|_| panic!("no number: {text:?}"))
}

#[test]
fn a_service_that_flaps_is_shown_so_with_what_is_so_and_what_to_type() {
    let stage = Stage::empty();
    // It is up in some of the looks.
    stage.add("nginx", "exec 2>&1\necho 'bind() failed'\nsleep 0.3\nexit 1");
    stage.scratch.service("d/nginx/log", "exec multilog t s1000000 n20 ./main");
    stage.add("calm", STAYS);
    let mut stage = stage;
    stage.scan();
    stage.wait_until("nginx", "flapping");
    let starts = stage.facts("nginx")["starts"].as_u64().unwrap();
    assert!(starts >= 3, "{starts}");
    let said = stage.svctl(&[]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.out.lines().next().unwrap().ends_with(": 2 services, 1 not as wanted"));
    let row = cells(&said.out).into_iter().find(|row| row[0] == "nginx").unwrap();
    assert_eq!((row[1].as_str(), row[5].as_str()), ("flapping", "exit 1"), "{said:?}");
    let advice: Vec<&str> = said.out.split_once("\n\n").unwrap().1.lines().collect();
    let (many, run) = advice[0].split_once(" starts in the last 10 s, ").unwrap();
    assert!(many.trim_start_matches("nginx    ").parse::<u64>().unwrap() >= 3, "{advice:?}");
    let after = seconds_between(run, "the last run ended with exit 1 after ", " s");
    assert!((0.3..2.0).contains(&after), "{advice:?}");
    assert_eq!(advice[1..], ["         svctl doctor nginx"]);
    // The advised command shows what the service logged last.
    let doctor = stage.svctl(&["doctor", "nginx"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.out.contains("\n         bind() failed\n"), "{doctor:?}");
    // All other formats agree.
    assert_eq!(stage.svctl(&["list", "--state", "flapping"]), Said::text("nginx\n"));
    let metric = "daemontools_service_flapping{service=\"nginx\"} 1\n";
    assert!(stage.svctl(&["--prometheus"]).out.contains(metric));
    let page = stage.svctl(&["status", "nginx"]);
    assert_eq!(page.code, Some(3), "{page:?}");
    assert!(page.out.contains(" in the last 10 s\n"), "{page:?}");
    // After a stop it is as wanted.
    assert_eq!(stage.svctl(&["stop", "nginx"]).code, Some(0));
    assert_eq!((stage.state("nginx"), stage.svctl(&[]).code), ("down".into(), Some(0)));
}

#[test]
fn without_a_journal_nothing_flaps() {
    let stage = Stage::empty();
    stage.add("a", "echo >>starts\nsleep 0.05\nexit 1");
    // If its name is taken, supervise works without a journal.
    stage.scratch.directory_at("d/a/supervise/journal/taken");
    let mut stage = stage;
    stage.scan();
    wait_for("three starts", || stage.scratch.lines("d/a/starts") >= 3);
    stays("a state that the status alone tells", Duration::from_secs(2), || {
        let facts = stage.facts("a");
        let state = facts["state"].as_str().unwrap();
        ["up", "waiting to restart"].contains(&state) && facts["starts"].is_null()
    });
    let row = &cells(&stage.svctl(&[]).out)[1];
    assert_eq!((row[4].as_str(), row[5].as_str()), ("-", "-"));
    assert!(!stage.svctl(&["--prometheus"]).out.contains("daemontools_service_flapping"));
}

#[test]
fn under_a_supervise_of_0_76_nothing_flaps() {
    if !std::path::Path::new("/usr/bin/supervise").exists() {
        println!("left out: there is no supervise of 0.76 here");
        return;
    }
    let scratch = Scratch::new();
    scratch.service("old", "echo >>starts\nexit 1");
    let mut supervise = std::process::Command::new("/usr/bin/supervise");
    supervise.arg("old").current_dir(scratch.path()).env("SCRATCH", scratch.path());
    supervise.spawn().unwrap();
    wait_for("four starts", || scratch.lines("old/starts") >= 4);
    let words = ["--fields", "state,starts,last_starts,last_exit_code,last_run_seconds", "./old"];
    let said = Said::of(&svctl(scratch.path()).arg("status").args(words).output().unwrap());
    assert_eq!(said.out.split_once('\t').unwrap().1, "-\t-\t-\t-\n", "{said:?}");
    let state = said.out.split('\t').next().unwrap();
    assert!(["up", "waiting to restart"].contains(&state), "{said:?}");
}

#[test]
fn a_stop_that_is_not_done_says_since_when_it_is_asked_for() {
    let stage = Stage::of(&[("mailer", "trap '' TERM\n: >ready\nwhile :; do sleep 0.1; done")]);
    wait_for("the trap", || stage.of_service("mailer/ready").exists());
    let pid = stage.pid("mailer");
    assert_eq!(stage.svctl(&["stop", "--timeout", "0.1", "mailer"]).code, Some(1));
    let behind = format!("s ago, process {pid} is still there");
    let ago = || {
        let said = stage.svctl(&[]);
        let line = said.out.split_once("\n\n").unwrap().1.lines().next().unwrap().to_owned();
        seconds_between(&line, "mailer   stop asked ", &behind)
    };
    assert!(ago() <= 10.0);
    // The time counts from the first request; the same request again does not reset it.
    wait_for("two seconds since the stop", || ago() >= 2.0);
    stage.svc("-d", "mailer");
    assert!(ago() >= 2.0);
    let page = stage.svctl(&["status", "mailer"]).out;
    let wanted = page.lines().find(|line| line.starts_with("  wanted")).unwrap();
    assert!(wanted.starts_with("  wanted     down, asked ") && wanted.contains("s ago"), "{page}");
    assert_eq!(stage.svctl(&["stop", "--kill-after", "0", "mailer"]).code, Some(0));
}

#[test]
fn the_page_says_when_the_last_exit_was_and_after_how_long() {
    let scratch = Scratch::new();
    let date = || Said::of(&scratch.command("date").args(["-u", "+%F %T"]).output().unwrap()).out;
    let begun = date();
    let stage = Stage::of(&[("a", "[ -e again ] && exec sleep 1000\n: >again\nsleep 0.3\nexit 5")]);
    wait_for("the second start", || stage.facts("a")["starts"] == 2);
    stage.wait_until("a", "up");
    let page = stage.svctl(&["status", "a"]).out;
    let line = page.lines().find(|line| line.starts_with("  last exit")).unwrap();
    let (run, when) = line.rsplit_once(", ").unwrap();
    let after = seconds_between(run, "  last exit  exit 5, after ", " s");
    assert!((0.3..2.0).contains(&after), "{page}");
    // The local time; the stage's zone is UTC.
    assert!(begun.trim_end() <= when && when <= date().trim_end(), "{page}");
}
