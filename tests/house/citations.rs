//! What comments and pages cite: "contract.md, section 3.3" is a heading of
//! packaging/doc/contract.md, and no comment cites a document that is not in the tree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CONTRACT: &str = "packaging/doc/contract.md";

/// The numbers of the contract's headings: "## 3. supervise", "### 3.3 status, 18 bytes".
fn sections() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = fs::read_to_string(root.join(CONTRACT)).unwrap();
    let headings = contract.lines().filter_map(|line| line.strip_prefix("##"));
    let numbers = headings.filter_map(|heading| {
        let number = heading.trim_start_matches('#').trim_start().split(' ').next()?;
        number
            .starts_with(|first: char| first.is_ascii_digit())
            .then(|| number.trim_end_matches('.'))
    });
    numbers.map(str::to_owned).collect()
}

/// The numbers that a text cites after "contract.md, section" or "sections", across the ends of
/// comment lines: "sections 10.1 and 10.8", "sections 3.3 to 3.5".
fn cited(text: &str) -> Vec<String> {
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "//!" | "///" | "//" | "#" | ".\\\""))
        .collect();
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let is_citing = word.trim_start_matches(['(', '`']).trim_end_matches('`') == "contract.md,";
        let mut rest = words.iter().skip(place + 1);
        if !is_citing || !rest.next().is_some_and(|word| word.starts_with("section")) {
            continue;
        }
        for word in rest.take_while(|word| {
            word.starts_with(|first: char| first.is_ascii_digit()) || matches!(**word, "and" | "to")
        }) {
            let number = word.trim_end_matches([',', '.', ';', ':', ')']);
            if number.starts_with(|first: char| first.is_ascii_digit()) {
                found.push(number.to_owned());
            }
            if number != *word {
                break;
            }
        }
    }
    found
}

fn sources(place: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(path);
        }
    }
}

#[test]
fn each_cited_section_of_the_contract_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known = sections();
    assert!(known.contains("3.3") && known.contains("17a"), "{known:?}");
    let mut files = Vec::new();
    for room in ["src", "tests", "packaging/man", "packaging/doc"] {
        sources(&root.join(room), &mut files);
    }
    let mut citing = 0;
    for file in files {
        // This file tells how a citation looks.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if file.ends_with("house/citations.rs") {
            continue;
        }
        let numbers = cited(&text);
        for number in &numbers {
            assert!(known.contains(number), "{}: no section {number}", file.display());
        }
        let told = text.matches("contract.md, section").count();
        assert!(numbers.len() >= told, "{}: a citation that this test cannot read", file.display());
        let lower = text.to_lowercase();
        for paper in ["reference, section", "reference section", "reference.md", "design.md"] {
            assert!(!lower.contains(paper), "{}: {paper} is not in the tree", file.display());
        }
        citing += numbers.len();
    }
    assert!(citing > 40, "{citing}");
}

#[test]
fn the_reader_of_this_test_reads_right() {
    let one = "//! As it does (contract.md, section 0.4).\nfn x() {}";
    assert_eq!(cited(one), ["0.4"]);
    let wrapped =
        "//! Words (contract.md,\n//! sections 10.1 and 10.8): an attempt on\n//! 3 things";
    assert_eq!(cited(wrapped), ["10.1", "10.8"]);
    assert_eq!(cited("contract.md, sections 3.3 to 3.5."), ["3.3", "3.5"]);
    assert!(cited("what is in contract.md, of course").is_empty());
}
