//! The language of the lowest Rust that builds the programs (rust-version in Cargo.toml): no chains
//! of `let` (1.88), no `if let` in a guard. clippy knows the library's items, not these.

use crate::rules::{Source, none, sources};

/// The conditions of a source from `if let` or `while let` to the block, without what stands in
/// brackets.
fn conditions(text: &str) -> Vec<String> {
    let heads = text.match_indices("if let ").chain(text.match_indices("while let "));
    let after = heads.map(|(place, _)| &text[place..]);
    let until_block = after.map(|rest| {
        let mut depth = 0;
        let mut condition = String::new();
        for character in rest.chars() {
            match character {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                '{' if depth == 0 => break,
                _ if depth > 0 => {}
                _ => condition.push(character),
            }
            // A pattern in braces, or no condition at all.
            if depth < 0 || condition.ends_with("=>") {
                break;
            }
        }
        condition
    });
    until_block.collect()
}

fn breaches(source: &Source) -> Vec<String> {
    let text = source.code.join("\n");
    let chained = conditions(&text).into_iter().filter(|condition| condition.contains("&&"));
    let guards = text.lines().filter(|line| {
        line.contains(" if let ") && line.contains("=>") && !line.contains("=> if let ")
    });
    let later = text.lines().filter(|line| line.trim_start().starts_with("&& let "));
    let found = chained.chain(guards.chain(later).map(str::to_owned));
    found.map(|what| format!("{}: {}", source.path, what.trim())).collect()
}

#[test]
fn the_programs_keep_to_the_lowest_rust() {
    none(sources().iter().map(breaches).collect());
}

#[test]
fn a_planted_chain_is_found() {
    let found = |text: &str| !breaches(&Source::new("svscan/plan.rs", text)).is_empty();
    assert!(found("if let Some(x) = y\n    && x > 3\n{"));
    assert!(found("if is_it\n    && let Some(x) = y\n{"));
    assert!(found("    Start if let Some(x) = y => {"));
    assert!(found("while let Some(x) = self.next(a)\n && x { }"));
    assert!(!found("if let Some(x) = y.filter(|z| *z && w) {"));
    assert!(!found("if a && b { if let Some(x) = y { c && d } }"));
    assert!(!found("    None => if let Some(x) = y { 1 } else { 2 },"));
}
