//! Bad input: each gives one clear line, and never a wrong answer or a panic.

use crate::scratch::{Said, Scratch, copy_program, wait_for};
use crate::stage::{STAYS, Stage, cells, feign, svctl};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// Runs svctl on the stage as user nobody, from a copy of the program that nobody can reach.
/// Returns nothing without root.
pub fn as_nobody(stage: &Stage, arguments: &[&str]) -> Option<Said> {
    if !nix::unistd::geteuid().is_root() {
        println!("left out: only root can become another user");
        return None;
    }
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(stage.scratch.path());
    let copy = stage.scratch.path().join("svctl");
    if !copy.exists() {
        copy_program(assert_cmd::cargo::cargo_bin!("svctl"), &copy);
        open(&copy);
    }
    let mut command = stage.scratch.command("setuidgid");
    command.arg("nobody").arg(&copy).args(arguments).env("SVDIR", stage.path());
    Some(Said::of(&command.output().unwrap()))
}

#[test]
fn another_user_sees_names_and_whether_a_supervise_runs() {
    let stage = Stage::of(&[("a", STAYS), ("b", STAYS)]);
    stage.scratch.directory_at("s/c");
    wait_for("c", || stage.is_supervised("c"));
    let mut stage = stage;
    // This name never had a supervise.
    stage.stop_scan();
    stage.scratch.directory_at("s/unscanned/supervise");
    let path = stage.of_service("unscanned/supervise");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    let Some(said) = as_nobody(&stage, &[]) else { return };
    assert_eq!(said.code, Some(111), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert!(said.err.contains("not permitted; try sudo"), "{said:?}");
    let cells = cells(&said.out);
    for name in ["a", "b", "c"] {
        let row = cells.iter().find(|row| row[0] == name).unwrap();
        assert_eq!(row[1..5], ["supervised", "?", "?", "?"], "{said:?}");
    }
    let row = cells.iter().find(|row| row[0] == "unscanned").unwrap();
    assert_eq!(row[1..3], ["not supervised", "?"], "{said:?}");
    let said = as_nobody(&stage, &["stop", "a"]).unwrap();
    let expected = "svctl: warning: unable to stop a: not permitted; try sudo";
    assert_eq!(said, Said::complaint(111, expected));
    let said = as_nobody(&stage, &["status", "a"]).unwrap();
    assert_eq!(said.code, Some(111), "{said:?}");
    let said = as_nobody(&stage, &["list"]).unwrap();
    assert_eq!(said, Said::text("a\nb\nc\nunscanned\n"));
    let figures = as_nobody(&stage, &["--prometheus"]).unwrap().out;
    assert!(figures.contains("daemontools_service_supervised{service=\"a\"} 1"), "{figures}");
    assert!(!figures.contains("daemontools_service_up{service=\"a\"}"), "{figures}");
    // That the states may not be read is said once, not for each service.
    let said = as_nobody(&stage, &["list", "--state", "unreadable"]).unwrap();
    assert_eq!((said.code, said.out.as_str()), (Some(111), "a\nb\nc\n"), "{said:?}");
    let expected = "svctl: warning: unable to look at 4 services: not permitted; try sudo\n";
    assert_eq!(said.err, expected);
    assert_eq!(stage.state("a"), "up");
}

#[test]
fn a_user_who_may_enter_supervise_reads_the_status() {
    let stage = Stage::of(&[("a", STAYS)]);
    stage.wait_until("a", "up");
    let path = stage.of_service("a/supervise");
    fs::set_permissions(path, fs::Permissions::from_mode(0o711)).unwrap();
    let Some(said) = as_nobody(&stage, &["--fields", "name,state,pid,starts"]) else { return };
    assert_eq!(said, Said::text(&format!("a\tup\t{}\t-\n", stage.pid("a"))));
    // The control FIFO belongs to another user.
    let said = as_nobody(&stage, &["stop", "a"]).unwrap();
    assert_eq!((said.code, said.out.as_str()), (Some(111), ""), "{said:?}");
}

#[test]
fn a_directory_that_may_not_be_entered_is_named() {
    let stage = Stage::of(&[("a", STAYS)]);
    fs::set_permissions(stage.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let Some(said) = as_nobody(&stage, &[]) else { return };
    let place = stage.shown("s");
    let expected = format!("svctl: fatal: unable to open {place}: access denied");
    assert_eq!(said, Said::complaint(111, &expected));
}

#[test]
fn a_damaged_status_is_unreadable() {
    let stage = Stage::empty();
    let held = ["short", "empty", "missing", "directory"].map(|name| {
        let directory = stage.of_service(name);
        let ok = feign(&directory, Some((1, 0, b'u', 5)));
        let status = directory.join("supervise/status");
        match name {
            "short" => fs::write(status, [0; 17]).unwrap(),
            "empty" => fs::write(status, []).unwrap(),
            _ => fs::remove_file(status).unwrap(),
        }
        if name == "directory" {
            fs::create_dir(directory.join("supervise/status")).unwrap();
        }
        ok
    });
    let said = stage.svctl(&[]);
    assert_eq!((said.code, said.err.lines().count()), (Some(111), 4), "{said:?}");
    assert_eq!(said.out.matches(" unreadable ").count(), 4, "{said:?}");
    assert!(
        said.err.contains("unable to read supervise/status of short: bad format\n"),
        "{said:?}"
    );
    assert!(said.err.contains("of missing: file does not exist\n"), "{said:?}");
    for name in ["short", "missing", "directory"] {
        let said = stage.svctl(&["stop", name]);
        assert_eq!((said.code, said.err.lines().count()), (Some(111), 1), "{said:?}");
    }
    // Another product writes more after the 18 bytes.
    let status = stage.of_service("short/supervise/status");
    let mut bytes = vec![0; 18];
    bytes[16..].copy_from_slice(&[0, b'd']);
    bytes.extend([1; 22]);
    fs::write(status, bytes).unwrap();
    assert_eq!(stage.state("short"), "down");
    drop(held);
}

#[test]
fn a_damaged_journal_is_named_and_the_status_counts() {
    let stage = Stage::of(&[("a", STAYS)]);
    stage.wait_until("a", "up");
    let journal = stage.of_service("a/supervise/journal");
    let whole = fs::read(&journal).unwrap();
    type Damage = (&'static str, fn(&mut Vec<u8>));
    let damage: [Damage; 3] = [
        ("both slots", |bytes| {
            bytes[100] ^= 1;
            bytes[612] ^= 1;
        }),
        ("its size", |bytes| bytes.truncate(700)),
        ("all of it", |bytes| bytes.fill(0xff)),
    ];
    for (what, damage) in damage {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(&journal, bytes).unwrap();
        let said = stage.svctl(&["--fields", "name,state,starts"]);
        assert_eq!((said.code, said.out.as_str()), (Some(0), "a\tup\t-\n"), "{what} {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{what} {said:?}");
        let expected = "svctl: warning: unable to believe supervise/journal of a: ";
        assert!(said.err.starts_with(expected), "{what} {said:?}");
    }
    // A service without a journal is not damaged: 0.76 keeps none.
    fs::remove_file(&journal).unwrap();
    let said = stage.svctl(&["--fields", "name,state,starts"]);
    assert_eq!(said, Said::text("a\tup\t-\n"));
}

#[test]
fn what_others_may_plant_is_not_followed() {
    let stage = Stage::empty();
    stage.scratch.directory_at("s/a/supervise");
    // A regular file or a directory as `ok` is no sign of a supervise.
    stage.scratch.write("s/a/supervise/ok", b"");
    assert_eq!(stage.state("a"), "not supervised");
    stage.scratch.directory_at("s/b");
    stage.scratch.write("s/b/supervise", b"");
    assert_eq!(stage.state("b"), "not supervised");
    symlink("nowhere", stage.of_service("dangling")).unwrap();
    symlink("circle", stage.of_service("circle")).unwrap();
    for name in ["dangling", "circle"] {
        let said = stage.svctl(&["status", name]);
        assert_eq!(said.code, Some(111), "{said:?}");
        assert!(said.err.contains(&format!("of {name}: ")), "{said:?}");
        assert_eq!(stage.svctl(&["stop", name]).code, Some(111));
    }
}

#[test]
fn hostile_command_lines_and_logs_do_not_drive_the_terminal() {
    let stage = Stage::empty();
    stage.add("a", "exec 2>&1\nprintf '\\033]0;owned\\007\\rfake\\n'\nexec sleep 1000 '\u{1b}[2J' \"$(printf '\\302\\2331m')\" 2>/dev/null || exec sh -c 'sleep 1000; :' \"$(printf '\\033[31m')\"");
    stage.scratch.service("d/a/log", "exec multilog t ./main");
    stage.scratch.write("d/a/run", b"#!/bin/sh\n# \x1b[31m\nexec 2>&1\nprintf '\\033]0;owned\\007\\rfake\\n'\nexec sh -c 'sleep 1000; :' \"$(printf '\\033[31m\\302\\2331m')\"\n");
    let mut stage = stage;
    stage.scan();
    wait_for("the process and the log", || {
        let out = stage.svctl(&["status", "a"]).out;
        out.contains("owned\\x07\\x0dfake") && out.contains("\\x1b[31m\\xc2\\x9b1m")
    });
    let page = stage.command(&["status", "a"]).output().unwrap().stdout;
    assert!(page.iter().all(|&byte| byte == b'\n' || byte == b'\t' || byte >= b' '), "{page:?}");
    assert!(!String::from_utf8(page).unwrap().contains('\u{9b}'));
}

#[test]
fn a_reader_that_closes_the_pipe_ends_it_silently() {
    let stage = Stage::empty();
    for number in 0..3000 {
        stage.scratch.directory_at(&format!("s/a-service-of-a-rather-long-name-{number}"));
    }
    let program = assert_cmd::cargo::cargo_bin!("svctl");
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" list | head -n 1"]).arg(program).env("SVDIR", stage.path());
    let said = Said::of(&shell.output().unwrap());
    assert_eq!(said, Said::text("a-service-of-a-rather-long-name-0\n"));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let said = Said::of(&stage.command(&["list"]).stdout(full).output().unwrap());
    let expected = "svctl: fatal: unable to write to standard output: out of disk space";
    assert_eq!(said, Said::complaint(111, expected));
}

#[test]
fn a_full_control_fifo_is_waited_for_until_the_timeout() {
    let scratch = Scratch::new();
    let directory = scratch.path().join("a");
    let _ok = feign(&directory, Some((1, 0, b'u', 5)));
    scratch.fifo("a/supervise/control");
    let control = directory.join("supervise/control");
    let mut held = fs::File::options().read(true).write(true).open(&control).unwrap();
    use std::io::Write;
    let mut filler = fs::File::options().write(true).open(&control).unwrap();
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    nix::fcntl::fcntl(&filler, nix::fcntl::FcntlArg::F_SETFL(flags)).unwrap();
    while filler.write(&[0; 4096]).is_ok() {}
    while filler.write(&[0; 1]).is_ok() {}
    let run =
        |arguments: &[&str]| Said::of(&svctl(scratch.path()).args(arguments).output().unwrap());
    let said = run(&["stop", "--timeout", "0.3", "./a"]);
    assert_eq!((said.code, said.err.lines().count()), (Some(1), 1), "{said:?}");
    held.flush().unwrap();
}
