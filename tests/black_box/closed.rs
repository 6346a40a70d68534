//! Descriptors 0, 1 and 2 closed at the start: reads and writes fail, no file of ours gets these
//! numbers, and a program that is run finds them closed.

use crate::scratch::{Said, Scratch, end_of, is_alive, only_ours, wait_for};
use std::process::{Child, Command, Stdio};

/// `name` with `words`, started by a shell that closes the descriptors in `closing`.
fn closed(scratch: &Scratch, closing: &str, name: &str, words: &[&str]) -> Command {
    let mut command = scratch.command("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {closing}"), name]).args(words);
    command
}

fn run(scratch: &Scratch, closing: &str, name: &str, words: &[&str]) -> Said {
    let mut command = closed(scratch, closing, name, words);
    let spawn = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = spawn.spawn().unwrap();
    end_of(&mut child);
    Said::of(&child.wait_with_output().unwrap())
}

const ALL: &str = "<&- >&- 2>&-";

#[test]
fn a_filter_without_input_or_output_fails() {
    let scratch = Scratch::new();
    for name in ["tai64n", "tai64nlocal"] {
        assert_eq!(run(&scratch, "<&-", name, &[]), Said::exit(111), "{name}");
        assert_eq!(run(&scratch, ALL, name, &[]), Said::exit(111), "{name}");
        scratch.write("in", b"line\n");
        assert_eq!(run(&scratch, "<in >&-", name, &[]), Said::exit(111), "{name}");
    }
    let words = ["errors:", "..........."];
    assert_eq!(run(&scratch, "<&-", "readproctitle", &words), Said::exit(111));
    assert_eq!(run(&scratch, ALL, "readproctitle", &words), Said::exit(111));
}

#[test]
fn multilog_without_input_is_at_the_end() {
    let scratch = Scratch::new();
    for closing in ["<&-", "<&- >&-", ALL] {
        let words = ["t", "e", "=status", "./log", "./other"];
        assert_eq!(run(&scratch, closing, "multilog", &words), Said::exit(0), "{closing}");
    }
    scratch.write("in", b"line\n");
    assert_eq!(run(&scratch, "<in >&- 2>&-", "multilog", &["e", "./log"]), Said::exit(0));
    // The alert is lost.
    assert_eq!(scratch.read("log/current"), "line\n");
    assert_eq!([scratch.read("log/lock"), scratch.read("status").replace('\n', "")], ["", ""]);
}

#[test]
fn a_message_that_cannot_be_said_is_lost_and_the_exit_code_is_not() {
    let scratch = Scratch::new();
    scratch.directory_at("a/supervise");
    scratch.fifo("a/supervise/ok");
    for (words, code) in [
        (&["svstat", "a", "none"][..], 0),
        (&["svc", "-u", "none", "a"], 0),
        (&["svok", "a"], 100),
        (&["svok", "none"], 111),
        (&["supervise", "none"], 111),
        (&["supervise"], 100),
        (&["envdir", "none", "true"], 111),
        (&["envuidgid", "none-such", "true"], 111),
        (&["setlock", "a", "true"], 111),
        (&["softlimit", "-x"], 100),
        (&["fghack", "none"], 111),
        (&["pgrphack", "none"], 111),
        (&["svscan", "none"], 111),
    ] {
        assert_eq!(run(&scratch, ALL, words[0], &words[1..]), Said::exit(code), "{words:?}");
    }
}

/// Shell words that write to `list` which of its descriptors below 10 are open. The shell has its
/// script above those.
const LIST: &str = "for f in 0 1 2 3 4 5 6 7 8 9; do\n\
                    if [ -e /proc/$$/fd/$f ]; then open=\"$open $f\"; fi; done\n\
                    echo \"open:$open\" >list";

/// The descriptors that a program has open when it is run by these words.
fn open_in_child(closing: &str, name: &str, words: &[&str]) -> String {
    let scratch = Scratch::new();
    scratch.script("tell", LIST);
    scratch.directory_at("e");
    assert_eq!(run(&scratch, closing, name, &[words, &["./tell"]].concat()), Said::exit(0));
    scratch.read("list")
}

#[test]
fn a_program_finds_closed_what_was_closed() {
    if !only_ours("pipes and lock files of 0.76 take the numbers") {
        return;
    }
    for (name, words) in [
        ("envdir", &["e"][..]),
        ("envuidgid", &["root"]),
        ("pgrphack", &[]),
        ("softlimit", &["-f", "1000000"]),
    ] {
        assert_eq!(open_in_child("<&- 2>&-", name, words), "open: 1\n", "{name}");
        assert_eq!(open_in_child(">&-", name, words), "open: 0 2\n", "{name}");
        assert_eq!(open_in_child(ALL, name, words), "open:\n", "{name}");
    }
    assert_eq!(open_in_child("<&- 2>&-", "setlock", &["lock"]), "open: 1 3\n");
    // Its copies begin after them.
    assert!(open_in_child("<&- 2>&-", "fghack", &[]).starts_with("open: 1 3 "));
}

#[test]
fn a_scan_with_all_of_them_closed_is_as_any() {
    if !only_ours("services of 0.76 get supervise's own descriptors as their standard ones") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", &format!("echo out\n{LIST}\nexec sleep 1000"));
    scratch.service("scan/b", "echo line\nexec sleep 1000");
    scratch.service("scan/b/log", "exec multilog ./main");
    std::os::unix::fs::symlink("nowhere", scratch.path().join("scan/dangling")).unwrap();
    let svscan = closed(&scratch, ALL, "svscan", &["scan"]).spawn().unwrap();
    wait_for("the log", || scratch.read("scan/b/log/main/current") == "line\n");
    scratch.pid("scan/a");
    wait_for("the list", || scratch.read("scan/a/list").ends_with('\n'));
    assert_eq!(scratch.read("scan/a/list"), "open:\n");
    for file in ["scan/.svscan/lock", "scan/a/supervise/lock", "scan/b/log/main/lock"] {
        assert_eq!(scratch.read(file), "", "{file}");
    }
    scratch.svc("-t", "scan/a");
    assert!(is_alive(svscan.id()));
}
