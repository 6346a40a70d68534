//! supervise, contract.md, section 3, as a service and its users see it.

use crate::scratch::{Said, Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Starts supervise on `name` and waits until it listens.
pub fn supervise(scratch: &Scratch, name: &str) -> std::process::Child {
    let child = scratch.start("supervise", &[name]);
    wait_for("supervise to listen", || scratch.is_running(name));
    child
}

/// A service that notes each start in the file `starts` and then stays.
pub fn stayer(scratch: &Scratch, name: &str) {
    scratch.service(name, "echo $$ >>../starts\nexec sleep 1000");
}

fn wait_for_status(scratch: &Scratch, name: &str, wanted: impl Fn(&str) -> bool) {
    wait_for("the status", || wanted(&scratch.svstat(name)));
}

fn status_tail(scratch: &Scratch, name: &str) -> (bool, u8, u8) {
    let bytes = fs::read(scratch.path().join(name).join("supervise/status")).unwrap();
    assert_eq!(bytes.len(), 18);
    (bytes[12..16] != [0; 4], bytes[16], bytes[17])
}

#[test]
fn anything_but_one_argument_is_wrong_use() {
    let scratch = Scratch::new();
    let expected = Said::complaint(100, "supervise: usage: supervise dir");
    assert_eq!(scratch.run("supervise", &[]), expected);
    assert_eq!(scratch.run("supervise", &["a", "b"]), expected);
}

#[test]
fn what_keeps_it_from_starting_is_named() {
    let scratch = Scratch::new();
    scratch.write("file", b"");
    scratch.directory_at("loop");
    symlink("down", scratch.path().join("loop/down")).unwrap();
    scratch.directory_at("odd");
    scratch.write("odd/supervise", b"");
    scratch.directory_at("taken/supervise/control");
    for (name, text) in [
        ("none", "unable to chdir to none: file does not exist"),
        ("file", "unable to chdir to file: not a directory"),
        ("loop", "unable to stat loop/down: symbolic link loop"),
        ("odd", "unable to acquire odd/supervise/lock: not a directory"),
        ("taken", "unable to write taken/supervise/control: is a directory"),
    ] {
        // 0.76 can open a directory to read and fails at writing; ours reports the first error.
        if name == "taken" && std::env::var_os("DAEMONTOOLS_COMMANDS").is_none() {
            let expected = "supervise: fatal: unable to read taken/supervise/control: \
                            file already exists";
            assert_eq!(scratch.run("supervise", &[name]), Said::complaint(111, expected));
            continue;
        }
        let expected = Said::complaint(111, &format!("supervise: fatal: {text}"));
        assert_eq!(scratch.run("supervise", &[name]), expected);
    }
}

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
fn nothing_is_started_that_nobody_could_find() {
    if !only_ours("0.76 takes anything for a FIFO") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("a/supervise/ok");
    let expected = "supervise: fatal: unable to read a/supervise/ok: file already exists";
    assert_eq!(scratch.run("supervise", &["a"]), Said::complaint(111, expected));
    assert!(!status_tail(&scratch, "a").0, "a process is published");
    assert_eq!(scratch.lines("starts"), 0);
}

#[test]
fn a_second_supervise_finds_the_lock_taken() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _first = supervise(&scratch, "a");
    let expected = "supervise: fatal: unable to acquire a/supervise/lock: temporary failure";
    assert_eq!(scratch.run("supervise", &["a"]), Said::complaint(111, expected));
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
fn a_down_file_of_any_kind_means_down_at_the_start() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("a/down");
    let _supervise = supervise(&scratch, "a");
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'd'));
    scratch.svc("-u", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    assert!(scratch.svstat("a").contains(", normally down"));
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
fn a_service_comes_back_when_it_dies_and_at_once_if_it_ran_over_a_second() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    let first = scratch.pid("a");
    wait_for("a second of service", || !scratch.svstat("a").contains(") 0 seconds"));
    wait_for("a second second", || !scratch.svstat("a").contains(") 1 seconds"));
    let died = Instant::now();
    kill(first, "KILL");
    wait_for("the restart", || scratch.lines("starts") == 2);
    assert!(died.elapsed() < SECOND / 2, "it took {:?}", died.elapsed());
    assert_ne!(scratch.pid("a"), first);
}

