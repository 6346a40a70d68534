//! No circles: of two files at most one imports from the other, however long the way between them.
//!
//! An import is a path that begins with `crate` or `super`, in a `use` or elsewhere. A room's
//! `mod.rs` only names its files and passes on what they have (`pub mod`, `pub use`): that is none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The files below a root, by their path.
fn read_sources(root: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let name = format!("{below}{}", entry.unwrap().file_name().to_str().unwrap());
        if root.join(&name).is_dir() {
            read_sources(root, &format!("{name}/"), found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(root.join(&name)).unwrap();
            found.insert(name, code_of(&text));
        }
    }
}

/// A text without comments, tests and what a `mod.rs` passes on.
fn code_of(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let lines = lines.filter(|line| {
        let line = line.trim_start();
        !["//", "pub use ", "pub mod ", "mod "].iter().any(|start| line.starts_with(start))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The module that a file is, as the names on the way to it.
fn module_of(path: &str) -> Vec<&str> {
    let path = path.strip_suffix(".rs").unwrap();
    let mut names: Vec<_> = path.split('/').collect();
    if ["mod", "lib", "main"].contains(names.last().unwrap()) {
        names.pop();
    }
    names
}

/// Every path that a text names with `crate` or `super` at its beginning, braces spelled out.
fn paths_in(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            // Not `super::super::` in its middle, and not `$crate`.
            if before.is_none_or(|before| !before.is_alphanumeric() && !":$_".contains(before)) {
                spell_out(&code[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Reads one path, or the branches of one, and what follows it is returned.
fn spell_out<'a>(code: &'a str, before: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = code.trim_start();
    loop {
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.starts_with('}') && !rest.is_empty() {
                rest = spell_out(rest, &path, found).trim_start();
                let next = rest.find([',', '}']).unwrap_or(rest.len());
                rest = rest[next..].strip_prefix(',').unwrap_or(&rest[next..]).trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        path.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(after) if after.starts_with(|c: char| c.is_alphabetic() || c == '{') => {
                rest = after
            }
            _ => {
                found.push(path);
                return rest;
            }
        }
    }
}

/// The files that one file imports from.
fn imports(path: &str, sources: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for named in paths_in(&sources[path]) {
        let mut place = module_of(path);
        let mut names = named.iter().map(String::as_str).peekable();
        while let Some(step) = names.next_if(|name| ["crate", "super"].contains(name)) {
            let kept = if step == "crate" { 0 } else { place.len().saturating_sub(1) };
            place.truncate(kept);
        }
        place.extend(names.filter(|name| *name != "self"));
        // The longest beginning that is a file.
        while !place.is_empty() {
            let file = place.join("/");
            let file = [format!("{file}.rs"), format!("{file}/mod.rs")];
            if let Some(file) = file.into_iter().find(|file| sources.contains_key(file)) {
                found.insert(file);
                break;
            }
            place.pop();
        }
    }
    found.remove(path);
    found
}

/// Every set of files that reach each other.
fn circles(sources: &BTreeMap<String, String>) -> BTreeSet<String> {
    let edges: BTreeMap<&str, BTreeSet<String>> =
        sources.keys().map(|path| (path.as_str(), imports(path, sources))).collect();
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut left: Vec<&str> = edges[from].iter().map(String::as_str).collect();
        while let Some(next) = left.pop() {
            if reached.insert(next) {
                left.extend(edges[next].iter().map(String::as_str));
            }
        }
        reached
    };
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|path| (*path, reached(path))).collect();
    let circle_of = |path: &str| {
        let both = reach[path].iter().filter(|other| reach[**other].contains(path));
        both.copied().collect::<Vec<_>>().join(", ")
    };
    reach.keys().map(|path| circle_of(path)).filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_files_import_from_each_other() {
    for root in ["src", "packaging/bench"] {
        let mut sources = BTreeMap::new();
        read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root), "", &mut sources);
        assert!(sources.len() > 5, "the sources were not found");
        let found = circles(&sources);
        assert!(found.is_empty(), "{root}: {found:#?}");
    }
}

#[test]
fn a_planted_circle_is_found() {
    let sources = |texts: &[(&str, &str)]| {
        texts.iter().map(|(path, text)| ((*path).to_owned(), code_of(text))).collect()
    };
    let long = sources(&[
        ("a/mod.rs", "pub mod b;\npub use b::B;"),
        ("a/b.rs", "use super::c::{\n    self, C,\n};"),
        ("a/c.rs", "fn f() { crate::d::{e}::x() }"),
        ("d/mod.rs", "use super::a::{x, b::{B, Y}};"),
        ("e.rs", "use crate::a::b::B; // crate::d"),
        ("f.rs", "#[cfg(test)]\nuse crate::e;"),
    ]);
    assert_eq!(Vec::from_iter(circles(&long)), ["a/b.rs, a/c.rs, d/mod.rs"]);
    let none = sources(&[
        ("a/mod.rs", "pub mod b;\npub use b::B;\nuse crate::d;"),
        ("a/b.rs", "use super::A;"),
        ("d.rs", "// use crate::a;"),
    ]);
    assert_eq!(circles(&none).len(), 0);
}
