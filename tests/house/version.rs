//! The version, which stands in several files, is the same in each.

use std::fs;

fn file(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    fs::read_to_string(format!("{root}{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The first line of `name` that begins with `start`, without it.
fn after(name: &str, start: &str) -> String {
    let text = file(name);
    let rest = text.lines().find_map(|line| line.strip_prefix(start).map(str::to_owned));
    rest.unwrap_or_else(|| panic!("{name} has no line that begins with {start:?}"))
}

/// The changelog is dated in a release. In between, its first section is `Unreleased`, and the
/// version that of the release before.
#[test]
fn changelog_and_spec_name_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    let text = file("packaging/CHANGELOG.md");
    let first = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .find(|title| *title != "Unreleased")
        .unwrap_or_default();
    let date = first.strip_prefix(&format!("{version} (")).and_then(|rest| rest.strip_suffix(')'));
    let date = date.unwrap_or_else(|| panic!("the changelog's first release is {first}"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    assert!(date.len() == 10 && date.split('-').all(digits), "not a date: {date}");

    let entry = after("rpm/daemontools-rs.spec", "* ");
    assert!(entry.ends_with(&format!(" - {version}-1")), "the spec's changelog: {entry}");
}

#[test]
fn readme_installs_the_version() {
    let readme = file("README.md");
    let packages: Vec<_> = readme
        .split_whitespace()
        .filter(|word| word.contains("daemontools-rs-") && word.ends_with(".rpm"))
        .collect();
    assert!(!packages.is_empty(), "README installs no package");
    let name = format!("daemontools-rs-{}-1.el6.x86_64.rpm", env!("CARGO_PKG_VERSION"));
    for package in packages {
        assert!(package.ends_with(&name), "README: {package}");
    }
}
