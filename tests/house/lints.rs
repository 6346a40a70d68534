//! What each program denies itself: the same in the library and in every binary.

use std::fs;
use std::path::Path;

const DENIED: [&str; 6] = [
    "clippy::exit",
    "clippy::expect_used",
    "clippy::indexing_slicing",
    "clippy::panic",
    "clippy::print_stdout",
    "clippy::unwrap_used",
];

/// The lints that the first `#![deny(...)]` of a crate root names.
fn denied(root: &str) -> Vec<&str> {
    let list = root.split_once("#![deny(").and_then(|(_, after)| after.split_once(")]"));
    list.map_or(Vec::new(), |(list, _)| list.split(',').map(str::trim).collect())
}

#[test]
fn each_program_denies_itself_the_same() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(house.join("Cargo.toml")).unwrap();
    let sources = manifest.lines().filter_map(|line| line.strip_prefix("path = \"src/"));
    let mut roots: Vec<String> =
        sources.map(|path| format!("src/{}", path.trim_end_matches('"'))).collect();
    roots.extend(["src/lib.rs", "src/main.rs"].map(str::to_owned));
    assert!(roots.iter().any(|root| root == "src/svctl/main.rs"), "{roots:?}");
    for root in roots {
        let text = fs::read_to_string(house.join(&root)).unwrap();
        assert_eq!(denied(&text), DENIED, "{root}");
    }
}

#[test]
fn a_root_that_lacks_one_is_found() {
    assert_ne!(denied("#![deny(clippy::exit)]\nfn main() {}"), DENIED);
    assert!(denied("fn main() {}").is_empty());
}
