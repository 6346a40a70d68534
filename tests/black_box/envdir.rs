//! envdir, contract.md, section 15.

use crate::scratch::{Said, Scratch, only_ours};
use std::os::unix::fs::symlink;

/// The environment `before` after the changes by the files of `e`, sorted, as `env` prints it.
fn environment(scratch: &Scratch, before: &[(&str, &str)]) -> Vec<String> {
    let mut command = scratch.command("envdir");
    command.env_clear().envs(before.iter().copied()).args(["e", "/usr/bin/env", "-0"]);
    let said = Said::of(&command.output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let mut strings: Vec<String> = said.out.split_terminator('\0').map(str::to_owned).collect();
    strings.sort();
    strings
}

fn directory(files: &[(&str, &[u8])]) -> Scratch {
    let scratch = Scratch::new();
    scratch.directory_at("e");
    for (name, bytes) in files {
        scratch.write(&format!("e/{name}"), bytes);
    }
    scratch
}

#[test]
fn wrong_use_ends_with_111() {
    let expected = Said::complaint(111, "envdir: usage: envdir dir child");
    assert_eq!(Scratch::new().run("envdir", &[]), expected);
    assert_eq!(Scratch::new().run("envdir", &["e"]), expected);
}

#[test]
fn a_value_is_the_first_line_without_trailing_blanks() {
    let scratch = directory(&[
        ("PLAIN", b"v"),
        ("LINE", b"v\nw\n"),
        ("BLANKS", b" v \t \nw"),
        ("NEWLINE", b"\nw"),
        ("SPACES", b" \t "),
        ("NUL", b"a\0b \n"),
        (".HIDDEN", b"v"),
        ("lower", b"\xff"),
    ]);
    let expected = ["BLANKS= v", "LINE=v", "NEWLINE=", "NUL=a\nb", "PLAIN=v", "SPACES="];
    let found = environment(&scratch, &[]);
    assert_eq!(found[..6], expected);
    assert_eq!(found[6..], ["lower=\u{fffd}"]);
}

#[test]
fn an_empty_file_removes_and_a_file_replaces() {
    let scratch = directory(&[("GONE", b""), ("NEW", b"2"), ("NEVER", b"")]);
    let before = [("GONE", "1"), ("GONER", "1"), ("KEPT", "1"), ("NEW", "1")];
    assert_eq!(environment(&scratch, &before), ["GONER=1", "KEPT=1", "NEW=2"]);
}

#[test]
fn a_name_with_a_sign_replaces_what_stands_before_it() {
    let scratch = directory(&[("A=B", b"val")]);
    assert_eq!(environment(&scratch, &[("A", "1"), ("C", "3")]), ["A=B=val", "C=3"]);
}

#[test]
fn a_link_to_nothing_removes() {
    let scratch = directory(&[]);
    symlink("nothing", scratch.path().join("e/A")).unwrap();
    assert_eq!(environment(&scratch, &[("A", "1"), ("B", "2")]), ["B=2"]);
}

#[test]
fn a_variable_whose_file_vanishes_does_not_get_the_value_of_another() {
    if !only_ours("0.76 reuses what it read before") {
        return;
    }
    let scratch = directory(&[("A", b"a"), ("C", b"c")]);
    symlink("nothing", scratch.path().join("e/B")).unwrap();
    assert_eq!(environment(&scratch, &[("B", "1")]), ["A=a", "C=c"]);
}

#[test]
fn a_line_of_a_megabyte_is_refused_by_the_kernel_alone() {
    let long = vec![b'x'; 100_000];
    let scratch = directory(&[("LONG", &long)]);
    assert_eq!(environment(&scratch, &[])[0].len(), 100_005);
    let scratch = directory(&[("LONG", &vec![b'x'; 1 << 20])]);
    let expected = Said::complaint(111, "envdir: fatal: unable to run env: argument list too long");
    assert_eq!(scratch.run("envdir", &["e", "env"]), expected);
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_run() {
    let scratch = directory(&[("A", b"a")]);
    let fatal = |text: &str| Said::complaint(111, &format!("envdir: fatal: {text}"));
    let run = |name: &str| scratch.run("envdir", &[name, "echo", "ran"]);
    assert_eq!(run("none"), fatal("unable to switch to directory none: file does not exist"));
    assert_eq!(run(""), fatal("unable to switch to directory : file does not exist"));
    assert_eq!(run("e/A"), fatal("unable to switch to directory e/A: not a directory"));
    scratch.directory_at("e/sub");
    assert_eq!(run("e"), fatal("unable to read e/sub: is a directory"));
}

#[test]
fn the_program_runs_where_envdir_was_started() {
    let scratch = directory(&[("PATH", b"/nowhere")]);
    let said = scratch.run("envdir", &["e", "pwd"]);
    // The program is looked up on envdir's own PATH.
    let here = scratch.path().canonicalize().unwrap();
    assert_eq!(said, Said::text(&format!("{}\n", here.display())));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let scratch = directory(&[]);
    let expected = Said::complaint(111, "envdir: fatal: unable to run none: file does not exist");
    assert_eq!(scratch.run("envdir", &["e", "none"]), expected);
}
