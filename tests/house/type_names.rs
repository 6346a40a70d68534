//! One name, one meaning: a type name is defined once in the programs of 0.76, so that a reader who
//! meets `Outcome` or `Held` knows which one it is. (svctl is a program of its own.)

use super::rules::{Source, none, sources};
use std::collections::BTreeMap;

/// Names that stand in more than one file, with the files and the reason.
const SHARED: [(&str, &[&str], &str); 5] = [
    (
        "Driver",
        &["supervise/driver.rs", "svscan/driver.rs", "svscanboot/driver.rs"],
        "the loop of each daemon, which no other room sees",
    ),
    ("State", &MACHINES, "the two pure machines have the same parts, and no file knows both"),
    ("Event", &MACHINES, "as State"),
    ("Effect", &MACHINES, "as State"),
    ("Effects", &MACHINES, "as State"),
];
const MACHINES: [&str; 2] = ["supervise/machine.rs", "svscanboot/leader.rs"];
/// Ends of the names of files that are tests as a whole.
const TESTS: [&str; 4] = ["_tests.rs", "_laws.rs", "_mutants.rs", "_walks.rs"];

/// The types that a source defines.
fn types(source: &Source) -> Vec<String> {
    let is_left_out =
        source.path.starts_with("svctl/") || TESTS.iter().any(|test| source.path.ends_with(test));
    let lines = source.code.iter().filter(|_| !is_left_out);
    let names = lines.filter_map(|line| {
        let is_inside = line.starts_with(' ');
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
        let kind = words.next()?;
        // Inside a block, `type` is what a trait asks for.
        let is_definition =
            ["struct", "enum", "union", "trait"].contains(&kind) || kind == "type" && !is_inside;
        let name = words.next().filter(|_| is_definition)?;
        name.split(|letter: char| !letter.is_alphanumeric()).next().map(str::to_owned)
    });
    names.collect()
}

fn breaches(sources: &[Source], shared: &[(&str, &[&str], &str)]) -> Vec<String> {
    let mut files: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources {
        for name in types(source) {
            files.entry(name).or_default().push(&source.path);
        }
    }
    let mut found = Vec::new();
    for (name, places) in &mut files {
        places.sort_unstable();
        let allowed = shared.iter().find(|(shared, ..)| shared == name).map(|(_, files, _)| *files);
        if places.len() > 1 && allowed != Some(places.as_slice()) {
            found.push(format!("{name} is defined in {}", places.join(", ")));
        }
    }
    let is_shared = |name: &str| files.get(name).is_some_and(|places| places.len() > 1);
    let idle = shared.iter().filter(|(name, ..)| !is_shared(name));
    found.extend(idle.map(|(name, ..)| format!("{name} is not shared any more")));
    found
}

#[test]
fn a_type_name_is_defined_once() {
    let sources = sources();
    assert!(sources.iter().flat_map(types).count() > 200, "the types were not found");
    none(vec![breaches(&sources, &SHARED)]);
}

#[test]
fn a_name_that_is_defined_twice_is_found() {
    let source = |path: &str, text: &str| Source::new(path, text);
    let count = |texts: &[(&str, &str)], shared: &[(&str, &[&str], &str)]| {
        let sources: Vec<_> = texts.iter().map(|(path, text)| source(path, text)).collect();
        breaches(&sources, shared).len()
    };
    let [a, b] = [("a.rs", "pub struct Held<'a> {\n"), ("b/c.rs", "pub(super) enum Held {\n")];
    assert_eq!(count(&[a], &[]), 0);
    assert_eq!(count(&[a, b], &[]), 1);
    assert_eq!(count(&[a, ("b.rs", "type Held = u64;\n")], &[]), 1);
    assert_eq!(count(&[a, ("b.rs", "    type Held = u64;\n/// struct Held\n")], &[]), 0);
    assert_eq!(count(&[a, ("b.rs", "#[cfg(test)]\nstruct Held;\n")], &[]), 0);
    assert_eq!(count(&[a, ("b_laws.rs", "struct Held;\n")], &[]), 0);
    assert_eq!(count(&[a, ("svctl/b.rs", "struct Held;\n")], &[]), 0);
    // Shared by these files alone, and only as long as it is.
    let shared: [(&str, &[&str], &str); 1] = [("Held", &["a.rs", "b/c.rs"], "")];
    assert_eq!(count(&[a, b], &shared), 0);
    assert_eq!(count(&[a, b, ("d.rs", "trait Held {\n")], &shared), 1);
    assert_eq!(count(&[a], &shared), 1);
}
