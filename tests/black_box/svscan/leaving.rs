//! Services whose name is gone, or whose supervise has left.

use super::{SECOND, link_to_real, starts, stayer, supervises, svscan, up};
use crate::scratch::{Said, Scratch, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Instant;

#[test]
fn a_vanished_service_is_left_alone_and_known_again() {
    let scratch = Scratch::new();
    stayer(&scratch, "real");
    let link = link_to_real(&scratch);
    let child = svscan(&scratch);
    wait_for("the start", || starts(&scratch, "real") == 1);
    let supervise = supervises(child.id());
    scratch.svc("-d", "real");
    fs::remove_file(&link).unwrap();
    // Over a pass of svscan.
    stays("the same supervise", SECOND * 11 / 2, || supervises(child.id()) == supervise);
    assert!(scratch.svstat("real").starts_with("real: down "));
    symlink("../real", &link).unwrap();
    scratch.svc("-u", "real");
    wait_for("the second start", || starts(&scratch, "real") == 2);
    assert_eq!(supervises(child.id()), supervise);
    // After the end: supervise exits and is not replaced.
    fs::remove_file(&link).unwrap();
    scratch.svc("-dx", "real");
    wait_for("no supervise", || supervises(child.id()).is_empty());
    stays("none", SECOND * 11 / 2, || supervises(child.id()).is_empty());
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_supervise_that_left_while_its_link_stands_is_replaced_at_a_later_pass() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    let left = Instant::now();
    scratch.svc("-dx", "scan/a");
    wait_for("no supervise", || !scratch.is_running("scan/a"));
    wait_for("the next start", || starts(&scratch, "a") == 2);
    assert_eq!(supervises(child.id()).len(), 1);
    if only_ours("0.76 leaves less than two seconds to remove the link, by chance") {
        assert!(left.elapsed() >= SECOND * 3 / 2, "after {:?}", left.elapsed());
    }
}

#[test]
fn a_dot_name_retires_a_service() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    fs::rename(scratch.path().join("scan/a"), scratch.path().join("scan/.a")).unwrap();
    scratch.svc("-dx", "scan/.a");
    wait_for("no supervise", || supervises(child.id()).is_empty());
    stays("none", SECOND * 11 / 2, || supervises(child.id()).is_empty());
    assert_eq!(starts(&scratch, "a"), 1);
}

/// `cd /service/S; rm /service/S; svc -dx . log`: the usual way to remove a service.
#[test]
fn a_service_and_its_logger_are_removed_for_good() {
    let scratch = Scratch::new();
    stayer(&scratch, "real");
    scratch.service("real/log", "exec cat >>../../log.txt");
    let link = link_to_real(&scratch);
    let child = svscan(&scratch);
    up(&scratch, "real");
    wait_for("the logger", || scratch.is_running("scan/real/log"));
    fs::remove_file(&link).unwrap();
    let inside = scratch.path().join("real");
    let said = scratch.command("svc").args(["-dx", ".", "log"]).current_dir(inside).output();
    assert_eq!(Said::of(&said.unwrap()), Said::exit(0));
    wait_for("no supervise", || supervises(child.id()).is_empty());
    stays("none", SECOND * 11 / 2, || supervises(child.id()).is_empty());
    assert_eq!((starts(&scratch, "real"), scratch.errors()), (1, String::new()));
}

#[test]
fn what_runs_without_a_name_is_named_once() {
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    let names = ["forgotten", "half", "removed", "down"];
    for name in names {
        stayer(&scratch, name);
        scratch.service(&format!("{name}/log"), "exec cat >/dev/null");
        let link = scratch.path().join("scan").join(name);
        symlink(scratch.path().join(name), link).unwrap();
    }
    let _svscan = svscan(&scratch);
    for name in names {
        up(&scratch, name);
        wait_for("its logger", || scratch.is_running(&format!("{name}/log")));
    }
    for name in names {
        fs::remove_file(scratch.path().join("scan").join(name)).unwrap();
    }
    let svc = |name: &str, words: &[&str]| {
        let inside = scratch.path().join(name);
        let said = scratch.command("svc").args(words).current_dir(inside).output();
        assert_eq!(Said::of(&said.unwrap()), Said::exit(0));
    };
    svc("removed", &["-dx", ".", "log"]);
    svc("down", &["-d", ".", "log"]);
    svc("half", &["-dx", "."]);
    if !only_ours("0.76 says nothing") {
        return;
    }
    let line = |name: &str| {
        let place = scratch.path().join(name);
        let place = place.display();
        format!(
            "svscan: warning: {name} still runs, in {place}, and has no name in the scan directory\n"
        )
    };
    let lines = ["forgotten", "half/log"].map(line);
    let is_said = || lines.iter().all(|line| scratch.errors().contains(line));
    stays("quiet for a while", SECOND * 4, || scratch.errors().is_empty());
    wait_for("both to be named", is_said);
    // Over a pass of svscan.
    stays("once each", SECOND * 11 / 2, || scratch.lines("errors") == 2);
}

#[test]
fn the_record_of_the_pipes_does_not_grow_with_the_services_that_came_and_went() {
    if !only_ours(".svscan") {
        return;
    }
    const COUNT: usize = 80;
    let scratch = Scratch::new();
    let child = svscan(&scratch);
    let records = scratch.path().join("scan/.svscan/pipes");
    let size = || fs::metadata(&records).map_or(0, |facts| facts.len());
    wait_for("svscan", || size() > 0);
    let empty = size();
    let names: Vec<String> = (0..COUNT).map(|number| format!("s{number}")).collect();
    for name in &names {
        scratch.service(name, "exec sleep 1000");
        scratch.write(&format!("{name}/down"), b"");
        symlink(format!("../{name}"), scratch.path().join("scan").join(name)).unwrap();
    }
    wait_for("all supervises", || names.iter().all(|name| scratch.is_running(name)));
    assert!(size() > empty);
    for name in &names {
        fs::remove_file(scratch.path().join("scan").join(name)).unwrap();
        scratch.svc("-x", name);
    }
    wait_for("no supervise", || supervises(child.id()).is_empty());
    wait_for("a short record", || size() == empty);
}
