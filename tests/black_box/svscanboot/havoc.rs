//! A scan directory or its records that were removed, made again or cannot be written, while they
//! are in use.

use super::{boot, child_named, child_once_there, children, stayer};
use crate::scratch::{Said, Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::process::Child;
use std::time::Duration;

/// Removal of a scan directory or its records while they are in use.
type Havoc = fn(&Scratch);

const HAVOC: [(&str, Havoc); 3] = [
    ("a purge of the records", |scratch| {
        fs::remove_dir_all(scratch.path().join("scan/.svscan")).unwrap();
    }),
    ("the scan directory made again", |scratch| {
        fs::remove_dir_all(scratch.path().join("scan")).unwrap();
        scratch.directory_at("scan");
        symlink("../a", scratch.path().join("scan/a")).unwrap();
    }),
    ("the scan directory gone", |scratch| {
        fs::remove_dir_all(scratch.path().join("scan")).unwrap();
    }),
];

fn booted_on_a_link(scratch: &Scratch) -> Child {
    scratch.service("a", "echo $$ >>../starts\nexec sleep 1000");
    scratch.directory_at("scan");
    symlink("../a", scratch.path().join("scan/a")).unwrap();
    let child = boot(scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("a"));
    wait_for("svscan to listen", || {
        let control = scratch.path().join("scan/.svscan/control");
        let without_waiting = nix::fcntl::OFlag::O_NONBLOCK.bits();
        fs::File::options().write(true).custom_flags(without_waiting).open(control).is_ok()
    });
    child
}

#[test]
fn what_it_started_it_stops_whatever_became_of_the_scan_directory() {
    if !only_ours("svscanboot") {
        return;
    }
    for (what, havoc) in HAVOC {
        let scratch = Scratch::new();
        let mut child = booted_on_a_link(&scratch);
        havoc(&scratch);
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0), "{what}");
        assert!(!scratch.is_running("a"), "{what}");
        assert_eq!(scratch.lines("starts"), 1, "{what}");
    }
}

#[test]
fn a_stop_that_is_asked_for_is_made_whatever_became_of_the_scan_directory() {
    if !only_ours("svscanboot") {
        return;
    }
    for (what, havoc) in HAVOC {
        let scratch = Scratch::new();
        let mut child = booted_on_a_link(&scratch);
        let svscan = child_once_there(child.id(), "svscan ");
        havoc(&scratch);
        // If a stop takes more than five seconds, it prints what it waits for.
        let said = scratch.run("svscanboot", &["--stop", "scan"]);
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{what}: {said:?}");
        assert!(!scratch.is_running("a") && !is_alive(svscan), "{what}");
        stays("no new scan", Duration::from_millis(1500), || {
            scratch.lines("starts") == 1 && child.try_wait().unwrap().is_none()
        });
        // It rests until a newly started svscanboot wants svscan again.
        if scratch.path().join("scan").exists() {
            let _second = boot(&scratch, &[]);
            symlink("../a", scratch.path().join("scan/a")).ok();
            wait_for("the service again", || scratch.lines("starts") == 2);
        }
    }
}

#[test]
fn a_standby_finds_the_svscan_whose_records_were_removed() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    let mut first = booted_on_a_link(&scratch);
    let svscan = child_once_there(first.id(), "svscan ");
    let mut second = boot(&scratch, &[]);
    stays("standing by", Duration::from_millis(300), || children(second.id()).is_empty());
    fs::remove_dir_all(scratch.path().join("scan/.svscan")).unwrap();
    kill(first.id(), "KILL");
    end_of(&mut first);
    wait_for("a reader of the second one", || {
        child_named(second.id(), "readproctitle ").is_some()
            || scratch.path().join("scan/.svscan/boot-ok").exists()
    });
    stays("one svscan", Duration::from_secs(1), || {
        is_alive(svscan) && child_named(second.id(), "svscan ").is_none()
    });
    kill(second.id(), "TERM");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert!(!scratch.is_running("a") && !is_alive(svscan));
    assert_eq!(scratch.lines("starts"), 1);
}

#[test]
fn svscan_makes_records_that_were_removed_again() {
    if !only_ours(".svscan") {
        return;
    }
    let scratch = Scratch::new();
    let mut child = booted_on_a_link(&scratch);
    let records = scratch.path().join("scan/.svscan");
    let pipes = fs::read(records.join("pipes")).unwrap();
    fs::remove_dir_all(&records).unwrap();
    for name in ["pipes", "messages", "lock", "control"] {
        wait_for(name, || records.join(name).exists());
    }
    assert_eq!(fs::read(records.join("pipes")).unwrap(), pipes);
    assert_eq!(scratch.run("svscan", &["scan"]).code, Some(111), "the lock is held again");
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(records.join("stopped").exists() && !scratch.is_running("a"));
}

