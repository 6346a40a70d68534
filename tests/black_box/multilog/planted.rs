//! A log directory may belong to a user while multilog runs as root. multilog follows no link
//! there, opens only regular files with one name, and changes no other entry.

use super::term::Feed;
use super::{end_of, end_within, old_logs};
use crate::scratch::{Scratch, kill, only_ours, wait_for};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NAMES: [&str; 6] = ["lock", "current", "previous", "processed", "state", "newstate"];
/// The messages that multilog may print.
const LINES: [&str; 3] = [
    "is no regular file, and is @",
    "multilog: fatal: unable to ",
    "multilog: warning: ./main/current is ",
];

/// A file that must not change. It looks like a log that was left in order.
fn precious(scratch: &Scratch) -> PathBuf {
    let path = scratch.path().join("precious");
    fs::write(&path, "precious\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    path
}

fn assert_untouched(scratch: &Scratch, what: &str) {
    let path = scratch.path().join("precious");
    let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
    assert_eq!((scratch.read("precious").as_str(), mode), ("precious\n", 0o750), "{what}");
}

/// A kind of planted entry: its name, and how to make it at a path.
type Plant<'a> = (&'static str, Box<dyn Fn(&PathBuf) + 'a>);

/// Everything that can be planted.
fn plants(scratch: &Scratch) -> Vec<Plant<'_>> {
    let precious = || scratch.path().join("precious");
    vec![
        ("a link", Box::new(move |path: &PathBuf| symlink(precious(), path).unwrap())),
        ("a link to nothing", Box::new(|path| symlink("../made", path).unwrap())),
        ("a link to a terminal", Box::new(|path| symlink("/dev/ptmx", path).unwrap())),
        ("a second name", Box::new(move |path| fs::hard_link(precious(), path).unwrap())),
        ("a directory", Box::new(|path| fs::create_dir(path).unwrap())),
        (
            "a FIFO",
            Box::new(|path| {
                nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            }),
        ),
    ]
}

fn assert_words(err: &str, what: &str) {
    for line in err.lines() {
        assert!(LINES.iter().any(|words| line.contains(words)), "{what}: {line}");
    }
}

#[test]
fn at_the_start_nothing_that_is_planted_is_touched_or_waited_for() {
    if !only_ours("what is planted") {
        return;
    }
    let scratch = Scratch::in_memory();
    precious(&scratch);
    // With a current that was left in order, and without.
    for is_whole in [true, false] {
        for name in NAMES {
            for (what, plant) in plants(&scratch) {
                let _ = fs::remove_dir_all(scratch.path().join("main"));
                scratch.directory_at("main");
                let place = |name: &str| scratch.path().join("main").join(name);
                if is_whole && name != "current" {
                    scratch.write("main/current", b"before\n");
                    fs::set_permissions(place("current"), fs::Permissions::from_mode(0o744))
                        .unwrap();
                }
                plant(&place(name));
                let what = format!("{what} at {name}, {is_whole}");
                let mut command = scratch.command("multilog");
                command.args(["s4096", "!cat", "./main"]).stdin(Stdio::piped());
                let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
                let mut input = child.stdin.take().unwrap();
                // A multilog that has ended reads nothing.
                let _ = std::io::Write::write_all(&mut input, &b"123456789\n".repeat(500));
                drop(input);
                let mut errors = child.stderr.take().unwrap();
                let code = end_of(&mut child).code();
                let err = std::io::read_to_string(&mut errors).unwrap();
                assert_words(&err, &what);
                assert_untouched(&scratch, &what);
                assert!(!scratch.path().join("made").exists(), "{what}");
                match code {
                    Some(0) => assert!(scratch.read("main/current").ends_with("9\n"), "{what}"),
                    Some(111) => assert_eq!(err.lines().count(), 1, "{what}: {err}"),
                    code => panic!("{what}: {code:?}, {err}"),
                }
            }
        }
    }
}

#[test]
fn what_is_planted_while_it_runs_is_not_touched_or_waited_for() {
    if !only_ours("what is planted") {
        return;
    }
    let scratch = Scratch::in_memory();
    precious(&scratch);
    for name in NAMES {
        for (what, plant) in plants(&scratch) {
            let _ = fs::remove_dir_all(scratch.path().join("main"));
            let _ = fs::remove_file(scratch.path().join("input"));
            let mut feed = Feed::new(&scratch);
            let mut child = feed.start(&scratch, &["multilog", "s4096", "n90", "!cat", "./main"]);
            feed.write(b"one\n");
            wait_for("the line", || scratch.read("main/current") == "one\n");
            let path = scratch.path().join("main").join(name);
            let _ = fs::remove_file(&path);
            plant(&path);
            let what = format!("{what} at {name}");
            feed.write(&b"123456789\n".repeat(500));
            feed.write(b"last\n");
            wait_for(&what, || {
                fs::symlink_metadata(scratch.path().join("main/current")).is_ok_and(|facts| {
                    facts.is_file() && scratch.read("main/current").ends_with("last\n")
                })
            });
            kill(child.id(), "TERM");
            let mut errors = child.stderr.take().unwrap();
            assert!(end_of(&mut child).success(), "{what}");
            assert_words(&std::io::read_to_string(&mut errors).unwrap(), &what);
            assert_untouched(&scratch, &what);
        }
    }
}

