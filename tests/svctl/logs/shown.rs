//! How lines are shown: times, `--grep`, terminals.

use super::{label, lines, log, logs};
use crate::scratch::{Said, Scratch};
use crate::stage::svctl;
use crate::terminal::on_terminal;

#[test]
fn times_are_local_or_utc_or_as_they_stand_there() {
    let scratch = Scratch::new();
    let other = "2026-01-01 01:00:00.12345  of s6";
    let own = "2026-01-01 01:00:00.000000500 of T";
    let all = [lines([5]), vec![own.to_owned(), other.to_owned(), "none".to_owned()]].concat();
    log(&scratch, "m/current", &all);
    let run = |arguments: &[&str]| {
        let mut command = svctl(scratch.path());
        command.env("TZ", "XXX-1").args(["logs", "--in", "m"]).args(arguments);
        Said::of(&command.output().unwrap()).out
    };
    let local = "2026-01-01 01:00:05.000000500 line 5";
    assert_eq!(run(&[]), format!("{local}\n{own}\n{other}\nnone\n"));
    let utc = "2026-01-01 00:00:05.000000500 line 5\n2026-01-01 00:00:00.000000500 of T";
    assert_eq!(run(&["--utc"]), format!("{utc}\n{other}\nnone\n"));
    assert_eq!(run(&["--raw"]), format!("{} line 5\n{own}\n{other}\nnone\n", label(5)));
}

#[test]
fn grep_takes_bytes_and_not_the_label() {
    let scratch = Scratch::new();
    let of = |text: &str| format!("{} {text}", label(7));
    log(&scratch, "m/current", &[of("An Error"), of("error.*"), of("fine"), of("4000")]);
    let run = |arguments: &[&str]| logs(&scratch, arguments).out.lines().count();
    assert_eq!(run(&["--grep", "rror"]), 2);
    assert_eq!(run(&["--grep", "error"]), 1);
    assert_eq!(run(&["-i", "--grep", "ERROR"]), 2);
    assert_eq!(run(&["--grep", ".*"]), 1);
    assert_eq!(run(&["--grep", "4000"]), 1);
    assert_eq!(run(&["--grep", "nothing"]), 0);
    assert_eq!(run(&["--grep", "rror", "-n", "1"]), 1);
}

#[test]
fn control_bytes_are_escaped_on_a_terminal_and_lines_cut_on_request() {
    let scratch = Scratch::new();
    scratch.directory_at("m");
    let long = "y".repeat(100);
    let text = format!("{} \x1b]0;owned\x07\r\u{9b}2J \t{long}\n", label(0)).into_bytes();
    scratch.write("m/current", &[&text[..], b"\xff\x00raw\n"].concat());
    let run = |arguments: &[&str]| {
        let mut command = svctl(scratch.path());
        on_terminal(80, command.args(["logs", "--in", "m"]).args(arguments))
    };
    for arguments in [&[][..], &["--raw"]] {
        let shown = run(arguments);
        let is_harmless = |character: char| "\n\t".contains(character) || !character.is_control();
        assert!(shown.chars().all(is_harmless), "{shown:?}");
        assert!(shown.contains("\\x1b]0;owned\\x07\\x0d\\xc2\\x9b2J \t"), "{shown:?}");
        assert!(shown.contains(&format!("{long}\n\\xff\\x00raw\n")), "{shown:?}");
    }
    let shown = run(&["-S"]);
    let first = shown.lines().next().unwrap();
    assert_eq!((first.chars().count(), first.ends_with("y~")), (80, true), "{shown:?}");
    // In a pipe the bytes are unchanged, and no line is cut.
    let mut command = svctl(scratch.path());
    let out = command.args(["logs", "-S", "--raw", "--in", "m"]).output().unwrap().stdout;
    assert_eq!(out, [&text[..], b"\xff\x00raw\n"].concat());
}
