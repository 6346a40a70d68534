//! The faults in `tests/mutants`, which `tests/mutants/run` seeds into the sources, still fit them.

use std::fs;
use std::path::Path;

/// What to put in the place of what, in one file.
#[derive(Debug, Default)]
struct Change {
    file: String,
    old: String,
    new: String,
}

/// The command that has to catch a fault, and the changes that make it.
fn read(text: &str) -> (Option<String>, Vec<Change>) {
    let (mut command, mut changes) = (None, Vec::<Change>::new());
    for line in text.lines() {
        if let Some(file) = line.strip_prefix("--- ") {
            changes.push(Change { file: file.to_owned(), ..Change::default() });
        } else if let Some(change) = changes.last_mut() {
            let (kind, rest) = line.split_at(1);
            let side = if kind == "-" { &mut change.old } else { &mut change.new };
            side.push_str(rest);
            side.push('\n');
        } else if let Some(word) = line.strip_prefix("catch: ") {
            command = Some(word.to_owned());
        }
    }
    (command, changes)
}

/// Why a fault cannot be seeded, or caught.
fn flaws(
    text: &str,
    file_text: impl Fn(&str) -> String,
    names: impl Fn(&str) -> bool,
) -> Vec<String> {
    let (command, changes) = read(text);
    let mut flaws = Vec::new();
    let test = command.as_deref().and_then(|it| it.rsplit([' ', ':']).next()).unwrap_or_default();
    if !command.as_deref().is_some_and(|it| it.starts_with("cargo test ")) || !names(test) {
        flaws.push(format!("no test that would catch it: {test}"));
    }
    if changes.is_empty() {
        flaws.push("it changes nothing".to_owned());
    }
    for Change { file, old, new } in changes {
        let count = file_text(&file).matches(&old).count();
        if count != 1 || old == new {
            flaws.push(format!("{file} has this {count} times:\n{old}"));
        }
    }
    flaws
}

/// Whether a test, or a file of tests, has this name.
fn is_a_test(name: &str, below: &Path) -> bool {
    fs::read_dir(below).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_a_test(name, &path);
        }
        let is_source = path.extension().is_some_and(|it| it == "rs");
        let is_file = path.file_stem().is_some_and(|it| it == name);
        let has_it = |text: String| text.contains(&format!("fn {name}("));
        is_source && (is_file || fs::read_to_string(&path).is_ok_and(has_it))
    })
}

#[test]
fn every_seeded_fault_fits_the_sources_and_names_the_test_that_catches_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in fs::read_dir(root.join("tests/mutants")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "mutant") {
            continue;
        }
        count += 1;
        let flaws = flaws(
            &fs::read_to_string(&path).unwrap(),
            |file| fs::read_to_string(root.join(file)).unwrap_or_default(),
            |name| is_a_test(name, &root.join("tests")) || is_a_test(name, &root.join("src")),
        );
        assert!(flaws.is_empty(), "{}: {}", path.display(), flaws.join("\n"));
    }
    assert!(count >= 3, "the mutants were not found");
}

#[test]
fn a_fault_that_no_longer_fits_is_found() {
    let mutant = "Words.\ncatch: cargo test --lib some_test\n--- src/a.rs\n-one\n+two\n";
    let flaws = |mutant: &str, source: &str| {
        flaws(mutant, |_| source.to_owned(), |name| name == "some_test").len()
    };
    assert_eq!(flaws(mutant, "one\n"), 0);
    assert_eq!(flaws(mutant, "one\none\n"), 1);
    assert_eq!(flaws(mutant, "another\n"), 1);
    assert_eq!(flaws(&mutant.replace("two", "one"), "one\n"), 1);
    assert_eq!(flaws(&mutant.replace("some_test", "none"), "one\n"), 1);
    assert_eq!(flaws("Words.\ncatch: cargo test --lib some_test\n", "one\n"), 1);
}