/// Replaced all the time, by a user who is faster than any check.
#[test]
fn a_user_who_replaces_entries_all_the_time_gains_no_file() {
    if !only_ours("what is planted") {
        return;
    }
    let scratch = Scratch::in_memory();
    let precious = precious(&scratch);
    scratch.directory_at("main");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let main = scratch.path().join("main");
            let mut number = 0_usize;
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                let name = main.join(NAMES[number % NAMES.len()]);
                let planted = main.join("planted");
                if number.is_multiple_of(2) {
                    let _ = symlink(&precious, &planted);
                } else {
                    let _ = fs::hard_link(&precious, &planted);
                }
                let _ = fs::rename(&planted, &name);
                if number.is_multiple_of(3) {
                    let _ = fs::remove_file(&name);
                }
            }
        });
        for _ in 0..40 {
            let mut command = scratch.command("multilog");
            command.args(["s4096", "n5", "!cat", "./main"]).stdin(Stdio::piped());
            let mut child = command.stderr(Stdio::null()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            let _ = std::io::Write::write_all(&mut input, &b"123456789\n".repeat(800));
            drop(input);
            let until = std::time::Instant::now() + Duration::from_millis(300);
            while child.try_wait().unwrap().is_none() {
                if std::time::Instant::now() > until {
                    kill(child.id(), "KILL");
                }
                std::thread::park_timeout(Duration::from_millis(2));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_untouched(&scratch, "after all the swaps");
    // The entries that it leaves do not stop multilog for long.
    for name in NAMES {
        let _ = fs::remove_file(scratch.path().join("main").join(name));
    }
    let mut command = scratch.command("multilog");
    let mut child = command.arg("./main").spawn().unwrap();
    assert_eq!(end_within(&mut child, super::BUSY).code(), Some(0));
}

#[test]
fn trouble_at_the_start_is_one_line() {
    let scratch = Scratch::in_memory();
    scratch.directory_at("state/state");
    scratch.directory_at("current/current");
    scratch.directory_at("lock/lock");
    for (name, text) in [
        ("state", "unable to write to ./state/state: is a directory"),
        ("current", "unable to append to ./current/current: is a directory"),
        ("lock", "unable to lock directory ./lock: is a directory"),
    ] {
        let said = scratch.run("multilog", &[&format!("./{name}")]);
        assert_eq!(said, crate::scratch::Said::complaint(111, &format!("multilog: fatal: {text}")));
    }
    if !only_ours("0.76 pauses at the start") {
        return;
    }
    for name in ["previous", "processed", "newstate"] {
        scratch.directory_at(&format!("{name}/{name}"));
        let text = format!("multilog: fatal: unable to remove ./{name}/{name}: is a directory");
        let said = scratch.run("multilog", &[&format!("./{name}")]);
        assert_eq!(said, crate::scratch::Said::complaint(111, &text));
    }
}

#[test]
fn a_foreign_file_in_a_sticky_directory_is_one_line() {
    if !only_ours("0.76 pauses at the start") || !nix::unistd::geteuid().is_root() {
        return;
    }
    let scratch = Scratch::in_memory();
    // For other users to pass through.
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    scratch.directory_at("main");
    fs::set_permissions(scratch.path().join("main"), fs::Permissions::from_mode(0o1777)).unwrap();
    scratch.write("main/current", b"foreign\n");
    let mut command = scratch.command("setuidgid");
    let path = crate::scratch::commands().join("multilog");
    // Other users may not be able to reach the program itself.
    let own = scratch.path().join("multilog");
    crate::scratch::copy_program(path, &own);
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
    let said = crate::scratch::Said::of(
        &command.args(["nobody", "./multilog", "./main"]).output().unwrap(),
    );
    assert_eq!(said.code, Some(111));
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    let words = "multilog: fatal: unable to link to ./main/@";
    assert!(
        said.err.starts_with(words) && said.err.ends_with(".u: permission denied\n"),
        "{}",
        said.err
    );
    assert_eq!(old_logs(&scratch, "main"), [""; 0]);
}
