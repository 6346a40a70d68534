//! Where the logs are: by the running multilog, by `log/run`, or as `log/main`.

use super::{lines, log, words};
use crate::scratch::{Said, copy_program, wait_for};
use crate::stage::{STAYS, Stage, svctl};
use crate::terminal::on_terminal;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

#[test]
fn a_log_is_where_the_multilog_that_runs_has_it() {
    let mut stage = Stage::empty();
    stage.add("a", "exec 2>&1\necho said\nexec sleep 1000");
    // The script's text does not name the directory, and the script does not exec.
    stage.scratch.service("d/a/log", "place=elsewhere\ncd ..\nmultilog t ./$place\n:");
    stage.add("b", "exec 2>&1\necho said\nexec sleep 1000");
    stage.scratch.service("d/b/log", "kind=./own\nexec multilog t $kind");
    stage.scan();
    for name in ["a", "b"] {
        wait_for("the line", || stage.svctl(&["logs", name]).out.ends_with(" said\n"));
    }
    assert!(stage.of_service("a/elsewhere/current").exists());
    assert_eq!(stage.svctl(&["log", "a"]), stage.svctl(&["logs", "a/log"]));
}

#[test]
fn the_logs_of_a_multilog_of_0_76_are_found_though_it_works_in_the_last_of_them() {
    if !std::path::Path::new("/usr/bin/multilog").exists() {
        println!("left out: there is no multilog of 0.76 here");
        return;
    }
    let mut stage = Stage::empty();
    stage.scratch.directory_at("elsewhere");
    for (name, run) in [
        ("one", "exec /usr/bin/multilog t ./main"),
        ("two", "exec /usr/bin/multilog t ./a ../b"),
        ("moved", "cd ../../../elsewhere\nexec /usr/bin/multilog t ./main"),
    ] {
        stage.add(name, "exec 2>&1\necho said\nexec sleep 1000");
        stage.scratch.service(&format!("d/{name}/log"), run);
    }
    stage.scan();
    for name in ["one", "two", "moved"] {
        wait_for(name, || stage.svctl(&["logs", name]).out.ends_with(" said\n"));
        let page = stage.svctl(&["status", name]).out;
        assert!(!page.contains("cannot be read"), "{page}");
    }
    assert_eq!(stage.svctl(&["doctor"]).code, Some(0));
}

#[test]
fn a_log_is_where_its_run_script_says_or_in_main() {
    let stage = Stage::empty();
    for (name, run, place) in [
        ("a", "exec setuidgid nobody multilog t ./b", "b"),
        ("b", "exec svlogd main", "main"),
        ("c", "exec multilog t -* +*x* ./some +* ./all", "all"),
    ] {
        stage.add(name, STAYS);
        stage.scratch.service(&format!("d/{name}/log"), run);
        log(&stage.scratch, &format!("d/{name}/log/{place}/current"), &lines([1]));
    }
    for name in ["a", "b", "c"] {
        let said = stage.svctl(&["logs", name]);
        assert_eq!((said.code, words(&said.out)), (Some(0), vec!["1"]), "{said:?}");
        assert_eq!(said.err.contains("has several logs: reading"), name == "c", "{said:?}");
    }
    let said = stage.svctl(&["logs", "--in", "d/a/log/b"]);
    assert_eq!(words(&said.out), ["1"]);
    // A directory that does not exist, and a script that names none.
    stage.scratch.service("d/a/log", "exec multilog t ./gone");
    stage.scratch.service("d/c/log", "exec cat");
    let said = stage.svctl(&["logs", "a", "b", "c"]);
    assert_eq!((said.code, words(&said.out)), (Some(111), vec!["1"]), "{said:?}");
    assert_eq!(said.err.lines().count(), 2, "{said:?}");
    assert!(said.err.contains("/log/gone: file does not exist\n"), "{said:?}");
    assert!(said.err.contains("unable to find the log of c: "), "{said:?}");
}

