//! The end of a log: its size, its name, the old ones, the processor.

use super::{bytes, end_of, log, mode, old_logs, start, whole};
use crate::scratch::{Scratch, kill, only_ours, wait_for};
use std::io::Write;

#[test]
fn a_log_ends_at_a_newline_near_its_size_or_at_the_size() {
    let scratch = Scratch::in_memory();
    let line = [&vec![b'x'; 99][..], b"\n"].concat();
    let input = line.repeat(200);
    log(&scratch, &["s4096", "n1000", "./lines"], &input);
    let (all, lengths) = whole(&scratch, "lines");
    assert_eq!(all, input);
    for length in &lengths {
        // 0.76 may go on for as long as its buffer is.
        let most = if only_ours("the length to the byte") { 2100 } else { 2100 + 512 };
        assert!((2096..=most).contains(length), "{lengths:?}");
    }
    let input = vec![b'x'; 10_000];
    log(&scratch, &["s4096", "n1000", "./stream"], &input);
    let (all, lengths) = whole(&scratch, "stream");
    assert_eq!((all.len(), lengths), (10_001, vec![4096, 4096]));
}

#[test]
fn old_logs_are_named_marked_and_pruned() {
    let scratch = Scratch::in_memory();
    let input: Vec<u8> = (0..3000).flat_map(|n| format!("{n:05}\n").into_bytes()).collect();
    log(&scratch, &["s4096", "n3", "./main"], &input);
    let names = old_logs(&scratch, "main");
    assert_eq!(names.len(), 2, "{names:?}");
    for name in &names {
        assert!(name.len() == 27 && name.ends_with(".s"), "{name}");
        assert_eq!(mode(&scratch, &format!("main/{name}")), 0o744);
    }
    let (all, _) = whole(&scratch, "main");
    assert!(input.ends_with(&all));
}

#[test]
fn foreign_names_are_neither_counted_nor_removed() {
    if !only_ours("0.76 takes any @... of 25 bytes for a log") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.directory_at("main");
    for name in ["@0000-a-file-of-somebody-else", "@000000000000000000000000.gz", "@"] {
        scratch.write(&format!("main/{name}"), b"");
    }
    log(&scratch, &["s4096", "n2", "./main"], &b"line\n".repeat(4000));
    assert_eq!(old_logs(&scratch, "main").len(), 3 + 1);
}

#[test]
fn a_processor_gets_its_files_and_its_output_is_kept() {
    let scratch = Scratch::in_memory();
    let processor = "!wc -l | tr -d ' '; cat <&4 >&2; echo known >&5; pwd >&2";
    let input = b"line\n".repeat(1500);
    let said = log(&scratch, &["s4096", processor, "./main"], &input);
    let here = scratch.path().join("main").canonicalize().unwrap();
    let here = here.display();
    let (all, lengths) = whole(&scratch, "main");
    assert_eq!(said.code, Some(0));
    let knows: Vec<String> = (0..lengths.len())
        .map(|run| if run == 0 { format!("{here}\n") } else { format!("known\n{here}\n") })
        .collect();
    assert_eq!(said.err, knows.concat());
    assert!(lengths.len() > 1 && lengths.iter().all(|length| *length == 4), "{lengths:?}");
    let text = String::from_utf8(all).unwrap();
    let counted: usize = text.lines().map_while(|line| line.parse::<usize>().ok()).sum();
    let left = text.lines().filter(|line| *line == "line").count();
    assert_eq!(counted + left, 1500);
    assert_eq!(bytes(&scratch, "main/state"), b"known\n");
    assert!(!scratch.path().join("main/previous").exists());
}

#[test]
fn a_processor_that_failed_is_run_again() {
    let scratch = Scratch::in_memory();
    let processor = "![ -e ../again ] || { : >../again; exit 1; }; cat";
    let input = b"line\n".repeat(500);
    let said = log(&scratch, &["s4096", processor, "./main"], &input);
    assert_eq!(said.err, "multilog: warning: processor failed in ./main, pausing\n");
    assert_eq!(whole(&scratch, "main").0, input);
}

#[test]
fn a_processor_that_keeps_failing_does_not_make_it_deaf() {
    if !only_ours("TERM ends the tries") {
        return;
    }
    let scratch = Scratch::in_memory();
    let mut child = start(&scratch, &["s4096", "!: >../tried; exit 1", "./main"]);
    let input = b"line\n".repeat(600);
    child.stdin.as_mut().unwrap().write_all(&input).unwrap();
    wait_for("the processor", || scratch.path().join("tried").exists());
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    assert_eq!(whole(&scratch, "main").0, input);
    assert!(old_logs(&scratch, "main").iter().all(|name| name.ends_with(".u")));
}

#[test]
fn alrm_rotates_what_is_not_empty() {
    let scratch = Scratch::in_memory();
    let mut child = start(&scratch, &["./main", "-*", "./empty"]);
    child.stdin.as_mut().unwrap().write_all(b"one\n").unwrap();
    wait_for("the line", || scratch.read("main/current") == "one\n");
    kill(child.id(), "ALRM");
    wait_for("the rotation", || old_logs(&scratch, "main").len() == 1);
    child.stdin.as_mut().unwrap().write_all(b"two\n").unwrap();
    wait_for("the next line", || scratch.read("main/current") == "two\n");
    drop(child.stdin.take());
    assert!(end_of(&mut child).success());
    assert_eq!(old_logs(&scratch, "empty"), [""; 0]);
    assert_eq!(whole(&scratch, "main").0, b"one\ntwo\n");
}

#[test]
fn a_larger_size_has_an_action_of_its_own() {
    if !only_ours("S") {
        return;
    }
    let scratch = Scratch::in_memory();
    let input = b"123456789\n".repeat(1_800_000);
    log(&scratch, &["S17999000", "./large"], &input);
    let (all, lengths) = whole(&scratch, "large");
    assert_eq!((all.len(), lengths), (18_000_000, vec![17_997_000]));
}
