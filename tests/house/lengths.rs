//! No file is longer than can be read at one sitting, and comments are wrapped, which rustfmt
//! leaves to us.

use std::fs;
use std::path::Path;

/// How many lines a file has at most, its tests included.
const MOST: usize = 400;

fn breaches(path: &str, text: &str) -> Option<String> {
    let count = text.lines().count();
    (count > MOST).then(|| format!("{path} has {count} lines"))
}

/// How many columns a line with nothing but a comment has at most.
const COLUMNS: usize = 100;

fn long_comments(path: &str, text: &str) -> Vec<String> {
    let is_long =
        |line: &str| line.trim_start().starts_with("//") && line.chars().count() > COLUMNS;
    let lines = text.lines().enumerate().filter(|(_, line)| is_long(line));
    lines.map(|(number, _)| format!("{path}:{}: a comment is not wrapped", number + 1)).collect()
}

fn look(root: &Path, below: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let path = format!("{below}/{}", entry.unwrap().file_name().to_str().unwrap());
        if root.join(&path).is_dir() {
            look(root, &path, found);
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(root.join(&path)).unwrap();
            found.extend(breaches(&path, &text));
            found.extend(long_comments(&path, &text));
        }
    }
}

#[test]
fn no_file_and_no_comment_is_too_long() {
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
    let wide = |columns: usize| format!("    // {}\n", "a".repeat(columns - 7));
    assert!(long_comments("src/svctl/a.rs", &wide(COLUMNS)).is_empty());
    assert_eq!(long_comments("src/svctl/a.rs", &wide(COLUMNS + 1)).len(), 1);
}