/// A user who runs a logger can write any path on its command line.
#[test]
fn what_another_user_says_is_followed_where_it_is_his_or_roots() {
    if !nix::unistd::geteuid().is_root() {
        println!("left out: only root can become another user");
        return;
    }
    let mut stage = Stage::empty();
    let open = |path: &std::path::Path| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, mode).unwrap();
    };
    open(stage.scratch.path());
    stage.add("a", "exec 2>&1\necho said\nexec sleep 1000");
    let place = stage.scratch.path().join("elsewhere");
    stage.scratch.directory_at("elsewhere");
    std::os::unix::fs::chown(&place, Some(65534), Some(65534)).unwrap();
    // The full path of the program: user nobody may not reach the links of the wrappers' names.
    let program = stage.scratch.path().join("multilog");
    copy_program(assert_cmd::cargo::cargo_bin!("daemontools"), &program);
    open(&program);
    let run = format!("exec setuidgid nobody {} t {}", program.display(), place.display());
    stage.scratch.service("d/a/log", &run);
    stage.scan();
    wait_for("the line", || stage.svctl(&["logs", "a"]).out.ends_with(" said\n"));
    std::os::unix::fs::chown(&place, Some(12_345), None).unwrap();
    let said = stage.svctl(&["logs", "a"]);
    assert_eq!((said.code, said.out.as_str()), (Some(111), ""), "{said:?}");
    assert!(said.err.contains("unable to trust"), "{said:?}");
    let page = stage.svctl(&["status", "a"]).out;
    assert!(page.contains("/elsewhere: cannot be read\n"), "{page}");
    std::os::unix::fs::chown(&place, Some(0), None).unwrap();
    assert!(stage.svctl(&["logs", "a"]).out.ends_with(" said\n"));
    std::os::unix::fs::chown(&place, Some(12_345), None).unwrap();
    assert!(stage.svctl(&["logs", "--in", "elsewhere"]).out.ends_with(" said\n"));
}

#[test]
fn a_service_without_a_logger_has_what_readproctitle_shows() {
    let stage = Stage::empty();
    stage.add("a", "exec 2>&1\necho first words\nprintf 'second\\033\\n'\nexec sleep 1000");
    let dots = ".".repeat(200);
    let script = format!("svscan s 2>&1 | readproctitle service errors: {dots}");
    let mut shell = stage.scratch.command("sh");
    shell.args(["-c", &script]).stdout(Stdio::null()).spawn().unwrap();
    let expected = "first words\nsecond\\x1b\n";
    wait_for("the messages", || stage.svctl(&["logs", "--svscan"]).out == expected);
    let said = stage.svctl(&["logs", "a"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), expected), "{said:?}");
    let why = "a has no logger: what it writes goes to svscan's own messages (ps -efww | grep 'service errors')";
    assert!(said.err.contains(why), "{said:?}");
    // Some of the messages. On a terminal they cannot control it.
    assert_eq!(stage.svctl(&["logs", "--svscan", "-n", "1"]), Said::text("second\\x1b\n"));
    assert_eq!(stage.svctl(&["logs", "--svscan", "--grep", "st w"]), Said::text("first words\n"));
    assert_eq!(stage.svctl(&["logs", "a", "-i", "--grep", "SECOND"]).out, "second\\x1b\n");
    let raw = &["logs", "--svscan", "--raw", "-n", "1"];
    assert_eq!(stage.svctl(raw), Said::text("second\x1b\n"));
    assert_eq!(on_terminal(80, &mut stage.command(raw)), "second\\x1b\n");
    // The printed command gives it a logger.
    let command =
        said.err.lines().find_map(|line| line.strip_prefix("svctl: to give a a logger: "));
    let command = command.unwrap().replace("svctl ", "$SVCTL ");
    let mut shell = stage.scratch.command("sh");
    shell.args(["-c", &command]).env("SVDIR", stage.path());
    shell.env("SVCTL", assert_cmd::cargo::cargo_bin!("svctl"));
    let said = Said::of(&shell.output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    wait_for("its own log", || stage.svctl(&["logs", "--raw", "a"]).out.ends_with(" second\x1b\n"));
}

#[test]
fn a_svscan_without_a_readproctitle_says_where_its_messages_go() {
    let stage = Stage::of(&[("a", STAYS)]);
    let said = stage.svctl(&["logs", "--svscan"]);
    assert_eq!((said.code, said.out.as_str()), (Some(111), ""), "{said:?}");
    assert!(said.err.ends_with("/errors\n") && said.err.lines().count() == 1, "{said:?}");
    let said = stage.svctl(&["logs", "a"]);
    assert!(said.err.contains("a has no logger") && said.err.contains("/errors\n"), "{said:?}");
    // Of several services that is said once.
    stage.add("b", STAYS);
    let said = stage.svctl(&["logs", "a", "b"]);
    let first = "svctl: warning: 2 services have no logger: what they write goes to svscan's own \
                 messages: a, b\n";
    assert!(said.err.starts_with(first) && said.err.lines().count() == 2, "{said:?}");
}

#[test]
fn a_directory_behind_a_link_is_read() {
    let stage = Stage::empty();
    log(&stage.scratch, "far/current", &lines([1]));
    symlink("far", stage.scratch.path().join("m")).unwrap();
    let mut command = svctl(stage.scratch.path());
    let said = Said::of(&command.args(["logs", "--in", "m"]).output().unwrap());
    assert_eq!(words(&said.out), ["1"]);
}
