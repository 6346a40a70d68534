//! `current`, the lock or the log directory itself is removed, moved or replaced while multilog
//! runs (a cleaning job, logrotate, a new deployment). 0.76 goes on in a file that has lost its
//! name, and blocks at the next rotation.

use super::term::{Feed, said};
use super::{end_of, log, mode, old_logs, whole};
use crate::scratch::{Said, Scratch, kill, only_ours, stays, wait_for};
use std::fs;
use std::process::Child;
use std::time::Duration;

/// A multilog with `one` in `./main/current`.
fn begun(scratch: &Scratch) -> (Feed, Child) {
    let mut feed = Feed::new(scratch);
    let child = feed.start(scratch, &["multilog", "s4096", "n50", "./main"]);
    feed.write(b"one\n");
    wait_for("the first line", || scratch.read("main/current") == "one\n");
    (feed, child)
}

/// Lines that come now and then. The first one may go to the removed file, if it comes in the first
/// second.
fn wait_for_line(scratch: &Scratch, feed: &mut Feed, name: &str) {
    feed.write(b"next\n");
    let mut writes = 0;
    wait_for("a line", || {
        writes += 1;
        if writes % 500 == 0 {
            feed.write(b"next\n");
        }
        scratch.read(name).contains("next\n")
    });
}

fn end(child: &mut Child) {
    kill(child.id(), "TERM");
    assert!(end_of(child).success());
}

