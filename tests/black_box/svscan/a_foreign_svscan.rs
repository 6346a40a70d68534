//! Another svscan, or what is only named so, in the same scan directory or in another one.

use super::{SECOND, stayer, svscan, up};
use crate::scratch::{Scratch, copy_program, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Stdio};

/// A process named svscan that works in `place` until its input ends, as 0.76's would.
fn stand_in(scratch: &Scratch, place: &str) -> Child {
    scratch.script("svscan", "read line");
    let mut command = std::process::Command::new(scratch.path().join("svscan"));
    let child = command.current_dir(scratch.path().join(place)).stdin(Stdio::piped()).spawn();
    let child = child.unwrap();
    let name = format!("/proc/{}/comm", child.id());
    wait_for("its name", || fs::read_to_string(&name).is_ok_and(|name| name == "svscan\n"));
    child
}

#[test]
fn is_waited_for_with_one_word_and_starts_begin_when_it_is_gone() {
    if !only_ours("0.76 looks for no other svscan") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let mut other = stand_in(&scratch, "scan");
    let mut ours = svscan(&scratch);
    let line = format!(
        "svscan: warning: another svscan (pid {}) scans scan, waiting until it is gone\n",
        other.id()
    );
    wait_for("the word", || scratch.errors() == line);
    stays("waiting", SECOND * 5 / 2, || {
        !scratch.is_running("scan/a") && ours.try_wait().unwrap().is_none()
    });
    drop(other.stdin.take());
    end_of(&mut other);
    up(&scratch, "a");
    assert_eq!(scratch.errors(), line);
}

#[test]
fn is_waited_for_no_longer_when_term_asks_for_the_orderly_stop() {
    if !only_ours("0.76 looks for no other svscan") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let other = stand_in(&scratch, "scan");
    let mut ours = scratch.start("svscan", &["--stop-on-term", "scan"]);
    wait_for("the word", || scratch.errors().contains("waiting until it is gone\n"));
    kill(ours.id(), "TERM");
    assert_eq!(end_of(&mut ours).code(), Some(0));
    assert!(is_alive(other.id()) && !scratch.is_running("scan/a"));
}

/// A set-user-id program of root's under the name svscan, run by another user in `place`, like
/// `su` through a link. `None` if it cannot be made.
fn set_user_id(scratch: &Scratch, place: &str) -> Option<Child> {
    use std::os::unix::process::CommandExt;
    if !nix::unistd::geteuid().is_root() {
        println!("needs root: a program of root's that another user runs");
        return None;
    }
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let program = scratch.path().join("program");
    copy_program("/bin/sleep", &program);
    mode(&program, 0o4755);
    symlink("program", scratch.path().join("svscan")).unwrap();
    mode(scratch.path(), 0o755);
    let mut command = std::process::Command::new(scratch.path().join("svscan"));
    let command = command.arg("1000").uid(65534).gid(65534);
    let child = command.current_dir(scratch.path().join(place)).spawn().unwrap();
    let status = || fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    wait_for("its name", || status().starts_with("Name:\tsvscan\n"));
    if !status().contains("Uid:\t65534\t0\t0\t") {
        println!("needs a place where set-id bits count");
        return None;
    }
    Some(child)
}

#[test]
fn is_no_program_of_root_s_that_another_user_runs() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let Some(other) = set_user_id(&scratch, "scan") else { return };
    let ours = svscan(&scratch);
    up(&scratch, "a");
    if only_ours("HUP kills 0.76") {
        // Only a new image makes this file again, after its search for other svscans.
        let pipes = scratch.path().join("scan/.svscan/pipes");
        fs::remove_file(&pipes).unwrap();
        kill(ours.id(), "HUP");
        wait_for("the new image to look for others and go on", || pipes.exists());
    }
    stayer(&scratch, "b");
    fs::rename(scratch.path().join("b"), scratch.path().join("scan/b")).unwrap();
    up(&scratch, "b");
    assert!(is_alive(other.id()));
    assert_eq!(scratch.errors(), "");
}

#[test]
fn of_another_directory_is_none_of_ours() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    scratch.directory_at("other");
    let _other = stand_in(&scratch, "other");
    let _svscan = svscan(&scratch);
    up(&scratch, "a");
    assert_eq!(scratch.errors(), "");
}
