//! Comments, the names of tests and manual pages are written in plain words: phrases at which a
//! reader stops, because they do not say which process or user acts, do not come back.

use super::rules::none;
use std::fs;
use std::path::Path;

/// The phrases, in lower case. Write the name of the process, user or file instead, and "silently".
const PHRASES: [&str; 14] = [
    "anybody",
    "are told of",
    "as he was before",
    "at hand",
    "he who",
    "is told of",
    "no one that",
    "one who",
    "somebody",
    "to be had",
    "who is not there",
    "whoever",
    "whomever",
    "without a word",
];

/// The beginnings of a comment that names nothing: one what? Write the noun.
const BEGINNINGS: [&str; 8] = [
    "he that",
    "he who",
    "one that",
    "one which",
    "one who",
    "those that",
    "those which",
    "those who",
];

/// Its words in lower case, with one space before and after each.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// The prose of a file with the line on which each piece of it begins: a block of comment lines of
/// a source, or a manual page without its messages, which the sources have.
fn prose(path: &str, text: &str) -> Vec<(usize, String)> {
    if !path.ends_with(".rs") {
        let lines = text.lines().filter(|line| !line.starts_with(".It "));
        return vec![(1, lines.collect::<Vec<_>>().join(" "))];
    }
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut is_inside = false;
    for (number, line) in text.lines().enumerate() {
        let comment = line.trim_start().strip_prefix("//");
        match (comment, blocks.last_mut()) {
            (Some(comment), Some((_, block))) if is_inside => {
                block.push(' ');
                block.push_str(comment);
            }
            (Some(comment), _) => blocks.push((number + 1, comment.to_owned())),
            (None, _) => {}
        }
        is_inside = comment.is_some();
    }
    blocks
}

/// The names of a source's functions as words, with their lines: that of a test is a sentence.
fn names(path: &str, text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate().filter(|_| path.ends_with(".rs"));
    let names = lines.filter_map(|(number, line)| {
        let name = line.trim_start().strip_prefix("fn ")?.split('(').next()?;
        Some((number + 1, name.replace('_', " ")))
    });
    names.collect()
}

fn breaches(path: &str, text: &str) -> Vec<String> {
    let blocks = prose(path, text).into_iter().chain(names(path, text));
    let found = blocks.flat_map(|(line, block)| {
        let block = words(&block);
        let begins = |phrase: &&&str| block.starts_with(&format!(" {phrase} "));
        let mut found: Vec<&str> = BEGINNINGS.iter().filter(begins).copied().collect();
        found.extend(PHRASES.iter().filter(|phrase| block.contains(&format!(" {phrase} "))));
        found
            .into_iter()
            .map(move |phrase| format!("{path}:{line}: \"{phrase}\": who or what is it?"))
    });
    found.collect()
}

fn look(root: &Path, below: &str, found: &mut Vec<Vec<String>>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let path = format!("{below}/{}", entry.unwrap().file_name().to_str().unwrap());
        let is_page = below == "packaging/man";
        if root.join(&path).is_dir() {
            look(root, &path, found);
        } else if is_page || path.ends_with(".rs") {
            found.push(breaches(&path, &fs::read_to_string(root.join(&path)).unwrap()));
        }
    }
}

#[test]
fn no_comment_or_page_has_a_phrase_at_which_readers_stop() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for below in ["src", "tests", "packaging/bench", "packaging/man"] {
        look(root, below, &mut found);
    }
    assert!(found.len() > 100, "the sources were not found");
    none(found);
}

#[test]
fn a_planted_breach_is_found() {
    let count = |path: &str, text: &str| breaches(path, text).len();
    assert_eq!(count("src/a.rs", "/// Whoever holds it.\nfn f() {}\n"), 1);
    assert_eq!(count("src/a.rs", "    // It leaves without\n    // a word.\n"), 1);
    assert_eq!(count("src/a.rs", "//! For somebody.\n\n/// Is told of it.\n"), 2);
    assert_eq!(count("packaging/man/a.8", "No one\nthat stands by takes over.\n"), 1);
    assert_eq!(count("src/svctl/a.rs", "    /// Those that wait.\n    a: u8,\n"), 1);
    assert_eq!(count("tests/svctl/a.rs", "    // One that is down is started.\n"), 1);
    assert_eq!(count("src/a.rs", "// A service, and one that is down.\n"), 0);
    assert_eq!(count("src/a.rs", "// Without\nlet a = 1; // a word.\n"), 0);
    assert_eq!(count("tests/a.rs", "fn what_somebody_takes_back_is_over() {\n"), 1);
    assert_eq!(count("tests/a.rs", "    fn one_that_is_down_is_started() {\n"), 1);
    assert_eq!(count("src/a.rs", "let text = \"somebody\";\nlet somebody_runs = true;\n"), 0);
    assert_eq!(count("src/a.rs", "// One whose name is `someone`.\n"), 0);
    assert_eq!(count("packaging/man/a.8", ".It a: warning: somebody did\n"), 0);
}
