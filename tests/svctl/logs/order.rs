//! Rotated files and `current` are read in their order, and several services by time.

use super::{label, lines, log, logs, numbers, words};
use crate::scratch::Scratch;
use crate::stage::svctl;
use std::process::Stdio;

/// A directory with all kinds of logs; each has ten lines.
fn directory() -> Scratch {
    let scratch = Scratch::new();
    log(&scratch, &format!("m/{}.s", label(19)), &lines(10..20));
    log(&scratch, &format!("m/{}.u", label(9)), &lines(0..10));
    log(&scratch, "m/previous", &lines(20..30));
    log(&scratch, "m/current", &lines(30..40));
    // Files that are no logs.
    for name in ["lock", "state", "newstate", "@x.s", "processed"] {
        scratch.write(&format!("m/{name}"), b"not a log\n");
    }
    scratch
}

#[test]
fn all_files_are_read_in_their_order() {
    let scratch = directory();
    let said = logs(&scratch, &[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(numbers(&said.out), (0..40).collect::<Vec<_>>());
}

#[test]
fn the_last_lines_are_found_over_the_ends_of_files() {
    let scratch = directory();
    for wanted in [0, 1, 3, 10, 11, 25, 39, 40, 41, 1_000_000] {
        let said = logs(&scratch, &["-n", &wanted.to_string()]);
        let expected: Vec<u64> = (40_u64.saturating_sub(wanted)..40).collect();
        assert_eq!(numbers(&said.out), expected, "{wanted}");
        let said = logs(&scratch, &["--grep", "5", "-n", &wanted.to_string()]);
        let all: Vec<u64> = (0..40).filter(|number| number % 10 == 5).collect();
        let from = all.len().saturating_sub(usize::try_from(wanted).unwrap());
        assert_eq!(numbers(&said.out), all[from..], "{wanted}");
    }
}

#[test]
fn a_line_that_multilog_cut_in_two_is_one_again() {
    let scratch = Scratch::new();
    let long = "x".repeat(5000);
    let mut multilog = scratch.command("multilog");
    multilog.args(["t", "s4096", "n9", "./m"]).stdin(Stdio::piped());
    let mut child = multilog.spawn().unwrap();
    use std::io::Write;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("one\n{long} two\nthree\n").as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(std::fs::read_dir(scratch.path().join("m")).unwrap().count() > 3);
    let said = logs(&scratch, &[]);
    assert_eq!(words(&said.out), ["one", "two", "three"]);
    assert!(said.out.lines().nth(1).unwrap().ends_with(&format!(" {long} two")));
}

#[test]
fn a_line_that_was_lost_in_part_does_not_swallow_the_next_one() {
    let scratch = Scratch::new();
    log(&scratch, &format!("m/{}.u", label(1)), &[]);
    scratch.write(&format!("m/{}.u", label(1)), format!("{} part", label(0)).as_bytes());
    log(&scratch, "m/current", &["no label".to_owned()]);
    assert_eq!(words(&logs(&scratch, &[]).out), ["part", "label"]);
}

#[test]
fn several_services_are_merged_by_time_with_their_names() {
    let scratch = Scratch::new();
    for (name, seconds) in [("a", [0, 3, 4, 9]), ("b", [1, 2, 4, 5])] {
        scratch.service(&format!("s/{name}"), "exec sleep 1000");
        scratch.service(&format!("s/{name}/log"), "exec multilog t ./main");
        let mut all = lines(seconds);
        all.insert(3, format!("of {name} without a label"));
        log(&scratch, &format!("s/{name}/log/main/current"), &all);
    }
    let run = |arguments: &[&str]| {
        let mut command = svctl(scratch.path());
        command.env("SVDIR", "s").arg("logs").args(arguments);
        crate::scratch::Said::of(&command.output().unwrap())
    };
    let expected = [
        "a: 2026-01-01 00:00:00.000000500 line 0",
        "b: 2026-01-01 00:00:01.000000500 line 1",
        "b: 2026-01-01 00:00:02.000000500 line 2",
        "a: 2026-01-01 00:00:03.000000500 line 3",
        "a: 2026-01-01 00:00:04.000000500 line 4",
        "a: of a without a label",
        "b: 2026-01-01 00:00:04.000000500 line 4",
        "b: of b without a label",
        "b: 2026-01-01 00:00:05.000000500 line 5",
        "a: 2026-01-01 00:00:09.000000500 line 9",
    ];
    // A service with two names is shown once.
    std::os::unix::fs::symlink("a", scratch.path().join("s/a-too")).unwrap();
    for names in [&["a", "b"][..], &["a", "b", "a-too"], &["a/log", "b/log"]] {
        let said = run(names);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
        let found = said.out.replace("/log: ", ": ");
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{names:?}");
    }
    let alone = run(&["a/log"]);
    assert_eq!((alone.code, alone.out.lines().count()), (Some(0), 5), "{alone:?}");
    // At the same time, lines of the service that was named first come first.
    let mut expected = expected.to_vec();
    expected[4..8].rotate_left(2);
    for wanted in [1, 3, 9] {
        let said = run(&["-n", &wanted.to_string(), "b", "a"]);
        assert_eq!(said.out.lines().collect::<Vec<_>>(), expected[10 - wanted..], "{wanted}");
    }
}
