//! Each crate that is linked into daemontools or svctl has its licence in packaging/NOTICES.
//! tests/packages/notices checks the crates of the standard library, and that no notice is left
//! over.

use std::process::Command;

/// The crates without a notice, as `NAME VERSION`; `tree` has a line `NAME vVERSION` for each.
fn without_notice(tree: &str, notices: &str) -> Vec<String> {
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?))
    });
    let own = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    let mut missing: Vec<String> =
        crates.filter(|name| name != own && !notices.lines().any(|line| line == name)).collect();
    missing.sort();
    missing.dedup();
    missing
}

#[test]
fn each_crate_has_its_notice() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["tree", "--offline", "--locked", "--all-features"]);
    command.args(["--target", "x86_64-unknown-linux-musl", "--edges", "normal"]);
    let output = command.args(["--prefix", "none", "--format", "{p}"]).output().unwrap();
    if !output.status.success() {
        // svctl's crates need not be there to test the rest.
        println!("left out: cargo tree: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.lines().any(|line| line.starts_with("nix v")), "{tree}");
    let notices = std::fs::read_to_string(format!("{root}/packaging/NOTICES")).unwrap();
    let missing = without_notice(&tree, &notices);
    assert!(
        missing.is_empty(),
        "no notice of {}: run `make notices`, and commit packaging/NOTICES",
        missing.join(", ")
    );
}

#[test]
fn a_crate_without_its_notice_is_found() {
    let own = concat!(env!("CARGO_PKG_NAME"), " v", env!("CARGO_PKG_VERSION"));
    let tree = format!("{own} (/here)\nnix v0.31.3\nnew v1.0.0 (proc-macro)\nnix v0.31.3 (*)\n");
    let notices = "------\nnix 0.31.3\nMIT License\n";
    assert_eq!(without_notice(&tree, notices), ["new 1.0.0"]);
    assert!(without_notice(&tree, &format!("{notices}new 1.0.0\n")).is_empty());
}