#[test]
fn a_current_that_is_removed_is_made_anew() {
    if !only_ours("a current that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut feed, mut child) = begun(&scratch);
    fs::remove_file(scratch.path().join("main/current")).unwrap();
    // Nothing but the clock makes it look, a second after this line.
    feed.write(b"two\n");
    wait_for("another current", || scratch.path().join("main/current").exists());
    assert_eq!(said(&mut child), "multilog: warning: ./main/current is gone, and is made anew\n");
    wait_for_line(&scratch, &mut feed, "main/current");
    assert_eq!(mode(&scratch, "main/current"), 0o644);
    end(&mut child);
    assert_eq!(mode(&scratch, "main/current"), 0o744);
    assert_eq!(old_logs(&scratch, "main"), [""; 0]);
}

#[test]
fn a_rotation_does_not_wait_for_a_current_that_is_gone() {
    if !only_ours("a current that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut feed, mut child) = begun(&scratch);
    fs::remove_file(scratch.path().join("main/current")).unwrap();
    // At once, so that the rotation itself has to notice.
    feed.write(&b"123456789\n".repeat(1000));
    feed.write(b"last\n");
    wait_for("the last line", || scratch.read("main/current").ends_with("last\n"));
    end(&mut child);
    let text = String::from_utf8(whole(&scratch, "main").0).unwrap();
    assert!(text.len() > 7000, "{} bytes are left of ten thousand", text.len());
}

#[test]
fn a_current_that_is_moved_is_left_in_order() {
    if !only_ours("a current that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut feed, mut child) = begun(&scratch);
    let place = |name: &str| scratch.path().join("main").join(name);
    fs::rename(place("current"), place("current.1")).unwrap();
    wait_for_line(&scratch, &mut feed, "main/current");
    wait_for("the old one to be left", || mode(&scratch, "main/current.1") == 0o744);
    assert!(scratch.read("main/current.1").starts_with("one\n"));
    end(&mut child);
}

#[test]
fn another_file_in_the_place_of_current_is_kept() {
    if !only_ours("a current that is another") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut feed, mut child) = begun(&scratch);
    scratch.write("main/new", b"foreign\n");
    let place = |name: &str| scratch.path().join("main").join(name);
    fs::rename(place("current"), place("current.1")).unwrap();
    fs::rename(place("new"), place("current")).unwrap();
    wait_for_line(&scratch, &mut feed, "main/current");
    let warning = "multilog: warning: ./main/current is another file, and is kept\n";
    assert_eq!(said(&mut child), warning);
    end(&mut child);
    let names = old_logs(&scratch, "main");
    assert!(names.len() == 1 && names[0].ends_with(".u"), "{names:?}");
    assert_eq!(scratch.read(&format!("main/{}", names[0])), "foreign\n");
}

#[test]
fn a_directory_that_is_moved_is_made_anew() {
    if !only_ours("a directory that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut feed, mut child) = begun(&scratch);
    let place = |name: &str| scratch.path().join(name);
    fs::rename(place("main"), place("old")).unwrap();
    wait_for_line(&scratch, &mut feed, "main/current");
    assert_eq!(said(&mut child), "multilog: warning: ./main is gone, and is made anew\n");
    assert_eq!((mode(&scratch, "main"), mode(&scratch, "old/current")), (0o700, 0o744));
    assert!(scratch.read("old/current").starts_with("one\n"));
    // The old one is free.
    assert_eq!(log(&scratch, &["./old"], b""), Said::exit(0));
    end(&mut child);
}

#[test]
fn a_directory_that_is_removed_is_made_anew() {
    if !only_ours("a directory that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut feed, mut child) = begun(&scratch);
    fs::remove_dir_all(scratch.path().join("main")).unwrap();
    wait_for_line(&scratch, &mut feed, "main/current");
    feed.write(&b"123456789\n".repeat(1000));
    wait_for("a rotation", || !old_logs(&scratch, "main").is_empty());
    end(&mut child);
}

#[test]
fn another_directory_is_entered_as_at_the_start() {
    if !only_ours("a directory that is another") {
        return;
    }
    let scratch = Scratch::in_memory();
    assert_eq!(log(&scratch, &["./new"], b"before\n"), Said::exit(0));
    scratch.directory_at("real");
    std::os::unix::fs::symlink("real", scratch.path().join("main")).unwrap();
    let (mut feed, mut child) = begun(&scratch);
    std::os::unix::fs::symlink("new", scratch.path().join("link")).unwrap();
    fs::rename(scratch.path().join("link"), scratch.path().join("main")).unwrap();
    wait_for_line(&scratch, &mut feed, "new/current");
    let warning = "multilog: warning: ./main is another directory, and is entered\n";
    assert_eq!(said(&mut child), warning);
    // The new directory is locked, and its `current` is continued.
    let locked = "multilog: fatal: unable to lock directory ./new: temporary failure";
    assert_eq!(scratch.run("multilog", &["./new"]), Said::complaint(111, locked));
    assert!(scratch.read("new/current").starts_with("before\n"));
    assert_eq!(mode(&scratch, "real/current"), 0o744);
    end(&mut child);
}

#[test]
fn where_it_cannot_go_it_stays() {
    if !only_ours("a directory that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.directory_at("deep/er");
    let mut feed = Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["multilog", "./deep/er/main"]);
    feed.write(b"one\n");
    wait_for("the first line", || scratch.read("deep/er/main/current") == "one\n");
    fs::rename(scratch.path().join("deep"), scratch.path().join("away")).unwrap();
    wait_for_line(&scratch, &mut feed, "away/er/main/current");
    let warning =
        "multilog: warning: unable to open directory ./deep/er/main: file does not exist\n";
    assert_eq!(said(&mut child), warning);
    feed.write(b"more\n");
    wait_for("more", || scratch.read("away/er/main/current").ends_with("more\n"));
    // And it comes back.
    fs::rename(scratch.path().join("away"), scratch.path().join("deep")).unwrap();
    feed.write(b"again\n");
    wait_for("again", || scratch.read("deep/er/main/current").ends_with("again\n"));
    end(&mut child);
    assert_eq!(said(&mut child), "");
}

#[test]
fn a_directory_that_is_gone_with_its_parent_blocks_until_it_can_be_made() {
    if !only_ours("a directory that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.directory_at("deep");
    let mut feed = Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["multilog", "./deep/main"]);
    feed.write(b"one\n");
    wait_for("the first line", || scratch.read("deep/main/current") == "one\n");
    fs::remove_dir_all(scratch.path().join("deep")).unwrap();
    feed.write(b"two\n");
    let warning =
        "multilog: warning: unable to open directory ./deep/main, pausing: file does not exist\n";
    assert_eq!(said(&mut child), warning);
    // Lines that come now are not lost.
    feed.write(b"three\n");
    stays("the pause", Duration::from_millis(300), || child.try_wait().unwrap().is_none());
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    assert_eq!(feed.left(), "three\n");
}

#[test]
fn a_lock_that_is_removed_is_made_anew() {
    if !only_ours("a lock that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (mut feed, mut child) = begun(&scratch);
    fs::remove_file(scratch.path().join("main/lock")).unwrap();
    feed.write(b"two\n");
    wait_for("another lock", || scratch.path().join("main/lock").exists());
    let locked = "multilog: fatal: unable to lock directory ./main: temporary failure";
    wait_for("it to be held", || {
        scratch.run("multilog", &["./main"]) == Said::complaint(111, locked)
    });
    end(&mut child);
}

#[test]
fn a_multilog_that_only_waits_does_not_look_for_its_current() {
    if !only_ours("a current that is gone") {
        return;
    }
    let scratch = Scratch::in_memory();
    let (feed, mut child) = begun(&scratch);
    let switches = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let (_, count) = status.split_once("voluntary_ctxt_switches:\t").unwrap();
        count.lines().next().unwrap().parse::<u32>().unwrap()
    };
    // The look after the first line, and then nothing.
    let mut before = switches();
    wait_for("it to be at rest", || {
        std::thread::park_timeout(Duration::from_millis(1500));
        let now = switches();
        core::mem::replace(&mut before, now) == now
    });
    assert_eq!(end_of_idle(&mut child), Some(0));
    drop(feed);
}

fn end_of_idle(child: &mut Child) -> Option<i32> {
    kill(child.id(), "TERM");
    end_of(child).code()
}
