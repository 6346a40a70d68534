//! Bad input: each gives one clear line, and what can be read is printed.

use super::{label, lines, log, logs, numbers};
use crate::bad_input::as_nobody;
use crate::scratch::{Said, Scratch};
use crate::stage::{STAYS, Stage};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn names_and_moments_that_make_no_sense_are_named() {
    let stage = Stage::empty();
    stage.add("a", STAYS);
    stage.scratch.service("d/a/log", "exec multilog t ./main");
    log(&stage.scratch, "d/a/log/main/current", &lines([1]));
    let said = stage.svctl(&["logs", "b", "a"]);
    assert_eq!((said.code, numbers(&said.out)), (Some(4), vec![1]), "{said:?}");
    assert!(said.err.starts_with("svctl: warning: unable to find b: "), "{said:?}");
    assert_eq!(stage.svctl(&["logs", "b\n"]).code, Some(4));
    for wrong in [
        &["logs"][..],
        &["logs", "a", "--since", "noon"],
        &["logs", "a", "--until", ""],
        &["logs", "a", "-n", "-1"],
        &["logs", "a", "-n", "x"],
        &["logs", "a", "--utc", "--raw"],
        &["logs", "a", "-i"],
        &["logs", "a", "-f", "--until", "now"],
        &["logs", "a", "--svscan"],
        &["logs", "--svscan", "--since", "now"],
        &["logs", "--svscan", "-f"],
        &["logs", "a", "b", "--in", "m"],
        &["logs", "a", "--json"],
    ] {
        let said = stage.svctl(wrong);
        assert_eq!((said.code, said.out.as_str()), (Some(100), ""), "{wrong:?} {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{wrong:?} {said:?}");
    }
}

#[test]
fn a_directory_without_a_log_is_named() {
    let scratch = Scratch::new();
    log(&scratch, "m/main/current", &lines([1]));
    let said = logs(&scratch, &["-n", "5"]);
    let expected = "svctl: warning: there is no log in m\n";
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "", expected));
    // A log that has no line within the times asked for is one all the same.
    log(&scratch, "m/current", &lines([1]));
    assert_eq!(logs(&scratch, &["--since", "1 min ago"]), Said::text(""));
}

#[test]
fn what_is_planted_is_named_and_passed_over() {
    let scratch = Scratch::new();
    log(&scratch, &format!("m/{}.s", label(9)), &lines([1]));
    scratch.write("secret", b"secret\n");
    let damage: [fn(&Path); 3] = [
        |path| symlink("../secret", path).unwrap(),
        |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap(),
        |path| fs::create_dir(path).unwrap(),
    ];
    for name in ["current".to_owned(), "previous".to_owned(), format!("{}.s", label(5))] {
        for plant in &damage {
            let path = scratch.path().join("m").join(&name);
            plant(&path);
            for arguments in [&[][..], &["-n", "5"], &["--since", "2026-01-01"]] {
                let said = logs(&scratch, arguments);
                assert_eq!((said.code, numbers(&said.out)), (Some(111), vec![1]), "{said:?}");
                let complaint =
                    format!("svctl: warning: unable to read m/{name}: it is no regular file\n");
                assert_eq!(said.err, complaint, "{arguments:?}");
            }
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
        }
    }
}

#[test]
fn damaged_compressed_data_are_named_after_what_could_be_read() {
    let scratch = Scratch::new();
    log(&scratch, "whole", &lines(0..5000));
    assert_eq!(scratch.run("gzip", &["whole"]).code, Some(0));
    let whole = fs::read(scratch.path().join("whole.gz")).unwrap();
    log(&scratch, "m/current", &lines([9000]));
    let name = format!("m/{}.s", label(8000));
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 3], &whole[..12], &flipped] {
        scratch.write(&name, damaged);
        let said = logs(&scratch, &[]);
        let expected =
            format!("svctl: warning: unable to read {name}: its compressed data are damaged\n");
        assert_eq!((said.code, said.err), (Some(111), expected));
        assert!(said.out.ends_with(" line 9000\n"));
    }
    scratch.write(&name, &whole[..whole.len() / 2]);
    assert!(logs(&scratch, &[]).out.lines().count() > 1000);
}

#[test]
fn a_directory_that_may_not_be_read_is_named() {
    let stage = Stage::empty();
    stage.add("a", STAYS);
    stage.scratch.service("d/a/log", "exec multilog t ./main");
    log(&stage.scratch, "d/a/log/main/current", &lines([1]));
    let path = stage.scratch.path().join("d/a/log/main");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    let Some(said) = as_nobody(&stage, &["logs", "a"]) else { return };
    let path = fs::canonicalize(stage.of_service("a/log/main")).unwrap();
    let path = path.display();
    let expected = format!("svctl: warning: unable to open {path}: not permitted; try sudo");
    assert_eq!(said, Said::complaint(111, &expected));
    // A service without a logger, and another that we may not enter.
    stage.add("b", STAYS);
    stage.add("c", STAYS);
    let mode = fs::Permissions::from_mode;
    for (name, bits) in [("b", 0o755), ("b/supervise", 0o700), ("c", 0o700)] {
        stage.scratch.directory_at(&format!("d/{name}"));
        fs::set_permissions(stage.of_service(name), mode(bits)).unwrap();
    }
    let said = as_nobody(&stage, &["logs", "b", "c"]).unwrap();
    assert_eq!((said.code, said.out.as_str()), (Some(111), ""), "{said:?}");
    assert!(said.err.contains("b has no logger: "), "{said:?}");
    assert!(said.err.contains("unable to look at c: not permitted; try sudo\n"), "{said:?}");
    let page = as_nobody(&stage, &["logs", "--in", "/root"]).unwrap();
    assert_eq!(page.code, Some(111), "{page:?}");
}

#[test]
fn logs_that_are_removed_before_their_turn_are_counted() {
    let scratch = Scratch::new();
    // More than a pipe and svctl can buffer.
    log(&scratch, &format!("m/{}.s", label(1)), &lines(0..20_000));
    for second in 2..5 {
        log(&scratch, &format!("m/{}.s", label(second)), &lines([second]));
    }
    log(&scratch, "m/current", &lines([9]));
    let mut command = crate::stage::svctl(scratch.path());
    command.args(["logs", "--in", "m"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    out.read_line(&mut text).unwrap();
    for second in [2, 4] {
        fs::remove_file(scratch.path().join(format!("m/{}.s", label(second)))).unwrap();
    }
    out.read_to_string(&mut text).unwrap();
    let said = Said::of(&child.wait_with_output().unwrap());
    let complaint = "svctl: warning: 2 files were pruned unread in m\n";
    assert_eq!((said.code, said.err.as_str()), (Some(0), complaint));
    assert_eq!(numbers(&text), (0..20_000).chain([3, 9]).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_closes_the_pipe_ends_it_silently() {
    let scratch = Scratch::new();
    log(&scratch, "m/current", &lines(0..50_000));
    for option in ["", "-f", "-fn5"] {
        let mut shell = Command::new("sh");
        let script = format!("\"$0\" logs --in m {option} | head -n 1; exit 0");
        shell.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin!("svctl"));
        shell.current_dir(scratch.path());
        let said = Said::of(&shell.output().unwrap());
        assert_eq!((said.out.lines().count(), said.err.as_str()), (1, ""), "{said:?}");
    }
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = crate::stage::svctl(scratch.path());
    command.args(["logs", "--in", "m"]).stdout(full);
    let said = Said::of(&command.output().unwrap());
    let expected = "svctl: fatal: unable to write to standard output: out of disk space";
    assert_eq!(said, Said::complaint(111, expected));
}
