//! The last lines of a log that the page shows, wherever multilog has them at that moment.

use crate::logs::{label, lines, log, numbers};
use crate::scratch::Scratch;
use crate::stage::{STAYS, Stage};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const MAIN: &str = "d/a/log/main";

/// A service whose logger has the log directory [`MAIN`].
fn stage() -> Stage {
    let stage = Stage::empty();
    stage.add("a", STAYS);
    stage.scratch.service("d/a/log", "exec multilog t ./main");
    stage.scratch.directory_at(MAIN);
    stage
}

/// Writes lines of these seconds; the mode is that of a whole log if it is not `current`.
fn write(scratch: &Scratch, name: &str, seconds: std::ops::Range<u64>) {
    let name = format!("{MAIN}/{name}");
    log(scratch, &name, &lines(seconds));
    let mode = if name.ends_with("/current") { 0o644 } else { 0o744 };
    fs::set_permissions(scratch.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
}

/// The page, and the numbers of the lines that it shows.
fn page(stage: &Stage) -> (String, Vec<u64>) {
    let page = stage.svctl(&["status", "a"]).out;
    let shown = page.split_once("/current:\n").map_or("", |(_, shown)| shown);
    let shown = numbers(shown);
    (page, shown)
}

#[test]
fn a_log_that_a_killed_multilog_left_under_two_names_is_shown_and_counted_once() {
    for name in ["current", "previous", "processed"] {
        let stage = stage();
        write(&stage.scratch, name, 0..3);
        let main = stage.scratch.path().join(MAIN);
        let ending = if name == "current" { "u" } else { "s" };
        let finished = main.join(format!("{}.{ending}", label(3)));
        fs::hard_link(main.join(name), finished).unwrap();
        let (page, shown) = page(&stage);
        assert_eq!(shown, [0, 1, 2], "{name}: {page}");
        assert!(page.contains(" in 1 file\n"), "{name}: {page}");
    }
}

#[test]
fn lines_that_are_only_in_a_log_without_a_name_are_shown() {
    for name in ["previous", "processed"] {
        for current in [0..0, 5..7] {
            let stage = stage();
            write(&stage.scratch, &format!("{}.s", label(1)), 0..2);
            write(&stage.scratch, name, 2..5);
            write(&stage.scratch, "current", current.clone());
            let expected: Vec<u64> = (0..current.end.max(5)).collect();
            assert_eq!(page(&stage).1, expected, "{name}");
        }
    }
    // What a processor is still at work on.
    let stage = stage();
    write(&stage.scratch, "previous", 2..5);
    write(&stage.scratch, "current", 5..7);
    stage.scratch.write(&format!("{MAIN}/processed"), b"half");
    assert_eq!(page(&stage).1, [2, 3, 4, 5, 6]);
}

#[test]
fn the_last_lines_come_from_as_many_logs_as_they_are_in() {
    let stage = stage();
    for end in [4, 8, 12] {
        write(&stage.scratch, &format!("{}.s", label(end)), end - 4..end);
    }
    write(&stage.scratch, "current", 12..13);
    assert_eq!(page(&stage).1, (3..13).collect::<Vec<_>>());
    // Lines before one that is not shown are none of the last.
    stage.scratch.write(&format!("{MAIN}/{}.s", label(8)), b"\x1f\x8bpacked\n");
    assert_eq!(page(&stage).1, (8..13).collect::<Vec<_>>());
}
