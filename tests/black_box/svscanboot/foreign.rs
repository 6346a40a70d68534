//! What is named svscan and is not ours.

use super::{Ended, boot, child_named, children, stayer};
use crate::scratch::{Said, Scratch, copy_program, end_of, is_alive, kill, only_ours, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn term_ends_an_svscanboot_that_waits_for_a_foreign_svscan_and_not_that_svscan() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    // An svscan of 0.76 is recognised by its name and its working directory.
    copy_program("/bin/sleep", scratch.path().join("svscan"));
    let mut foreign = Command::new("../svscan");
    let foreign = foreign.arg("1000").current_dir(scratch.path().join("scan")).spawn().unwrap();
    let foreign = Ended(foreign);
    let mut child = boot(&scratch, &[]);
    wait_for("the waiting svscan", || {
        child_named(child.id(), "readproctitle ").is_some_and(|_| {
            children(child.id()).iter().any(|(_, line)| line.contains("waiting until it is gone"))
        })
    });
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(is_alive(foreign.0.id()));
    assert!(scratch.path().join("scan/.svscan/stopped").exists());
    assert!(!scratch.is_running("scan/a"));
}

#[test]
fn an_svscan_that_is_not_ours_is_named_and_not_stopped() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    copy_program("/bin/sleep", scratch.path().join("svscan"));
    let mut foreign = Command::new("../svscan");
    let foreign = foreign.arg("1000").current_dir(scratch.path().join("scan")).spawn().unwrap();
    let foreign = Ended(foreign);
    let line = format!(
        "svscanboot: fatal: unable to stop svscan (pid {}) of scan: it is not ours",
        foreign.0.id()
    );
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::complaint(111, &line));
    assert!(is_alive(foreign.0.id()));
}

#[test]
fn a_users_set_id_program_under_the_name_of_svscan_keeps_no_fallback_away() {
    if !only_ours("svscanboot") || !nix::unistd::geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    copy_program("/bin/sleep", scratch.path().join("svscan"));
    fs::set_permissions(scratch.path().join("svscan"), fs::Permissions::from_mode(0o4755)).unwrap();
    // Its effective user is root, as for any user's `su`.
    let mut planted = scratch.command("setuidgid");
    planted.args([":65534:65534", "../svscan", "1000"]).current_dir(scratch.path().join("scan"));
    let planted = Ended(planted.spawn().unwrap());
    let of_it = |name| fs::read_to_string(format!("/proc/{}/{name}", planted.0.id())).unwrap();
    wait_for("it to run", || of_it("comm") == "svscan\n");
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    let mut child = boot(&scratch, &["--fallback"]);
    wait_for("the service", || scratch.lines("starts") == 1);
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(is_alive(planted.0.id()));
}
