//! The files in the directory `supervise`: their types and modes, the status, and what becomes of
//! them when they cannot be written or are removed.

use super::{
    SECOND, murder, note_signals, started, status_tail, stayer, supervise, wait_for_status,
};
use crate::scratch::{Said, Scratch, is_alive, kill, limit_files, only_ours, stays, wait_for};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

#[test]
fn the_first_start_is_known_before_it_runs() {
    if !only_ours("one status tells of the beginning and of the first start") {
        return;
    }
    let scratch = Scratch::new();
    let look = "test -p supervise/ok && cat supervise/status >../seen";
    scratch.service("a", &format!("{look}\necho $$ >>../starts\nexec sleep 1000"));
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let seen = fs::read(scratch.path().join("seen")).unwrap();
    let pid: u32 =
        fs::read_to_string(scratch.path().join("starts")).unwrap().trim().parse().unwrap();
    assert_eq!(seen[12..16], pid.to_le_bytes());
}

#[test]
fn the_files_have_their_types_and_modes() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    let facts = |name: &str| fs::metadata(scratch.path().join("a/supervise").join(name)).unwrap();
    let mode = |name: &str| facts(name).permissions().mode() & 0o7777;
    assert_eq!(mode(""), 0o700);
    assert!(facts("control").file_type().is_fifo() && mode("control") == 0o600);
    assert!(facts("ok").file_type().is_fifo() && mode("ok") == 0o600);
    assert!(facts("lock").is_file() && mode("lock") == 0o600 && facts("lock").len() == 0);
    assert!(facts("status").is_file() && mode("status") == 0o644 && facts("status").len() == 18);
}

#[test]
fn the_18_bytes_follow_every_letter() {
    let scratch = Scratch::new();
    scratch.service("a", "trap '' HUP ALRM INT\necho $$ >>../starts\nwhile :; do sleep 1; done");
    scratch.write("a/down", b"");
    let _supervise = supervise(&scratch, "a");
    let becomes = |letters: &str, expected| {
        scratch.svc(letters, "a");
        wait_for(letters, || status_tail(&scratch, "a") == expected);
    };
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'd'));
    becomes("-o", (true, 0, 0));
    becomes("-p", (true, 1, 0));
    becomes("-u", (true, 1, b'u'));
    becomes("-c", (true, 0, b'u'));
    becomes("-p", (true, 1, b'u'));
    // d sends CONT too, so that a paused service can die of the TERM.
    becomes("-d", (false, 0, b'd'));
    becomes("-p", (false, 0, b'd'));
    becomes("-u", (true, 0, b'u'));
    let label = fs::read(scratch.path().join("a/supervise/status")).unwrap()[..12].to_vec();
    becomes("-p", (true, 1, b'u'));
    becomes("-c", (true, 0, b'u'));
    let later = fs::read(scratch.path().join("a/supervise/status")).unwrap()[..12].to_vec();
    assert_eq!(label, later, "the label moves with the pid only");
}

#[test]
fn the_status_is_replaced_for_the_letters_that_it_shows_and_for_no_other() {
    let scratch = Scratch::new();
    note_signals(&scratch, "HUP ALRM INT TERM");
    let _supervise = supervise(&scratch, "a");
    wait_for("the traps", || scratch.read("seen").contains("ready"));
    // 0.76 writes once more when it enters its loop, a second after the start.
    for (letter, expected) in [("-p", (true, 1, b'u')), ("-c", (true, 0, b'u'))] {
        scratch.svc(letter, "a");
        wait_for(letter, || status_tail(&scratch, "a") == expected);
    }
    let status = scratch.path().join("a/supervise/status");
    let inode = || fs::metadata(&status).unwrap().ino();
    // Kept under another name, so that no later status can have the same number.
    // A status that is replaced between its look-up and the link has no name to add one to.
    let keep = |name: &str| {
        wait_for("a link", || fs::hard_link(&status, scratch.path().join(name)).is_ok());
    };
    keep("before");
    let before = inode();
    for (letter, name) in [("-h", "HUP"), ("-a", "ALRM"), ("-i", "INT"), ("-t", "TERM")] {
        scratch.svc(letter, "a");
        wait_for(name, || scratch.read("seen").lines().last() == Some(name));
    }
    let control = scratch.path().join("a/supervise/control");
    fs::File::options().write(true).open(control).unwrap().write_all(b"\nz").unwrap();
    scratch.svc("-h", "a");
    wait_for("HUP behind them", || scratch.read("seen").lines().last() == Some("HUP"));
    assert_eq!(inode(), before);
    for letter in ["-u", "-o", "-c", "-p", "-d", "-x"] {
        keep(letter);
        let before = inode();
        scratch.svc(letter, "a");
        wait_for(letter, || inode() != before);
    }
}