#[test]
fn starts_stay_a_second_apart() {
    let scratch = Scratch::new();
    scratch.service("a", "date +%s%N >>../starts");
    let _supervise = supervise(&scratch, "a");
    wait_for("four starts", || scratch.lines("starts") >= 4);
    let starts: Vec<u64> =
        scratch.read("starts").lines().map(|line| line.parse().unwrap()).collect();
    for pair in starts.windows(2) {
        let apart = Duration::from_nanos(pair[1] - pair[0]);
        // The shell and date take a while of their own before they look at the clock.
        assert!(apart > Duration::from_millis(900), "{apart:?}");
        assert!(apart < Duration::from_millis(1900), "{apart:?}");
    }
}

#[test]
fn a_run_that_cannot_be_started_is_named_once_a_second() {
    let scratch = Scratch::new();
    scratch.directory_at("none");
    scratch.directory_at("closed");
    scratch.write("closed/run", b"#!/bin/sh\n");
    scratch.directory_at("lost");
    scratch.write("lost/run", b"#!/none\n");
    scratch.directory_at("odd");
    scratch.write("odd/run", b"");
    for name in ["lost/run", "odd/run"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(scratch.path().join(name), mode).unwrap();
    }
    let begun = Instant::now();
    for name in ["none", "closed", "lost", "odd"] {
        drop(scratch.start("supervise", &[name]));
    }
    let lines = [
        "supervise: fatal: unable to start none/run: file does not exist",
        "supervise: fatal: unable to start closed/run: access denied",
        "supervise: fatal: unable to start lost/run: file does not exist",
        "supervise: fatal: unable to start odd/run: exec format error",
    ];
    let count = |line: &str| scratch.errors().lines().filter(|said| *said == line).count();
    wait_for("three tries of each", || lines.iter().all(|line| count(line) >= 3));
    let most = begun.elapsed().as_secs() + 2;
    assert!(lines.iter().all(|line| count(line) as u64 <= most), "a storm: {}", scratch.errors());
}

#[test]
fn down_is_down_and_up_is_up_again() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    assert!(scratch.svstat("a").ends_with("seconds, normally up\n"));
    stays("being down", SECOND * 3 / 2, || scratch.svstat("a").starts_with("a: down "));
    scratch.svc("-u", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: up "));
    wait_for("the second start", || scratch.lines("starts") == 2);
}

#[test]
fn once_is_once() {
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    scratch.write("a/down", b"");
    let _supervise = supervise(&scratch, "a");
    scratch.svc("-o", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    stays("one start", SECOND * 3 / 2, || scratch.lines("starts") == 1);
    scratch.svc("-o", "a");
    wait_for("another one", || scratch.lines("starts") == 2);
    // While the service runs, it only cancels the restart.
    scratch.service("b", "echo $$ >>../b-starts\nexec sleep 1000");
    let _supervise = supervise(&scratch, "b");
    wait_for("its start", || scratch.lines("b-starts") == 1);
    scratch.svc("-o", "b");
    wait_for("it to be seen", || status_tail(&scratch, "b").2 == 0);
    kill(scratch.pid("b"), "KILL");
    wait_for_status(&scratch, "b", |line| line.starts_with("b: down "));
    stays("one start", SECOND * 3 / 2, || scratch.lines("b-starts") == 1);
}

#[test]
fn every_signal_letter_sends_its_signal_to_the_process() {
    let scratch = Scratch::new();
    scratch.service(
        "a",
        "for s in HUP ALRM INT TERM; do trap \"echo $s >>../seen\" $s; done\n\
         echo ready >>../seen\nwhile :; do sleep 0.05; done",
    );
    let _supervise = supervise(&scratch, "a");
    for (letter, name) in [("-h", "HUP"), ("-a", "ALRM"), ("-i", "INT"), ("-t", "TERM")] {
        wait_for("the traps", || scratch.read("seen").contains("ready"));
        scratch.svc(letter, "a");
        wait_for(name, || scratch.read("seen").lines().last() == Some(name));
    }
    let pid = scratch.pid("a");
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(')').next().unwrap().chars().nth(1).unwrap()
    };
    scratch.svc("-p", "a");
    wait_for("it to stop", || state() == 'T');
    assert!(scratch.svstat("a").contains(", paused"));
    scratch.svc("-c", "a");
    wait_for("it to go on", || state() != 'T');
    scratch.svc("-k", "a");
    wait_for("its death", || scratch.pid("a") != pid);
}

