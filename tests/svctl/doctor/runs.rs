//! Run scripts that cannot be started.

use super::{commands, finds, follow, is_well, saw};
use crate::stage::{STAYS, Stage};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A stage with a service `x` that has this text as `run`.
fn stage_with(text: &str) -> Stage {
    let mut stage = stage_without();
    put(&stage, text);
    stage.scan();
    stage
}

fn stage_without() -> Stage {
    let stage = Stage::empty();
    stage.scratch.directory_at("d/x");
    stage.link("x");
    stage
}

/// Replaces the text of `run`, which the kernel may be executing.
fn put(stage: &Stage, text: &str) {
    let path = stage.scratch.path().join("d/x/run");
    let new = stage.scratch.path().join("d/x/run.new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn no_run_at_all() {
    let mut stage = stage_without();
    stage.scan();
    let found = finds(&stage, "run-missing", "x");
    assert!(saw(&found).ends_with("/d/x/run is not there"), "{found}");
    std::os::unix::fs::symlink("none", stage.scratch.path().join("d/x/run")).unwrap();
    assert!(saw(&finds(&stage, "run-missing", "x")).ends_with(" is a link that leads nowhere"));
    put(&stage, "#!/bin/sh\nexec sleep 1000\n");
    is_well(&stage);
}

#[test]
fn a_run_that_is_not_executable() {
    let mut stage = stage_without();
    stage.scratch.write("d/x/run", b"#!/bin/sh\nexec sleep 1000\n");
    stage.scan();
    follow(&stage, &finds(&stage, "run-not-executable", "x"));
    is_well(&stage);
    stage.wait_until("x", "up");
}

#[test]
fn a_run_that_is_no_file() {
    let mut stage = stage_without();
    stage.scratch.directory_at("d/x/run");
    stage.scan();
    assert!(saw(&finds(&stage, "run-not-a-file", "x")).ends_with(" is a directory"));
    fs::remove_dir(stage.scratch.path().join("d/x/run")).unwrap();
    stage.scratch.fifo("d/x/run");
    assert!(saw(&finds(&stage, "run-not-a-file", "x")).ends_with(" is no file"));
    put(&stage, "#!/bin/sh\nexec sleep 1000\n");
    is_well(&stage);
}

#[test]
fn an_empty_run() {
    let stage = stage_with("");
    finds(&stage, "run-empty", "x");
    put(&stage, "#!/bin/sh\nexec sleep 1000\n");
    is_well(&stage);
}

#[test]
fn a_run_without_an_interpreter() {
    for text in [
        "exec sleep 1000\n",
        "\n \n#!/bin/sh\nexec sleep 1000\n",
        "\u{feff}#!/bin/sh\nexec sleep 1000\n",
    ] {
        let stage = stage_with(text);
        follow(&stage, &finds(&stage, "run-no-interpreter", "x"));
        let run = fs::read_to_string(stage.of_service("x/run")).unwrap();
        assert_eq!(run, "#!/bin/sh\nexec sleep 1000\n", "{text:?}");
        is_well(&stage);
        stage.wait_until("x", "up");
    }
}

#[test]
fn a_run_with_the_line_ends_of_windows() {
    let stage = stage_with("#!/bin/sh\r\nexec sleep 1000\r\n");
    let found = finds(&stage, "run-interpreter-missing", "x");
    assert!(saw(&found).contains("looks for /bin/sh\\x0d"), "{found}");
    follow(&stage, &found);
    is_well(&stage);
    stage.wait_until("x", "up");
}

#[test]
fn an_interpreter_that_is_elsewhere_or_nowhere() {
    let stage = stage_with("#!/none/of/that/sh\nexec sleep 1000\n");
    follow(&stage, &finds(&stage, "run-interpreter-missing", "x"));
    is_well(&stage);
    put(&stage, "#!/usr/bin/env none-of-that\nexec sleep 1000\n");
    stage.svc("-t", "x");
    let found = finds(&stage, "run-interpreter-missing", "x");
    assert!(
        saw(&found).contains("none-of-that, which is not on the PATH of supervise, /"),
        "{found}"
    );
    assert!(commands(&found)[0].starts_with("(install none-of-that, "), "{found}");
}

#[test]
fn a_program_that_is_not_there() {
    let stage = Stage::of(&[
        ("path", "exec /none/of/that -x"),
        ("name", "exec 2>&1\nexec env A=1 none-of-that"),
        ("relative", "exec ./server"),
    ]);
    for (service, shown) in
        [("path", "/none/of/that"), ("name", "none-of-that"), ("relative", "./server")]
    {
        let found = finds(&stage, "run-program-missing", service);
        assert!(saw(&found).contains(&format!(" runs {shown}, which is not ")), "{found}");
    }
    let names = super::names(&super::report(&stage, &[]));
    assert_eq!(names, ["run-program-missing"; 3], "one cause is said once");
    stage.scratch.script("d/relative/server", STAYS);
    stage.scratch.script("d/path/run", STAYS);
    stage.scratch.script("d/name/run", STAYS);
    is_well(&stage);
    // A program without the permission to execute it.
    let server = stage.scratch.path().join("d/relative/other");
    fs::write(&server, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    stage.scratch.script("d/relative/run", &format!("exec {}", server.display()));
    stage.svc("-t", "relative");
    follow(&stage, &finds(&stage, "run-program-missing", "relative"));
    is_well(&stage);
}
