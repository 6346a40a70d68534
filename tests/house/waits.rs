//! multilog waits in one file only, and each wait there notices TERM.

use crate::rules::{Source, none, sources};

/// What waits, or may: poll(2), sleeps, the end of a child, a lock, a message that has to be taken.
const WAITS: [&str; 12] = [
    "poll",
    "clock::rest",
    "thread::",
    "wait_for(",
    "process::wait",
    "process::reap",
    "process::try_wait",
    "lock::wait",
    "write_raw",
    "Program::command",
    "outlast_shortage",
    "Signals",
];

/// multilog waits in `patience.rs`, and nowhere else.
fn waiting_breaches(source: &Source) -> Vec<String> {
    if !source.path.starts_with("multilog/") || source.path == "multilog/patience.rs" {
        return Vec::new();
    }
    source.lines_with(&WAITS).collect()
}

#[test]
fn multilog_waits_in_one_place() {
    none(sources().iter().map(waiting_breaches).collect());
}

#[test]
fn a_planted_wait_is_found() {
    let found = |path: &str, line: &str| !waiting_breaches(&Source::new(path, line)).is_empty();
    assert!(found("multilog/logdir.rs", "poll::pause(PAUSE);"));
    assert!(found("multilog/processor.rs", "let end = process::wait_for(pid);"));
    assert!(found("multilog/delivery.rs", "error::write_raw(&[head]);"));
    assert!(found("multilog/input.rs", "clock::rest(MOMENT);"));
    assert!(!found("multilog/patience.rs", "poll::wait(&mut watched, until)"));
    assert!(!found("svscan/driver.rs", "poll::wait(&mut watched, until)"));
}
