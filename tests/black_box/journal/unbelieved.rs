//! Journals that are no journals, or that another user may have written.

use super::{Orphan, rewrite, set_mode};
use crate::scratch::{is_alive, only_ours, stays, wait_for};
use crate::supervise::{murder, supervise};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// An invalid journal names no process. If the status is gone too, the next supervise prints
/// `reason` once and starts a process of its own, and leaves the other one alone. A status is
/// believed as one of 0.76's would be.
fn is_ignored(spoil: impl Fn(&Path), reason: &str) {
    if !only_ours("the journal") {
        return;
    }
    let orphan = Orphan::new();
    spoil(&orphan.file("journal"));
    let mut second = supervise(&orphan.scratch, "a");
    assert_eq!(orphan.scratch.pid("a"), orphan.pid, "the status says who it is");
    assert_eq!(orphan.scratch.errors(), Orphan::unbelieved(reason));
    murder(&mut second);
    spoil(&orphan.file("journal"));
    fs::remove_file(orphan.file("status")).unwrap();
    let _third = supervise(&orphan.scratch, "a");
    wait_for("a start of its own", || orphan.scratch.lines("starts") == 2);
    assert_ne!(orphan.scratch.pid("a"), orphan.pid);
    assert_eq!(orphan.scratch.errors(), Orphan::unbelieved(reason).repeat(2));
    assert!(is_alive(orphan.pid), "the other process was touched");
}

#[test]
fn a_corrupt_journal_is_not_believed() {
    is_ignored(
        |journal| rewrite(journal, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55)),
        "checksum does not match",
    );
}

#[test]
fn a_short_journal_is_not_believed() {
    is_ignored(|journal| fs::write(journal, "x").unwrap(), "unexpected size");
}

#[test]
fn a_journal_that_is_a_link_is_not_believed() {
    let link = |journal: &Path| {
        let other = journal.with_extension("other");
        fs::rename(journal, &other).unwrap();
        symlink(other, journal).unwrap();
    };
    is_ignored(link, "not a regular file");
}

/// A journal that another user may have written names a running process. supervise waits for its
/// end, and sends it no signal, or until an admin says that it is not the service. If the status
/// names the same process, it is the service.
fn is_doubted(spoil: impl Fn(&Path), reason: &str) {
    if !only_ours("the journal") {
        return;
    }
    let orphan = Orphan::new();
    let scratch = &orphan.scratch;
    spoil(&orphan.file("journal"));
    let mut second = supervise(scratch, "a");
    assert_eq!((scratch.pid("a"), scratch.errors()), (orphan.pid, Orphan::unbelieved(reason)));
    // It has a journal of its own now.
    murder(&mut second);
    murder(&mut supervise(scratch, "a"));
    assert_eq!(scratch.errors(), Orphan::unbelieved(reason));
    fs::remove_file(orphan.file("status")).unwrap();
    spoil(&orphan.file("journal"));
    let mut third = supervise(scratch, "a");
    let said = Orphan::unbelieved(reason).repeat(2) + &orphan.in_doubt();
    assert_eq!(scratch.errors(), said);
    scratch.svc("-tk", "a");
    stays("the process", Duration::from_millis(200), || {
        is_alive(orphan.pid) && scratch.lines("starts") == 1
    });
    // Its successor doubts it too.
    murder(&mut third);
    let _fourth = supervise(scratch, "a");
    assert_eq!(scratch.errors(), said + &orphan.in_doubt());
    fs::remove_file(orphan.file("journal")).unwrap();
    wait_for("a start of its own", || scratch.lines("starts") == 2);
    assert!(is_alive(orphan.pid), "the other process was touched");
    assert!(orphan.file("journal").is_file(), "it has a journal again");
}

#[test]
fn a_journal_that_others_can_write_is_doubted() {
    is_doubted(|journal| set_mode(journal, 0o1620), "writable by others");
}

#[test]
fn a_journal_with_another_name_is_doubted() {
    let link = |journal: &Path| {
        let other = journal.with_extension("other");
        let _ = fs::remove_file(&other);
        fs::hard_link(journal, other).unwrap();
    };
    is_doubted(link, "has another name");
}

#[test]
fn a_journal_such_as_a_log_of_root_s_is_doubted() {
    is_doubted(|journal| set_mode(journal, 0o644), "without the mark of a journal");
}

#[test]
fn a_journal_of_another_user_is_doubted() {
    let give_away = |journal: &Path| {
        std::os::unix::fs::chown(journal, Some(12345), None).unwrap();
    };
    if nix::unistd::geteuid().is_root() {
        is_doubted(give_away, "owned by another user");
    } else {
        println!("left out: only root can give a file away");
    }
}
