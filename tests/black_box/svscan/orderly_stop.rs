//! `--stop-on-term`: services end first, loggers read to the end.

use super::{SECOND, link_to_real, starts, stayer, supervises, up};
use crate::scratch::{Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Child;

fn stoppable(scratch: &Scratch) -> Child {
    scratch.directory_at("scan");
    scratch.start("svscan", &["--stop-on-term", "scan"])
}

#[test]
fn services_go_first_and_loggers_read_to_the_end() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service(
        "scan/a",
        "trap 'echo last words; exit 0' TERM\necho first words\n\
         while :; do sleep 0.05; done",
    );
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    stayer(&scratch, "scan/b");
    let mut child = stoppable(&scratch);
    up(&scratch, "b");
    wait_for("the first words", || scratch.lines("log.txt") == 1);
    let pids = [scratch.pid("scan/a"), scratch.pid("scan/a/log"), scratch.pid("scan/b")];
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.read("log.txt"), "first words\nlast words\n");
    for pid in pids {
        assert!(!is_alive(pid), "{pid} is left");
    }
    for name in ["scan/a", "scan/a/log", "scan/b"] {
        assert!(!scratch.is_running(name));
    }
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_logger_that_is_down_is_started_for_what_is_left_in_its_pipe() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "echo words >&1\necho up >>../../up\nexec sleep 1000");
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    scratch.write("scan/a/log/down", b"");
    let mut child = stoppable(&scratch);
    wait_for("the words in the pipe", || scratch.lines("up") == 1);
    kill(child.id(), "INT");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.read("log.txt"), "words\n");
}

/// A logger that behaves like a multilog on a full disk: its pipe has bytes, and it makes no
/// progress.
#[test]
fn a_logger_that_gets_no_further_is_told_to_go() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "echo words\necho up >>../../up\nexec sleep 1000");
    scratch.service("scan/a/log", "exec sleep 1000");
    let mut child = stoppable(&scratch);
    wait_for("the words in the pipe", || scratch.lines("up") == 1);
    let logger = scratch.pid("scan/a/log");
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!is_alive(logger));
}

#[test]
fn a_killed_supervise_does_not_leave_its_service_behind() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let mut child = stoppable(&scratch);
    up(&scratch, "a");
    let pid = scratch.pid("scan/a");
    kill(supervises(child.id())[0], "KILL");
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!is_alive(pid));
    assert_eq!(starts(&scratch, "a"), 1);
}

#[test]
fn an_adopted_service_whose_link_is_gone_is_stopped_too() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "real");
    let link = link_to_real(&scratch);
    let mut first = stoppable(&scratch);
    up(&scratch, "real");
    kill(first.id(), "KILL");
    end_of(&mut first);
    let mut second = stoppable(&scratch);
    stayer(&scratch, "scan/b");
    up(&scratch, "b");
    fs::remove_file(&link).unwrap();
    kill(second.id(), "TERM");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert!(!scratch.is_running("real"));
}

/// A link or a directory with a service that writes a last line when it ends, and a logger.
fn speaker(scratch: &Scratch, place: &str) {
    scratch.service(
        place,
        "trap 'echo last words; exit 0' TERM\necho first words\nwhile :; do sleep 0.05; done",
    );
    let log = scratch.path().join("log.txt");
    scratch.service(&format!("{place}/log"), &format!("exec cat >>{}", log.display()));
}

#[test]
fn a_service_whose_directory_was_removed_is_stopped_too_and_its_logger_reads_to_the_end() {
    if !only_ours("the orderly stop") {
        return;
    }
    // The stop is made by the svscan that started it; by one that adopted it; by one that never
    // saw its name.
    for (adopted, unseen) in [(false, false), (true, false), (true, true)] {
        let scratch = Scratch::new();
        speaker(&scratch, "scan/a");
        let mut child = stoppable(&scratch);
        wait_for("the first words", || scratch.lines("log.txt") == 1);
        let pids = [scratch.pid("scan/a"), scratch.pid("scan/a/log")];
        let remove = || fs::remove_dir_all(scratch.path().join("scan/a")).unwrap();
        if unseen {
            remove();
        }
        if adopted {
            kill(child.id(), "KILL");
            end_of(&mut child);
            stayer(&scratch, "scan/b");
            child = stoppable(&scratch);
            up(&scratch, "b");
            wait_for("the logger's supervise to be adopted", || {
                let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
                let mut open = open.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
                let ok = "/log/supervise/ok";
                open.any(|file| file.to_string_lossy().trim_end_matches(" (deleted)").ends_with(ok))
            });
        }
        if !unseen {
            remove();
        }
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0), "{adopted} {unseen}");
        assert_eq!(scratch.read("log.txt"), "first words\nlast words\n");
        assert!(!pids.into_iter().any(is_alive), "{adopted} {unseen}");
    }
}

#[test]
fn what_an_svscan_before_held_without_a_name_is_stopped_too() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    speaker(&scratch, "real");
    stayer(&scratch, "plain");
    scratch.directory_at("scan");
    let link = |name: &str| scratch.path().join("scan").join(name);
    for name in ["real", "plain"] {
        symlink(format!("../{name}"), link(name)).unwrap();
    }
    let mut first = stoppable(&scratch);
    wait_for("the first words", || scratch.lines("log.txt") == 1);
    up(&scratch, "plain");
    for name in ["real", "plain"] {
        fs::remove_file(link(name)).unwrap();
    }
    kill(first.id(), "KILL");
    end_of(&mut first);
    stayer(&scratch, "scan/b");
    let mut second = stoppable(&scratch);
    up(&scratch, "b");
    // It is left alone while it runs, and recognised again.
    let pid = scratch.pid("plain");
    symlink("../plain", link("plain")).unwrap();
    stays("the same process", SECOND, || scratch.pid("plain") == pid);
    fs::remove_file(link("plain")).unwrap();
    kill(second.id(), "TERM");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert_eq!(scratch.read("log.txt"), "first words\nlast words\n");
    for name in ["real", "real/log", "plain"] {
        assert!(!scratch.is_running(name), "{name}");
    }
    assert_eq!(scratch.errors(), "");
}

#[test]
fn what_was_let_go_of_is_no_more_looked_for() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "real");
    let link = link_to_real(&scratch);
    let mut first = stoppable(&scratch);
    up(&scratch, "real");
    let records = scratch.path().join("scan/.svscan/pipes");
    let length = || fs::metadata(&records).unwrap().len();
    let held = length();
    fs::remove_file(&link).unwrap();
    scratch.svc("-dx", "real");
    wait_for("its supervise to leave", || !scratch.is_running("real"));
    wait_for("it to be let go of", || length() > held);
    kill(first.id(), "KILL");
    end_of(&mut first);
    // It belongs to another user from here on.
    let own = scratch.start("supervise", &["real"]);
    wait_for("the second start", || starts(&scratch, "real") == 2);
    stayer(&scratch, "scan/b");
    let mut second = stoppable(&scratch);
    up(&scratch, "b");
    kill(second.id(), "TERM");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert!(scratch.is_running("real") && is_alive(own.id()));
}

#[test]
fn a_second_term_hurries_what_does_not_care_for_the_first() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "trap '' TERM\necho up >>../../up\nwhile :; do sleep 1; done");
    let mut child = stoppable(&scratch);
    wait_for("the service", || scratch.lines("up") == 1);
    kill(child.id(), "TERM");
    wait_for("the first TERM to act", || scratch.svstat("scan/a").contains(", want down"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.errors(), "");
}
