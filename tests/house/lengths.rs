//! No file is longer than can be read at one sitting.

use std::fs;
use std::path::Path;

/// How many lines a file has at most, its tests included.
const MOST: usize = 400;

/// Files that were longer before this rule and are still to be split, with what they may have:
/// none of them grows.
const STANDING: [(&str, usize); 5] = [
    ("tests/black_box/multilog.rs", 500),
    ("tests/black_box/supervise.rs", 1200),
    ("tests/black_box/svscanboot.rs", 800),
    ("tests/chaos", 500),
    ("tests/protocol/world.rs", 720),
];

fn limit(path: &str) -> usize {
    let standing = STANDING.iter().find(|(start, _)| path.starts_with(start));
    standing.map_or(MOST, |(_, most)| *most)
}

fn breaches(path: &str, text: &str) -> Option<String> {
    let count = text.lines().count();
    (count > limit(path)).then(|| format!("{path} has {count} lines"))
}

fn look(root: &Path, below: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let path = format!("{below}/{}", entry.unwrap().file_name().to_str().unwrap());
        if root.join(&path).is_dir() {
            look(root, &path, found);
        } else if path.ends_with(".rs") {
            found.extend(breaches(&path, &fs::read_to_string(root.join(&path)).unwrap()));
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for below in ["src", "tests", "packaging/bench"] {
        look(root, below, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_line_too_many_is_found() {
    assert!(breaches("src/a.rs", &"\n".repeat(MOST)).is_none());
    assert!(breaches("src/a.rs", &"\n".repeat(MOST + 1)).is_some());
    assert!(breaches("tests/black_box/a.rs", &"\n".repeat(MOST + 1)).is_some());
}
