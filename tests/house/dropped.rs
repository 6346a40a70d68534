//! An error is dropped only for a reason, which a comment says: `let _ =` alone does not tell
//! whether nothing can fail there or whether the failure was forgotten. (svctl is a program of its
//! own.)

use super::rules::none;
use std::fs;
use std::path::Path;

/// What needs no reason: a signal to a process that may have ended, text written to a string, an
/// exit code after its message, a descriptor that stays open.
const PLAIN: [&str; 7] =
    ["::kill(", "::kill_group(", "write!(", ".fatal(", ".wrong()", "into_raw_fd()", "rm_watch("];

/// How many lines above it a comment may stand.
const NEAR: usize = 3;

fn breaches(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> =
        text.lines().take_while(|line| line.trim() != "#[cfg(test)]").map(str::trim).collect();
    let is_dropped = |line: &str| {
        line.starts_with("let _ = ") && !PLAIN.iter().any(|plain| line.contains(plain))
    };
    let has_reason = |number: usize| {
        let above = &lines[number.saturating_sub(NEAR)..number];
        above.iter().any(|line| line.starts_with("//"))
    };
    let found = lines.iter().enumerate().filter(|(_, line)| is_dropped(line));
    found
        .filter(|(number, _)| !has_reason(*number))
        .map(|(number, line)| format!("{path}:{}: no reason for `{line}`", number + 1))
        .collect()
}

fn look(root: &Path, below: &str, found: &mut Vec<Vec<String>>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let path = format!("{below}/{}", entry.unwrap().file_name().to_str().unwrap());
        if root.join(&path).is_dir() {
            if path != "src/svctl" {
                look(root, &path, found);
            }
        } else {
            found.push(breaches(&path, &fs::read_to_string(root.join(&path)).unwrap()));
        }
    }
}

#[test]
fn an_error_is_dropped_for_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    look(root, "src", &mut found);
    assert!(found.len() > 100, "the sources were not found");
    none(found);
}

#[test]
fn a_dropped_error_without_a_reason_is_found() {
    let count = |text: &str| breaches("src/a.rs", text).len();
    assert_eq!(count("    let _ = directory::remove(place, name);\n"), 1);
    assert_eq!(count("// It is mostly not there.\nlet _ = directory::remove(place, name);\n"), 0);
    assert_eq!(count("// Far.\na();\nb();\nc();\nlet _ = write(file, b\"x\");\n"), 1);
    assert_eq!(count("let _ = process::kill(pid, SIGTERM);\nlet _held = lock();\n"), 0);
    assert_eq!(count("#[cfg(test)]\nlet _ = write(file, b\"x\");\n"), 0);
}
