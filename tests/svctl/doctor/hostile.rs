//! What a hostile owner of a service directory can put there. doctor must not hang, read without
//! end, print control characters, or change anything.

use super::{finds, names, report};
use crate::scratch::wait_for;
use crate::stage::{STAYS, Stage};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

#[test]
fn a_run_that_is_a_fifo_a_device_or_without_end_is_not_read() {
    let stage = Stage::of(&[
        ("fifo", STAYS),
        ("device", STAYS),
        ("link", STAYS),
        ("huge", STAYS),
        ("noise", STAYS),
    ]);
    for name in ["fifo", "device", "link", "huge", "noise"] {
        fs::remove_file(stage.of_service(name).join("run")).unwrap();
    }
    stage.scratch.fifo("d/fifo/run");
    symlink("/dev/zero", stage.of_service("device/run")).unwrap();
    symlink("run", stage.of_service("link/run")).unwrap();
    let huge = fs::File::create(stage.of_service("huge/run")).unwrap();
    huge.set_len(1 << 40).unwrap();
    huge.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    fs::write(stage.of_service("noise/run"), [b"#!/bin/sh\nexec ", &bytes[..]].concat()).unwrap();
    fs::set_permissions(stage.of_service("noise/run"), fs::Permissions::from_mode(0o755)).unwrap();
    let begun = Instant::now();
    let report = report(&stage, &[]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let found = names(&report);
    assert_eq!(found.iter().filter(|name| *name == "run-not-a-file").count(), 2, "{found:?}");
    let said = stage.svctl(&["doctor"]);
    let is_plain = |byte: u8| byte == b'\n' || (b' '..=b'~').contains(&byte);
    assert!(said.out.bytes().all(is_plain), "{}", said.out);
}

#[test]
fn a_name_and_a_log_cannot_drive_the_terminal() {
    let stage = Stage::empty();
    let name = "bad\u{1b}[31m\nname";
    stage.add(name, "exec 2>&1\nprintf 'x\\033]0;title\\007\\n'\nexit 1");
    stage.scratch.service(&format!("d/{name}/log"), "exec multilog t ./main");
    let mut stage = stage;
    stage.scan();
    let found = finds(&stage, "crash-loop", name);
    assert!(super::saw(&found).contains("x\\x1b]0;title\\x07"), "{found}");
    let said = stage.svctl(&["doctor"]);
    assert!(said.out.contains("1. bad\\x1b[31m\\x0aname: it ends at each start"), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'));
}

#[test]
fn it_changes_nothing() {
    let stage = Stage::empty();
    stage.add("x", "exec /none/of/that");
    stage.scratch.service("d/x/log", "exec multilog t main");
    stage.scratch.service("d/y", STAYS);
    symlink("../d/none", stage.of_service("gone")).unwrap();
    stage.link("y");
    let listing = || {
        let mut command = std::process::Command::new("find");
        command.args(["s/", "d/"]).current_dir(stage.scratch.path());
        command.args(["-printf", "%p %i %m %u %s %T@ %C@ %l\n"]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let before = listing();
    wait_for("a finding", || names(&report(&stage, &[])).len() > 2);
    assert_eq!(listing(), before);
}
