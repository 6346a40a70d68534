//! What a person at a terminal sees, on a real one of 40, 80 and 200 columns.

use crate::scratch::{kill, wait_for};
use crate::stage::{ENDS, STAYS, Stage, feign, svctl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use std::fs::File;
use std::io::Read;
use std::process::Command;

/// What `command` prints on a terminal of so many columns, stdout and stderr.
pub fn on_terminal(columns: u16, command: &mut Command) -> String {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
    command.stdout(slave.try_clone().unwrap()).stderr(slave);
    let mut child = command.spawn().unwrap();
    // Our copies of the terminal's end are closed with the command.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut text = Vec::new();
    let mut master = File::from(master);
    let mut block = [0; 4096];
    // After the last process has closed the terminal, the read fails.
    while let Ok(length @ 1..) = master.read(&mut block) {
        text.extend_from_slice(&block[..length]);
    }
    child.wait().unwrap();
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

const LONG: &str = "a-service-with-a-name-that-is-longer-than-forty-columns-are-wide";

fn stage() -> (Stage, Vec<File>) {
    let stage = Stage::empty();
    let held = vec![
        feign(&stage.of_service("api"), Some((1, 0, b'u', 1_050_000))),
        feign(&stage.of_service("api/log"), Some((1, 0, b'u', 1_050_000))),
        feign(&stage.of_service("mailer"), Some((1, 0, b'd', 2400))),
        feign(&stage.of_service("nginx"), Some((0, 0, b'u', 0))),
        feign(&stage.of_service(LONG), Some((0, 0, b'd', 100))),
        feign(&stage.of_service("日本語のサービス"), Some((0, 0, b'd', 100))),
    ];
    (stage, held)
}

/// How wide a line is on a terminal. The characters of this test take one column or two.
fn width(line: &str) -> usize {
    line.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

#[test]
fn a_narrow_terminal_loses_columns_and_no_line_of_the_table_is_too_long() {
    let (stage, _held) = stage();
    for (columns, lost, kept) in [
        (40, &["RSS", "LOG", "LAST EXIT", "STARTS"][..], &["SERVICE", "STATE", "PID", "SINCE"][..]),
        (80, &[], &["SERVICE", "STATE", "PID", "SINCE", "STARTS"]),
        (200, &[], &["SERVICE", "STATE", "PID", "SINCE", "STARTS", "LAST EXIT", "RSS", "LOG"]),
    ] {
        let text = on_terminal(columns, &mut stage.command(&[]));
        let table: Vec<&str> = text.lines().skip(1).take_while(|line| !line.is_empty()).collect();
        assert_eq!(table.len(), 6, "{text}");
        assert!(lost.iter().all(|title| !table[0].contains(title)), "{text}");
        assert!(kept.iter().all(|title| table[0].contains(title)), "{text}");
        for line in &table {
            assert!(width(line) <= usize::from(columns), "{columns}: {line}");
        }
        let has_whole = text.contains(LONG);
        assert_eq!(has_whole, columns == 200, "{text}");
        assert_eq!(text.contains("~  "), columns != 200, "{text}");
        // The columns are aligned with their titles.
        let place = |line: &str, word: &str| width(line.split_once(word).unwrap().0);
        let since = place(table[0], "SINCE");
        let api = table.iter().find(|line| line.starts_with("api")).unwrap();
        assert_eq!(place(api, "12d"), since, "{text}");
        // The text is wrapped; the command never is.
        let advice = text.split_once("\n\n").unwrap().1;
        assert!(advice.contains("svctl stop --kill-after 5 mailer\n"), "{text}");
    }
}

#[test]
fn in_a_pipe_nothing_is_cut() {
    let (stage, _held) = stage();
    let said = stage.svctl(&[]);
    assert!(said.out.contains(LONG) && !said.out.contains('~'), "{said:?}");
    assert!(said.out.contains("日本語のサービス"), "{said:?}");
    for title in ["SERVICE", "STATE", "PID", "SINCE", "STARTS", "LAST EXIT", "RSS", "LOG"] {
        assert!(said.out.contains(title), "{title}");
    }
}

#[test]
fn a_terminal_without_a_width_has_eighty_columns() {
    let (stage, _held) = stage();
    // Between two looks a second may have passed.
    wait_for("two looks that are alike", || {
        on_terminal(0, &mut stage.command(&[])) == on_terminal(80, &mut stage.command(&[]))
    });
}

#[test]
fn after_half_a_second_it_is_said_what_is_waited_for() {
    let stage =
        Stage::of(&[("a", "trap '' TERM\n: >ready\nwhile :; do sleep 0.1; done"), ("b", STAYS)]);
    wait_for("the trap", || stage.of_service("a/ready").exists());
    let pid = stage.pid("a");
    let mut command = stage.command(&["stop", "--kill-after", "1", "a", "b"]);
    let text = on_terminal(80, &mut command);
    let waiting = format!("{}: waiting: process {pid} is still there\n", stage.shown("s/a"));
    let a = format!("{}: down, killed by KILL\n", stage.shown("s/a"));
    let b = format!("{}: down, killed by TERM\n", stage.shown("s/b"));
    assert_eq!(text, [b, waiting, a].concat());
    // It prints nothing without a terminal, or with --quiet.
    assert_eq!(stage.svctl(&["start", "b"]).err, "");
    assert_eq!(on_terminal(80, &mut stage.command(&["restart", "-q", "b"])), "");
}

#[test]
fn names_that_drive_terminals_are_harmless_on_one() {
    let stage = Stage::empty();
    let _held = feign(&stage.of_service("\u{1b}[31mred\u{9b}2J\r"), Some((0, 0, b'u', 3)));
    for columns in [40, 80, 200] {
        for arguments in [
            &[][..],
            &["list"],
            &["--json"],
            &["status", "*"],
            &["stop", "--all", "--timeout", "0"],
        ] {
            let mut command = stage.command(arguments);
            let text = on_terminal(columns, command.env("LC_ALL", "C.UTF-8"));
            let is_harmless = |character: char| character == '\n' || !character.is_control();
            assert!(!text.is_empty() && text.chars().all(is_harmless), "{text:?}");
        }
    }
}

#[test]
fn the_page_of_a_service_fits_on_a_terminal() {
    let stage = Stage::of(&[("a", STAYS), ("b", ENDS)]);
    let text = on_terminal(80, &mut stage.command(&["status", "a"]));
    assert!(text.starts_with(&format!("{}: a is up", stage.shown("s"))), "{text}");
    kill(stage.pid("a"), "KILL");
    wait_for("another start", || stage.facts("a")["starts"] == 2);
    let mut command = svctl(stage.scratch.path());
    let text = on_terminal(80, command.args(["status", "./s/a"]));
    assert!(text.contains("  last exit  killed by KILL"), "{text}");
}