#[test]
fn signals_that_0_76_does_not_know_are_sent_to_the_process() {
    if !only_ours("supervise of 0.76 ignores 1, 2, q and w") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service(
        "a",
        "for s in USR1 USR2 QUIT WINCH; do trap \"echo $s >>../seen\" $s; done\n\
         echo ready >>../seen\nwhile :; do sleep 0.05; done",
    );
    let _supervise = supervise(&scratch, "a");
    wait_for("the traps", || scratch.read("seen").contains("ready"));
    let control = scratch.path().join("a/supervise/control");
    for (letter, name) in [("1", "USR1"), ("2", "USR2"), ("q", "QUIT"), ("w", "WINCH")] {
        // svc does not send the last of these.
        match letter {
            "w" => fs::write(&control, letter).unwrap(),
            _ => scratch.svc(&format!("-{letter}"), "a"),
        }
        wait_for(name, || scratch.read("seen").lines().last() == Some(name));
    }
}

#[test]
fn exit_waits_for_the_service_and_leaves_with_0() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    scratch.svc("-x", "a");
    // 0.76 sees the byte a second after the start.
    stays("supervise waiting", SECOND * 3 / 2, || child.try_wait().unwrap().is_none());
    kill(pid, "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!scratch.is_running("a"));
    assert_eq!(scratch.lines("starts"), 1);
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'u'));
}

#[test]
fn unknown_bytes_are_ignored() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    let before = scratch.pid("a");
    let control = scratch.path().join("a/supervise/control");
    fs::File::options().write(true).open(control).unwrap().write_all(b"\nzy\0 \xff").unwrap();
    scratch.svc("-p", "a");
    wait_for("the byte behind them", || status_tail(&scratch, "a") == (true, 1, b'u'));
    assert_eq!(scratch.pid("a"), before);
}

#[test]
fn run_is_called_as_dot_run_from_its_directory_with_the_environment_of_supervise() {
    let scratch = Scratch::new();
    scratch.service("a", "echo \"$0 $# $(pwd -P) $MARK\" >../said\nexec sleep 1000");
    let _supervise = scratch.command("supervise").arg("a").env("MARK", "mark").spawn().unwrap();
    let directory = fs::canonicalize(scratch.path().join("a")).unwrap();
    let expected = format!("./run 0 {} mark\n", directory.display());
    wait_for("the service's word", || scratch.read("said") == expected);
}

#[test]
fn the_status_is_replaced_for_the_letters_that_it_shows_and_for_no_other() {
    let scratch = Scratch::new();
    scratch.service(
        "a",
        "for s in HUP ALRM INT TERM; do trap \"echo $s >>../seen\" $s; done\n\
         echo ready >>../seen\nwhile :; do sleep 0.05; done",
    );
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
fn a_supervise_directory_that_cannot_be_made_is_named() {
    let expected = "supervise: fatal: unable to acquire /proc/self/supervise/lock: \
                    file does not exist";
    assert_eq!(Scratch::new().run("supervise", &["/proc/self"]), Said::complaint(111, expected));
}

#[test]
fn a_signal_reaches_the_process_and_not_its_children() {
    let scratch = Scratch::new();
    scratch.script(
        "child",
        "trap 'echo child >>seen' HUP\necho ready >>seen\n\
                             while :; do sleep 0.05; done",
    );
    scratch.service(
        "a",
        "trap 'echo parent >>../seen' HUP\n(cd ..; exec ./child) &\nwhile :; do sleep 0.05; done",
    );
    let _supervise = supervise(&scratch, "a");
    wait_for("the child", || scratch.read("seen") == "ready\n");
    scratch.svc("-h", "a");
    wait_for("the parent's word", || scratch.read("seen").contains("parent"));
    stays("the child's silence", SECOND / 2, || scratch.read("seen") == "ready\nparent\n");
}

#[test]
fn down_is_asked_for_with_term_and_never_with_kill() {
    let scratch = Scratch::new();
    scratch.service("a", "trap '' TERM\necho $$ >>../starts\nwhile :; do sleep 0.1; done");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let pid = scratch.pid("a");
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.ends_with(", want down\n"));
    stays("the service", SECOND * 2, || is_alive(pid));
    assert_eq!(status_tail(&scratch, "a"), (true, 0, b'd'));
}

#[test]
fn signals_for_a_service_that_is_down_are_gone() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.write("a/down", b"");
    let _supervise = supervise(&scratch, "a");
    scratch.svc("-htk", "a");
    scratch.svc("-u", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let pid = scratch.pid("a");
    stays("the service", SECOND * 3 / 2, || is_alive(pid));
}