#[test]
fn a_new_logger_reads_its_own_pipe_after_the_records_were_removed_twice() {
    if !only_ours(".svscan") {
        return;
    }
    let scratch = Scratch::new();
    let mut child = booted_on_a_link(&scratch);
    let records = scratch.path().join("scan/.svscan");
    // The lock that svscanboot passed to svscan was its descriptor 3. After two removals that
    // number is free, and the next pipe gets it.
    for _ in 0..2 {
        fs::remove_dir_all(&records).unwrap();
        for name in ["pipes", "messages", "lock", "control"] {
            wait_for(name, || records.join(name).exists());
        }
    }
    scratch.service("b", "exec sleep 1000");
    scratch.service("b/log", "exec cat >>../../log.txt");
    symlink("../b", scratch.path().join("scan/b")).unwrap();
    wait_for("the service and its logger", || {
        scratch.is_running("b") && scratch.is_running("b/log")
    });
    wait_for("both processes", || {
        [scratch.svstat("b"), scratch.svstat("b/log")].iter().all(|said| said.contains(": up "))
    });
    let pipe = |pid, number| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
    assert_eq!(pipe(scratch.pid("b"), 1), pipe(scratch.pid("b/log"), 0));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
}

#[test]
fn a_message_pipe_that_could_not_be_recorded_is_recorded_later() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    // No new record can be made while a directory has its name.
    let obstacle = scratch.path().join("scan/.svscan/messages.new");
    scratch.directory_at("scan/.svscan/messages.new");
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(scratch.path().join("scan/.svscan"), private).unwrap();
    stayer(&scratch, "a");
    let mut child = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
    let record = scratch.path().join("scan/.svscan/messages");
    assert!(!record.exists());
    fs::remove_dir(obstacle).unwrap();
    // Any event makes svscanboot look again.
    kill(child_once_there(child.id(), "readproctitle "), "KILL");
    wait_for("the record", || record.exists());
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
}

#[test]
fn where_nothing_can_be_recorded_it_is_stopped_in_order_all_the_same() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "echo $$ >>../../starts\nexec sleep 1000");
    scratch.directory_at("scan/a/supervise");
    // Root may write anywhere, and keeps the records in another place.
    let is_root = nix::unistd::geteuid().is_root();
    if is_root {
        for name in ["scan/a/supervise", "."] {
            std::os::unix::fs::chown(scratch.path().join(name), Some(65534), Some(65534)).unwrap();
        }
    }
    fs::set_permissions(scratch.path().join("scan"), fs::Permissions::from_mode(0o555)).unwrap();
    for by_term in [true, false] {
        fs::remove_file(scratch.path().join("starts")).ok();
        let errors = fs::File::create(scratch.path().join("errors")).unwrap();
        let mut child =
            scratch.command_of_a_user("svscanboot").arg("scan").stderr(errors).spawn().unwrap();
        wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
        let line = "svscanboot: warning: unable to open scan/.svscan: access denied\n";
        assert_eq!(scratch.errors(), line);
        if !by_term {
            let mut stop = scratch.command_of_a_user("svscanboot");
            assert_eq!(Said::of(&stop.args(["--stop", "scan"]).output().unwrap()), Said::exit(0));
            stays("no new scan", Duration::from_millis(1500), || {
                child_named(child.id(), "svscan ").is_none()
            });
        }
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert!(!scratch.is_running("scan/a"));
    }
}

#[test]
fn svscan_goes_over_to_the_scan_directory_that_was_made_again() {
    if !only_ours("0.76 scans on in what was deleted") {
        return;
    }
    let scratch = Scratch::new();
    let mut child = booted_on_a_link(&scratch);
    let svscan = child_once_there(child.id(), "svscan ");
    fs::remove_dir_all(scratch.path().join("scan")).unwrap();
    scratch.directory_at("scan");
    symlink("../a", scratch.path().join("scan/a")).unwrap();
    stayer(&scratch, "b");
    wait_for("the new service", || scratch.lines("starts") == 2 && scratch.is_running("scan/b"));
    wait_for("the warning", || {
        children(child.id()).iter().any(|(_, line)| line.contains("was deleted\n"))
    });
    assert_eq!(child_named(child.id(), "svscan "), Some(svscan));
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    assert!(!scratch.is_running("a") && !scratch.is_running("scan/b"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 2);
}
