//! Services that end at each start, or do not end.

use super::{commands, finding, finds, follow, is_well, names, report, saw};
use crate::scratch::wait_for;
use crate::stage::{STAYS, Stage};
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

const MULTILOG: &str = "exec multilog t ./main";

#[test]
fn a_service_that_ends_at_each_start() {
    let stage = Stage::empty();
    stage.add("x", "exec 2>&1\necho 'cannot read x.conf'\nexit 3");
    stage.scratch.service("d/x/log", MULTILOG);
    let mut stage = stage;
    stage.scan();
    let found = finds(&stage, "crash-loop", "x");
    let seen = saw(&found);
    assert!(seen.contains(" starts in the last 10 s, the last run: exit 3 after 0."), "{seen}");
    assert!(seen.ends_with("\ncannot read x.conf"), "{seen}");
    assert_eq!(commands(&found).len(), 1);
    assert_eq!(names(&report(&stage, &[])), ["crash-loop"]);
    stage.scratch.script("d/x/run", STAYS);
    is_well(&stage);
}

#[test]
fn a_service_whose_port_another_process_has() {
    let stage = Stage::empty();
    // The process that holds the socket has the port.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let socket: std::os::fd::OwnedFd = socket.into();
    let mut holder = Command::new("sleep").arg("1000").stdin(Stdio::from(socket)).spawn().unwrap();
    let hexadecimal = format!("{port:04X}");
    let run = format!(
        "exec 2>&1\nif grep -q ':{hexadecimal} 00000000:0000 0A' /proc/net/tcp; then\n\
         echo 'nginx: [emerg] bind() to 0.0.0.0:{port} failed (98: Address already in use)'\n\
         exit 1\nfi\nexec sleep 1000"
    );
    stage.add("web", &run);
    stage.scratch.service("d/web/log", MULTILOG);
    let mut stage = stage;
    stage.scan();
    let found = finds(&stage, "port-taken", "web");
    assert_eq!(found["what"], format!("port {port} is taken"));
    let seen = saw(&found);
    let pid = holder.id();
    assert!(seen.contains(&format!("bind() to 0.0.0.0:{port} failed")), "{seen}");
    assert!(seen.ends_with(&format!("pid {pid} (sleep) listens on port {port}")), "{seen}");
    assert_eq!(commands(&found), [format!("kill {pid}")]);
    assert_eq!(names(&report(&stage, &[])), ["port-taken"]);
    follow(&stage, &found);
    holder.wait().unwrap();
    is_well(&stage);
    stage.wait_until("web", "up");
}

#[test]
fn a_port_that_another_service_has() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    if Command::new("perl").arg("-v").stdout(Stdio::null()).status().is_err() {
        println!("left out: there is no perl here");
        return;
    }
    let server = format!(
        "exec 2>&1\nexec perl -MIO::Socket::INET -e '\
         $s = IO::Socket::INET->new(LocalAddr => \"127.0.0.1:{port}\", Listen => 1, ReuseAddr => 0) \
         or die \"listen tcp 127.0.0.1:{port}: bind: $!\\n\"; sleep 1000'"
    );
    let mut stage = Stage::empty();
    stage.add("first", &server);
    stage.scan();
    wait_for("the first server", || {
        fs::read_to_string("/proc/net/tcp")
            .unwrap()
            .contains(&format!(":{port:04X} 00000000:0000 0A"))
    });
    stage.scratch.service("d/second/log", MULTILOG);
    stage.add("second", &server);
    let found = finds(&stage, "port-taken", "second");
    assert_eq!(commands(&found), ["svctl stop first"]);
    follow(&stage, &found);
    is_well(&stage);
    stage.wait_until("second", "up");
}

#[test]
fn a_daemon_that_runs_in_the_background() {
    let stage = Stage::empty();
    // The program forks and ends, as daemons do. With its option for the foreground it stays.
    stage.scratch.script(
        "nginx",
        "case \"$*\" in *'daemon off;'*) exec sleep 1000;; esac\nsleep 1000 &\nexit 0",
    );
    let nginx = stage.shown("nginx");
    stage.add("web", &format!("exec {nginx} -c x"));
    stage.add("other", &format!("exec {}", stage.shown("daemon")));
    stage.scratch.script("daemon", "sleep 1000 &\nexit 0");
    let mut stage = stage;
    stage.scan();
    let found = finds(&stage, "backgrounding", "web");
    assert!(saw(&found).contains(", which it left, lives on"), "{found}");
    assert!(commands(&found)[0].contains("exec "), "{found}");
    assert!(commands(&found)[0].contains("daemon off;"), "{found}");
    let other = finds(&stage, "backgrounding", "other");
    assert!(commands(&other)[0].contains("c exec fghack "), "{other}");
    assert_eq!(names(&report(&stage, &[])), ["backgrounding"; 2]);
    // Each start leaves another daemon behind while we type, so the commands are typed until none
    // is found.
    for service in ["web", "other"] {
        while let Some(found) = finding(&report(&stage, &[]), "backgrounding", service) {
            for command in commands(&found) {
                let _ = super::shell(&stage, &command).output().unwrap();
            }
        }
    }
    is_well(&stage);
    let run = fs::read_to_string(stage.of_service("web/run")).unwrap();
    assert_eq!(run, format!("#!/bin/sh\nexec {nginx} -c x -g 'daemon off;'\n"));
    stage.wait_until("web", "up");
    stage.wait_until("other", "up");
}

#[test]
fn a_process_that_does_not_end_by_term() {
    let mut stage = Stage::empty();
    stage.add("deaf", "trap '' TERM\n: >ready\nwhile :; do sleep 1; done");
    stage.scan();
    wait_for("the trap", || stage.of_service("deaf/ready").exists());
    stage.svc("-d", "deaf");
    let found = finds(&stage, "ignores-term", "deaf");
    assert!(saw(&found).contains(" is still there\nit ignores TERM"), "{found}");
    assert_eq!(commands(&found), ["svctl stop --kill-after 5 deaf"]);
    let quick = super::shell(&stage, "svctl stop --kill-after 0.1 deaf").output().unwrap();
    assert!(quick.status.success());
    is_well(&stage);
}

#[test]
fn a_service_that_is_paused_is_nothing_wrong() {
    let stage = Stage::of(&[("still", STAYS)]);
    stage.svc("-p", "still");
    stage.wait_until("still", "paused");
    is_well(&stage);
}

#[test]
fn a_shell_that_stands_before_the_program() {
    let stage =
        Stage::of(&[("x", "exec 2>&1\nsleep 1000"), ("loop", "while :; do sleep 1000; done")]);
    stage.wait_until("x", "up");
    let found = finds(&stage, "no-exec", "x");
    assert!(saw(&found).contains("line 3 of "), "{found}");
    assert_eq!(names(&report(&stage, &[])), ["no-exec"]);
    follow(&stage, &found);
    is_well(&stage);
    let run = fs::read_to_string(stage.of_service("x/run")).unwrap();
    assert_eq!(run, "#!/bin/sh\nexec 2>&1\nexec sleep 1000\n");
}

#[test]
fn a_program_that_its_shell_left_behind() {
    let stage = Stage::of(&[("x", "sleep 1000")]);
    stage.wait_until("x", "up");
    finds(&stage, "no-exec", "x");
    assert_eq!(stage.svctl(&["stop", "x"]).code, Some(0));
    let found = finds(&stage, "no-exec", "x");
    assert!(saw(&found).contains("the shell has ended, process "), "{found}");
    follow(&stage, &found);
    is_well(&stage);
}