#[test]
fn exit_while_down_is_at_once_and_every_file_stays() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.write("a/down", b"");
    let mut child = supervise(&scratch, "a");
    scratch.svc("-x", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    for name in ["lock", "control", "ok", "status"] {
        assert!(scratch.path().join("a/supervise").join(name).exists(), "{name}");
    }
    assert!(!scratch.is_running("a"));
    assert_eq!(scratch.svstat("a"), "a: supervise not running\n");
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'd'));
}

#[test]
fn a_stop_from_outside_is_no_pause() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    kill(scratch.pid("a"), "STOP");
    scratch.svc("-o", "a");
    wait_for("the letter behind it", || status_tail(&scratch, "a") == (true, 0, 0));
    assert!(!scratch.svstat("a").contains("paused"));
}

#[test]
fn a_down_file_made_later_counts_for_svstat_and_the_next_supervise_only() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    scratch.write("a/down", b"");
    kill(scratch.pid("a"), "KILL");
    wait_for("the restart", || scratch.lines("starts") == 2);
    wait_for_status(&scratch, "a", |line| line.ends_with(", normally down\n"));
    scratch.svc("-dx", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    let _next = supervise(&scratch, "a");
    assert_eq!(status_tail(&scratch, "a"), (false, 0, b'd'));
    assert_eq!(scratch.lines("starts"), 2);
}

#[test]
fn once_and_exit_in_one_piece_runs_once_and_leaves() {
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    scratch.write("a/down", b"");
    let mut child = supervise(&scratch, "a");
    scratch.svc("-o", "a");
    wait_for("the first run", || scratch.lines("starts") == 1);
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    // Within the second after that start.
    scratch.svc("-ox", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 2);
}

#[test]
fn a_child_from_before_its_exec_is_reaped() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.script("start", "sleep 0.2 &\necho $! >stranger\nexec supervise a");
    let path = scratch.path().join("start");
    let environment = scratch.command("supervise");
    let mut command = std::process::Command::new(path);
    command.current_dir(scratch.path());
    for (name, value) in environment.get_envs() {
        command.env(name, value.unwrap());
    }
    let _supervise = command.spawn().unwrap();
    wait_for("the start", || scratch.lines("starts") == 1);
    let stranger = scratch.read("stranger").trim().to_owned();
    wait_for("the stranger to be reaped", || !fs::exists(format!("/proc/{stranger}")).unwrap());
}