#[test]
fn the_label_stands_in_the_middle_of_a_microsecond() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    scratch.pid("a");
    let bytes = fs::read(scratch.path().join("a/supervise/status")).unwrap();
    let nanoseconds = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
    assert!(nanoseconds < 1_000_000_000 && nanoseconds % 1000 == 500, "{nanoseconds}");
}

#[test]
fn a_status_that_cannot_be_replaced_is_said_and_the_service_runs() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("a/supervise/status");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let line = "supervise: warning: unable to rename a/supervise/status.new to status: \
                is a directory\n";
    wait_for("the warning", || scratch.errors().starts_with(line));
    assert_eq!(scratch.errors().replace(line, ""), "");
}

#[test]
fn a_dangling_supervise_link_gets_its_directory() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    symlink(scratch.path().join("state"), scratch.path().join("a/supervise")).unwrap();
    let _supervise = supervise(&scratch, "a");
    assert!(scratch.path().join("state/status").exists());
    assert_eq!(fs::metadata(scratch.path().join("state")).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn a_supervise_link_in_a_directory_that_others_can_write_is_refused() {
    if !only_ours("0.76 follows any supervise link") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    symlink(scratch.path().join("state"), scratch.path().join("a/supervise")).unwrap();
    let mode = fs::Permissions::from_mode(0o777);
    fs::set_permissions(scratch.path().join("a"), mode).unwrap();
    let expected = "supervise: fatal: unable to acquire a/supervise/lock: permission denied";
    assert_eq!(scratch.run("supervise", &["a"]), Said::complaint(111, expected));
    assert!(!scratch.path().join("state").exists());
}

#[test]
fn a_planted_status_is_not_written_through() {
    if !only_ours("0.76 writes 18 bytes over what a planted status.new points to") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.write("precious", b"precious");
    scratch.directory_at("a/supervise");
    symlink(scratch.path().join("precious"), scratch.path().join("a/supervise/status.new"))
        .unwrap();
    let _supervise = supervise(&scratch, "a");
    assert_eq!(scratch.read("precious"), "precious");
    assert!(scratch.svstat("a").starts_with("a: up "));
}

#[test]
fn a_service_finds_itself_in_its_status_at_every_start() {
    if !only_ours("0.76 publishes while the service runs already: on a busy machine it may be late")
    {
        return;
    }
    let scratch = Scratch::new();
    // Its pid in the status, and its real pid.
    let look = "set -- $(od -An -tu4 -j12 -N4 supervise/status); echo $1 $$ >>";
    // Restarted at once, and restarted when the second is over.
    scratch.service("a", &format!("{look}../long\nexec sleep 1.1"));
    scratch.service("b", &format!("{look}../short"));
    let _first = supervise(&scratch, "a");
    let _second = supervise(&scratch, "b");
    wait_for("starts", || scratch.lines("long") >= 4 && scratch.lines("short") >= 4);
    for line in (scratch.read("long") + &scratch.read("short")).lines() {
        let (status, pid) = line.split_once(' ').unwrap();
        assert_eq!(status, pid, "the status of another process");
    }
}

#[test]
fn what_could_not_be_published_is_tried_again() {
    if !only_ours("under 0.76 the status stays wrong until the next change") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let child = supervise(&scratch, "a");
    scratch.pid("a");
    limit_files(child.id(), 3);
    scratch.svc("-p", "a");
    let line = "supervise: warning: unable to open a/supervise/status.new: \
                process cannot open more files\n";
    wait_for("the warning", || scratch.errors() == line);
    stays("one warning", SECOND * 4, || scratch.errors() == line);
    limit_files(child.id(), 64);
    wait_for_status(&scratch, "a", |status| status.contains("paused"));
    assert_eq!(scratch.errors(), line);
}

/// Removes `a/supervise` while supervise works there.
fn remove_records(scratch: &Scratch) {
    fs::remove_dir_all(scratch.path().join("a/supervise")).unwrap();
}

#[test]
fn a_supervise_directory_that_was_removed_is_made_again() {
    if !only_ours("0.76 is lost without it") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = supervise(&scratch, "a");
    let pid = started(&scratch);
    remove_records(&scratch);
    // Now the first one can be found only by its working directory.
    let expected = "supervise: fatal: unable to acquire a/supervise/lock: temporary failure";
    assert_eq!(scratch.run("supervise", &["a"]), Said::complaint(111, expected));
    assert!(is_alive(pid));
    remove_records(&scratch);
    kill(pid, "KILL");
    wait_for("the restart", || scratch.lines("starts") == 2);
    let pid = scratch.pid("a");
    assert_eq!(scratch.errors(), "");
    scratch.svc("-p", "a");
    wait_for_status(&scratch, "a", |status| status.contains("paused"));
    let expected = "supervise: fatal: unable to acquire a/supervise/lock: temporary failure";
    assert_eq!(scratch.run("supervise", &["a"]), Said::complaint(111, expected));
    murder(&mut child);
    let _successor = supervise(&scratch, "a");
    assert_eq!((scratch.pid("a"), scratch.lines("starts")), (pid, 2));
}
