//! Names in the scan directory.

use super::{finds, follow, is_well, names, report, saw};
use crate::scratch::wait_for;
use crate::stage::{STAYS, Stage};
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn links_that_lead_nowhere_or_to_a_file() {
    let stage = Stage::of(&[("x", STAYS)]);
    symlink("../d/none", stage.of_service("gone")).unwrap();
    stage.scratch.write("file", b"");
    symlink("../file", stage.of_service("file")).unwrap();
    let gone = finds(&stage, "link-dangling", "gone");
    assert!(saw(&gone).ends_with("points at ../d/none, which is not there"), "{gone}");
    let file = finds(&stage, "link-to-file", "file");
    assert_eq!(names(&report(&stage, &[])), ["link-to-file", "link-dangling"]);
    follow(&stage, &gone);
    follow(&stage, &file);
    is_well(&stage);
}

#[test]
fn two_names_of_one_directory() {
    let stage = Stage::of(&[("x", STAYS)]);
    symlink("../d/x", stage.of_service("y")).unwrap();
    let found = finds(&stage, "two-names", "y");
    assert!(saw(&found).ends_with("are one directory"), "{found}");
    follow(&stage, &found);
    assert!(stage.of_service("x").exists() && !stage.of_service("y").exists());
    is_well(&stage);
}

#[test]
fn a_directory_that_was_copied_with_its_supervise() {
    let mut stage = Stage::of(&[("x", STAYS)]);
    stage.wait_until("x", "up");
    // No svscan runs here: it would start a supervise in the copy, which would write its own
    // records.
    stage.stop_scan();
    let copy = |from: &str, to: &str| {
        let mut command = std::process::Command::new("cp");
        command.arg("-a").arg(stage.scratch.path().join(from)).arg(stage.scratch.path().join(to));
        assert!(command.status().unwrap().success());
    };
    copy("d/x", "d/y");
    stage.link("y");
    let found = finds(&stage, "supervise-copied", "y");
    follow(&stage, &found);
    assert!(!stage.scratch.path().join("d/y/supervise").exists());
    assert_eq!(names(&report(&stage, &[])), ["no-svscan"]);
    // The `supervise` of this service is a link.
    stage.scratch.directory_at("records");
    stage.scratch.service("d/a", STAYS);
    symlink("../../records", stage.scratch.path().join("d/a/supervise")).unwrap();
    copy("d/a", "d/b");
    stage.link("a");
    stage.link("b");
    follow(&stage, &finds(&stage, "supervise-copied", "b"));
    assert_eq!(names(&report(&stage, &[])), ["no-svscan"]);
}

#[test]
fn a_service_that_runs_without_a_name() {
    let stage = Stage::of(&[("x", STAYS), ("y", STAYS)]);
    fs::remove_file(stage.of_service("x")).unwrap();
    let found = finds(&stage, "no-name", "-");
    assert!(saw(&found).contains(&stage.shown("d/x")), "{found}");
    // The renamed service has a name again.
    fs::rename(stage.of_service("y"), stage.of_service("z")).unwrap();
    assert_eq!(names(&report(&stage, &[])), ["no-name"]);
    follow(&stage, &found);
    wait_for("the end of it", || names(&report(&stage, &[])).is_empty());
}

#[test]
fn a_service_that_svscan_cannot_have_supervised() {
    let mut stage = Stage::empty();
    stage.scratch.service("d/x", STAYS);
    stage.scratch.write("d/x/supervise", b"");
    stage.link("x");
    stage.svscan_only();
    finds(&stage, "not-supervised", "x");
    assert_eq!(names(&report(&stage, &[])), ["not-supervised"]);
    fs::remove_file(stage.scratch.path().join("d/x/supervise")).unwrap();
    is_well(&stage);
}