#[test]
fn a_service_gets_nothing_of_ours() {
    let scratch = Scratch::new();
    scratch.service(
        "a",
        "ls -l /proc/self/fd >../fds.new\nmv ../fds.new ../fds\n\
         cat /proc/self/status >../signals.new\n\
         mv ../signals.new ../signals\nexec sleep 1000",
    );
    let _supervise = supervise(&scratch, "a");
    wait_for("the service's word", || !scratch.read("signals").is_empty());
    let fds = scratch.read("fds");
    // Descriptors that the test itself inherited are passed on.
    let given: Vec<_> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .collect();
    for target in fds.lines().filter_map(|line| line.split(" -> ").nth(1)) {
        let is_ours = ["/supervise", "pipe:", "anon_inode:"].iter().any(|s| target.contains(s));
        assert!(!is_ours || given.iter().any(|path| path.ends_with(target)), "{fds}");
    }
    if only_ours("0.76 hands on an inherited \"ignore\"") {
        let status = scratch.read("signals");
        let signals = |line: &&str| ["SigBlk", "SigIgn", "SigCgt"].contains(&&line[..6]);
        assert_eq!(status.lines().filter(|line| line.len() > 6).filter(signals).count(), 3);
        for line in status.lines().filter(|line| line.len() > 6).filter(signals) {
            assert!(line.ends_with("0000000000000000"), "{line}");
        }
    }
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
fn a_control_byte_acts_within_the_second_after_a_start() {
    if !only_ours("0.76 is deaf for a second after each start") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    let asked = Instant::now();
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    assert!(asked.elapsed() < SECOND / 2, "it took {:?}", asked.elapsed());
    // And up again within that second: the start waits for its end.
    scratch.svc("-u", "a");
    wait_for("the second start", || scratch.lines("starts") == 2);
}

#[test]
fn x_and_o_drop_a_restart_that_is_pending() {
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    let mut child = supervise(&scratch, "a");
    // At the second start everything is in place, and the third one comes a second later.
    let pending = |count| wait_for("a start", || scratch.lines("starts") == count);
    pending(2);
    scratch.svc("-o", "a");
    stays("no restart", SECOND * 3 / 2, || scratch.lines("starts") == 2);
    assert_eq!(status_tail(&scratch, "a"), (false, 0, 0));
    scratch.svc("-o", "a");
    pending(3);
    stays("one start", SECOND * 3 / 2, || scratch.lines("starts") == 3);
    scratch.svc("-u", "a");
    pending(5);
    scratch.svc("-x", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 5);
}

#[test]
fn a_start_that_was_asked_for_since_the_end_is_kept() {
    if !only_ours("0.76 counts the service as up for the second after a start") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts");
    let mut child = supervise(&scratch, "a");
    wait_for("two starts", || scratch.lines("starts") == 2);
    wait_for("the end", || !status_tail(&scratch, "a").0);
    scratch.svc("-ux", "a");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 3);
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
    let limit = |files: &str| {
        let arguments = ["--pid", &child.id().to_string(), &format!("--nofile={files}:")];
        let done = std::process::Command::new("prlimit").args(arguments).status().unwrap();
        assert!(done.success());
    };
    limit("3");
    scratch.svc("-p", "a");
    let line = "supervise: warning: unable to open a/supervise/status.new: \
                process cannot open more files\n";
    wait_for("the warning", || scratch.errors() == line);
    stays("one warning", SECOND * 4, || scratch.errors() == line);
    limit("64");
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
    let pid = scratch.pid("a");
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

#[test]
fn what_is_left_of_the_group_is_killed_only_with_kill_group() {
    if !only_ours("kill-group") {
        return;
    }
    let scratch = Scratch::new();
    let run = "sleep 1000 &\necho $! >>../workers\nexec sleep 1001";
    let is_alive = |pid: &str| is_alive(pid.parse().unwrap());
    scratch.service("a", run);
    let _supervise = supervise(&scratch, "a");
    let restart = |count| {
        wait_for("the worker", || scratch.lines("workers") == count);
        kill(scratch.pid("a"), "KILL");
        wait_for("the restart", || scratch.lines("workers") == count + 1);
        let workers = scratch.read("workers");
        is_alive(workers.lines().nth(count - 1).unwrap())
    };
    assert!(restart(1), "without the file a worker is left alone");
    scratch.write("a/kill-group", b"");
    // Read at a start: the next process leads a session of its own.
    restart(2);
    assert!(!restart(3), "with the file it goes before the next start");
    // svc -d leaves the rest of the group alone, svc -k after it does not.
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    let workers = scratch.read("workers");
    let last = workers.lines().last().unwrap().to_owned();
    assert!(is_alive(&last));
    scratch.svc("-k", "a");
    wait_for("the worker's death", || !is_alive(&last));
}

#[test]
fn a_failed_fork_pauses_and_u_tries_again_at_once() {
    if !only_ours("0.76 is deaf for the 60 seconds") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.write("a/down", b"");
    let child = supervise(&scratch, "a");
    let limit = |files: &str| {
        let pid = child.id().to_string();
        let arguments = ["--pid", &pid, &format!("--nofile={files}:")];
        assert!(std::process::Command::new("prlimit").args(arguments).status().unwrap().success());
    };
    limit("3");
    scratch.svc("-u", "a");
    let line = |seconds| {
        format!(
            "supervise: warning: unable to fork for a, sleeping {seconds} seconds: \
             process cannot open more files\n"
        )
    };
    // Writing a status needs a descriptor as well: there is a warning for that too.
    wait_for("the warning", || scratch.errors().contains(&line(1)));
    assert!(scratch.errors().contains("unable to open a/supervise/status.new: "));
    wait_for("the next try", || scratch.errors().contains(&line(2)));
    scratch.svc("-u", "a");
    wait_for("one at once", || scratch.errors().contains(&line(4)));
    limit("64");
    scratch.svc("-u", "a");
    wait_for("the start", || scratch.lines("starts") == 1);
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
}

#[test]
fn down_signal_and_timeout_kill_have_their_say() {
    if !only_ours("down-signal and timeout-kill") {
        return;
    }
    let scratch = Scratch::new();
    let run = "trap 'echo QUIT >>../seen' QUIT\ntrap 'echo TERM >>../seen' TERM\n\
               echo ready >>../seen\nwhile :; do sleep 0.05; done";
    scratch.service("a", run);
    scratch.write("a/down-signal", b"QUIT\n");
    scratch.write("a/timeout-kill", b"700\n");
    let mut child = supervise(&scratch, "a");
    wait_for("the traps", || scratch.lines("seen") == 1);
    let asked = Instant::now();
    scratch.svc("-d", "a");
    wait_for("QUIT", || scratch.read("seen") == "ready\nQUIT\n");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    let took = asked.elapsed();
    assert!(took > Duration::from_millis(650) && took < SECOND * 2, "{took:?}");
    // u ends the time limit; the successor of a killed supervise keeps it.
    scratch.svc("-u", "a");
    wait_for("the traps", || scratch.lines("seen") == 3);
    let pid = scratch.pid("a");
    scratch.svc("-d", "a");
    scratch.svc("-u", "a");
    stays("the process", SECOND, || is_alive(pid));
    scratch.svc("-d", "a");
    wait_for_status(&scratch, "a", |line| line.contains(", want down"));
    kill(child.id(), "KILL");
    end_of(&mut child);
    let _successor = supervise(&scratch, "a");
    wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
    // For invalid contents there is a warning; then TERM is sent, and there is no limit.
    scratch.write("a/down-signal", b"SIGFOO\n");
    scratch.write("a/timeout-kill", b"soon\n");
    scratch.svc("-u", "a");
    wait_for("the traps", || scratch.read("seen").ends_with("ready\n"));
    let before = scratch.errors();
    scratch.svc("-d", "a");
    wait_for("TERM", || scratch.read("seen").ends_with("TERM\n"));
    let expected = "supervise: warning: unable to read a/down-signal, using TERM: \
                    invalid argument\n\
                    supervise: warning: unable to read a/timeout-kill: invalid argument\n";
    wait_for("the warnings", || scratch.errors() == format!("{before}{expected}"));
}

/// Kills supervise with KILL, and waits until it is gone.
pub fn murder(child: &mut std::process::Child) {
    kill(child.id(), "KILL");
    end_of(child);
}

mod adoption {
    use super::*;

    #[test]
    fn a_successor_adopts_the_running_service() {
        if !only_ours("0.76 starts a second copy") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        let mut first = supervise(&scratch, "a");
        let pid = scratch.pid("a");
        let label = fs::read(scratch.path().join("a/supervise/status")).unwrap();
        murder(&mut first);
        assert_eq!(scratch.svstat("a"), "a: supervise not running\n");
        let mut second = supervise(&scratch, "a");
        assert_eq!(scratch.pid("a"), pid);
        assert_eq!(fs::read(scratch.path().join("a/supervise/status")).unwrap(), label);
        stays("one copy", SECOND * 3 / 2, || scratch.lines("starts") == 1);
        // Control bytes act as before, and when it dies it is started again.
        scratch.svc("-p", "a");
        wait_for("the pause", || status_tail(&scratch, "a") == (true, 1, b'u'));
        murder(&mut second);
        let _third = supervise(&scratch, "a");
        assert_eq!(status_tail(&scratch, "a"), (true, 1, b'u'));
        scratch.svc("-c", "a");
        let died = Instant::now();
        kill(pid, "KILL");
        wait_for("the restart", || scratch.lines("starts") == 2);
        assert!(died.elapsed() < SECOND * 2);
        assert_ne!(scratch.pid("a"), pid);
        assert_eq!(scratch.errors(), "");
    }

    #[test]
    fn a_session_of_the_service_s_own_is_no_kill_group() {
        if !only_ours("adoption") {
            return;
        }
        let scratch = Scratch::new();
        scratch.script("daemon", "sleep 1000 &\necho $! >>workers\nexec sleep 1001");
        scratch.service("a", "cd ..; exec setsid ./daemon");
        let mut first = supervise(&scratch, "a");
        wait_for("the worker", || scratch.lines("workers") == 1);
        murder(&mut first);
        let _second = supervise(&scratch, "a");
        kill(scratch.pid("a"), "KILL");
        wait_for("the restart", || scratch.lines("workers") == 2);
        let worker = scratch.read("workers").lines().next().unwrap().parse().unwrap();
        assert!(is_alive(worker), "killed without kill-group");
    }

    #[test]
    fn a_group_left_by_a_service_that_died_unseen_is_ended_before_the_next_start() {
        if !only_ours("kill-group") {
            return;
        }
        let scratch = Scratch::new();
        scratch.service("a", "sleep 1000 &\necho $! >>../workers\nexec sleep 1001");
        scratch.write("a/kill-group", b"");
        let mut first = supervise(&scratch, "a");
        wait_for("the worker", || scratch.lines("workers") == 1);
        let service = scratch.pid("a");
        murder(&mut first);
        kill(service, "KILL");
        let _second = supervise(&scratch, "a");
        wait_for("the restart", || scratch.lines("workers") == 2);
        let worker = scratch.read("workers").lines().next().unwrap().parse().unwrap();
        wait_for("the worker's end by kill-group", || !is_alive(worker));
    }

    /// A service with `kill-group` that starts `worker` when there is a file `go`, after the death
    /// of its supervise, and then dies too. Returns whether the worker lives when the next
    /// supervise starts.
    fn worker_of_an_unseen_end(scratch: &Scratch, worker: &str) -> bool {
        scratch.script("worker", &format!("{worker}\necho $$ >>$SCRATCH/workers\nexec sleep 1000"));
        scratch.directory_at("elsewhere");
        let wait = "until [ -e ../go ]; do sleep 0.02; done";
        scratch.service("a", &format!("echo $$ >>../starts\n{wait}\n../worker &\nexec sleep 1001"));
        scratch.write("a/kill-group", b"");
        let mut first = supervise(scratch, "a");
        wait_for("the start", || scratch.lines("starts") == 1);
        let service = scratch.pid("a");
        murder(&mut first);
        scratch.write("go", b"");
        wait_for("the worker", || scratch.lines("workers") == 1);
        kill(service, "KILL");
        // As long as it is not reaped, no other process has its number.
        let there = format!("/proc/{service}");
        wait_for("an init that reaps", || !std::path::Path::new(&there).exists());
        let _second = supervise(scratch, "a");
        wait_for("the restart", || scratch.lines("workers") == 2);
        let worker = scratch.read("workers").lines().next().unwrap().parse().unwrap();
        let expected = format!(
            "supervise: warning: unable to end process group {service}: \
             it may not be the one that the service of a left\n"
        );
        let is_named = scratch.errors() == expected;
        if !is_named {
            assert_eq!(scratch.errors(), "");
            wait_for("the worker's end", || !is_alive(worker));
        }
        is_named
    }

    #[test]
    fn a_group_that_may_be_another_one_by_now_is_left_alone_and_named() {
        if !only_ours("kill-group") {
            return;
        }
        // All of the group began after the leader was last known alive: it may be a stranger's.
        assert!(
            worker_of_an_unseen_end(&Scratch::new(), "cd ../elsewhere"),
            "killed, or not named"
        );
        // It works in the service directory: no stranger does.
        assert!(!worker_of_an_unseen_end(&Scratch::new(), "true"));
    }

    #[test]
    fn want_of_descriptors_is_not_the_end_of_an_adopted_service() {
        if !only_ours("adoption") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        let mut first = supervise(&scratch, "a");
        let pid = scratch.pid("a");
        murder(&mut first);
        let second = supervise(&scratch, "a");
        let limit = |files: &str| {
            let arguments = ["--pid", &second.id().to_string(), &format!("--nofile={files}:")];
            let done = std::process::Command::new("prlimit").args(arguments).status().unwrap();
            assert!(done.success());
        };
        limit("3");
        kill(second.id(), "CHLD");
        stays("no word of a start", SECOND, || !scratch.errors().contains("unable to fork"));
        limit("64");
        scratch.svc("-u", "a");
        stays("one copy", SECOND, || scratch.lines("starts") == 1);
        assert_eq!(scratch.pid("a"), pid);
    }

    #[test]
    fn down_holds_over_a_kill_of_supervise_whatever_the_down_file_says() {
        if !only_ours("0.76 starts what was taken down") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        let mut first = supervise(&scratch, "a");
        scratch.pid("a");
        scratch.svc("-d", "a");
        wait_for_status(&scratch, "a", |line| line.starts_with("a: down "));
        murder(&mut first);
        let mut second = supervise(&scratch, "a");
        stays("being down", SECOND, || scratch.svstat("a").starts_with("a: down "));
        scratch.svc("-u", "a");
        scratch.pid("a");
        scratch.write("a/down", b"");
        kill(scratch.pid("a"), "STOP");
        murder(&mut second);
        let _third = supervise(&scratch, "a");
        assert!(scratch.svstat("a").starts_with("a: up "));
    }

    #[test]
    fn after_x_a_supervise_starts_as_the_first() {
        if !only_ours("0.76 has no memory to lose") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        let mut first = supervise(&scratch, "a");
        scratch.pid("a");
        scratch.svc("-dx", "a");
        assert_eq!(end_of(&mut first).code(), Some(0));
        let _second = supervise(&scratch, "a");
        wait_for("the start", || scratch.lines("starts") == 2);
    }

    #[test]
    fn a_service_that_died_unseen_is_started_again() {
        if !only_ours("adoption") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        let mut first = supervise(&scratch, "a");
        let pid = scratch.pid("a");
        murder(&mut first);
        kill(pid, "KILL");
        let _second = supervise(&scratch, "a");
        wait_for("the restart", || scratch.lines("starts") == 2);
    }

    #[test]
    fn an_exit_that_was_asked_for_is_not_forgotten() {
        if !only_ours("adoption") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        let mut first = supervise(&scratch, "a");
        let pid = scratch.pid("a");
        let journal = || fs::read(scratch.path().join("a/supervise/journal")).unwrap();
        let before = journal();
        scratch.svc("-x", "a");
        wait_for("the request to be recorded", || journal() != before);
        murder(&mut first);
        let mut second = supervise(&scratch, "a");
        kill(pid, "KILL");
        assert_eq!(end_of(&mut second).code(), Some(0));
        assert_eq!(scratch.lines("starts"), 1);
    }

    /// Leaves a service behind as a killed supervise of 0.76 does: a status and no journal.
    fn left_by_0_76(scratch: &Scratch, run: &str) -> u32 {
        scratch.service("a", run);
        let mut first = supervise(scratch, "a");
        wait_for("the start", || scratch.lines("starts") == 1);
        let pid = scratch.pid("a");
        murder(&mut first);
        fs::remove_file(scratch.path().join("a/supervise/journal")).unwrap();
        pid
    }

    #[test]
    fn a_status_without_a_journal_adopts_what_surely_is_the_service() {
        if !only_ours("adoption") {
            return;
        }
        // It works in its directory; or it did when it was started.
        for run in ["exec sleep 1000", "exec env -C / PWD=$PWD sleep 1000"] {
            let scratch = Scratch::new();
            let pid = left_by_0_76(&scratch, &format!("echo $$ >>../starts\n{run}"));
            let _second = supervise(&scratch, "a");
            assert_eq!(scratch.pid("a"), pid);
            stays("one copy", SECOND, || scratch.lines("starts") == 1);
            scratch.svc("-d", "a");
            wait_for("its end", || !is_alive(pid));
            assert_eq!(scratch.errors(), "");
        }
    }

    #[test]
    fn a_process_that_may_or_may_not_be_the_service_is_waited_for_and_not_touched() {
        if !only_ours("adoption") {
            return;
        }
        let scratch = Scratch::new();
        let run = "echo $$ >>../starts\ncd /; unset PWD OLDPWD; exec env -u PWD sleep 1000";
        let pid = left_by_0_76(&scratch, run);
        let _second = supervise(&scratch, "a");
        let expected = format!(
            "supervise: warning: process {pid} may be the service of a, waiting until it is gone; \
             if it is another one, remove a/supervise/journal\n"
        );
        assert_eq!(scratch.errors(), expected);
        scratch.svc("-t", "a");
        stays("the process", SECOND, || is_alive(pid) && scratch.lines("starts") == 1);
        kill(pid, "KILL");
        wait_for("a start", || scratch.lines("starts") == 2);
    }

    #[test]
    fn a_status_that_others_can_write_adopts_nobody() {
        if !only_ours("adoption") {
            return;
        }
        let scratch = Scratch::new();
        let pid = left_by_0_76(&scratch, "echo $$ >>../starts\nexec sleep 1000");
        let mode = fs::Permissions::from_mode(0o666);
        fs::set_permissions(scratch.path().join("a/supervise/status"), mode).unwrap();
        let _second = supervise(&scratch, "a");
        wait_for("a start", || scratch.lines("starts") == 2);
        assert!(is_alive(pid));
    }
}

#[test]
fn term_ends_supervise_and_leaves_the_service_running() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    kill(child.id(), "TERM");
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(end_of(&mut child).signal(), Some(15));
    assert!(is_alive(pid));
}
