//! svctl(8), the completions and the schema against the program: they have exactly the verbs and
//! options that `--help` names.

use crate::stage::Stage;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn help(stage: &Stage, words: &[&str]) -> String {
    stage.svctl(&[words, &["--help"]].concat()).out
}

/// The verbs and their aliases.
fn verbs(stage: &Stage) -> BTreeSet<String> {
    let help = help(stage, &[]);
    let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut verbs = BTreeSet::new();
    for line in list.lines() {
        verbs.insert(line.split_whitespace().next().unwrap().to_owned());
        if let Some((_, alias)) = line.split_once("[alias: ") {
            verbs.insert(alias.trim_end_matches(']').to_owned());
        }
    }
    verbs
}

/// The options that a help names.
fn options(help: &str) -> BTreeSet<String> {
    let list = help.split_once("Options:\n").unwrap().1.split("\n\n").next().unwrap();
    let words = list.lines().filter_map(|line| line.trim_start().split_once("  "));
    let words = words.flat_map(|(options, _)| options.split([' ', ',']));
    words.filter(|word| word.starts_with('-')).map(str::to_owned).collect()
}

fn all_options(stage: &Stage) -> BTreeSet<String> {
    let mut all = options(&help(stage, &[]));
    for verb in verbs(stage) {
        all.extend(options(&help(stage, &[&verb])));
    }
    all
}

/// The items of the lists in a section: after `.It`, the macro and its words.
fn items<'a>(page: &'a str, title: &str) -> Vec<Vec<&'a str>> {
    let section = page.split_once(&format!("\n{title}\n")).unwrap().1;
    let lines =
        section.lines().take_while(|line| !line.starts_with(".Sh ") && !line.starts_with(".Ss "));
    let lines = lines.filter_map(|line| line.strip_prefix(".It "));
    lines.map(|line| line.split([' ', ',']).filter(|word| !word.is_empty()).collect()).collect()
}

#[test]
fn the_page_has_every_verb_and_every_option_and_no_others() {
    let stage = Stage::empty();
    let page = read("packaging/man/svctl.8");
    let named: BTreeSet<String> = items(&page, ".Ss Verbs")
        .into_iter()
        .flat_map(|words| words.into_iter().skip(1).take_while(|word| *word != "Ar"))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, verbs(&stage));
    let named: BTreeSet<String> = items(&page, ".Ss Options")
        .into_iter()
        .flat_map(|words| words.into_iter().skip(1).take_while(|word| *word != "Ar"))
        .map(|word| format!("-{word}"))
        .collect();
    assert_eq!(named, all_options(&stage));
}

#[test]
fn the_page_has_every_state_and_the_states_of_the_table_are_those_of_the_json() {
    let page = read("packaging/man/svctl.8");
    let schema: serde_json::Value =
        serde_json::from_str(&read("packaging/doc/svctl.schema.json")).unwrap();
    let states = schema["$defs"]["service"]["properties"]["state"]["enum"].as_array().unwrap();
    let named: Vec<String> =
        items(&page, ".Ss The table").into_iter().map(|words| words.join(" ")).collect();
    assert_eq!(named, states.iter().map(|state| state.as_str().unwrap()).collect::<Vec<_>>());
    let stage = Stage::empty();
    for state in named {
        assert_eq!(stage.svctl(&["list", "--state", &state]).code, Some(0), "{state}");
    }
}

#[test]
fn the_completions_have_every_verb_option_and_field() {
    let stage = Stage::empty();
    let schema: serde_json::Value =
        serde_json::from_str(&read("packaging/doc/svctl.schema.json")).unwrap();
    let fields = schema["$defs"]["service"]["properties"].as_object().unwrap();
    for path in ["packaging/completions/svctl.bash", "packaging/completions/_svctl"] {
        let text = read(path);
        let words: BTreeSet<&str> = text
            .split(|character: char| {
                !character.is_ascii_alphanumeric() && !"-_.".contains(character)
            })
            .collect();
        for word in verbs(&stage).iter().chain(&all_options(&stage)) {
            // zsh's braces combine two options.
            let is_there = words.contains(word.as_str()) || text.contains(&format!("{word}}}"));
            assert!(is_there || text.contains(&format!("{{{word},")), "{path}: {word}");
        }
        for field in fields.keys() {
            // These two fields are not always there; the logger has its own fields.
            if !["name_hex", "result", "log"].contains(&field.as_str()) {
                assert!(words.contains(field.as_str()), "{path}: {field}");
            }
        }
    }
}

#[test]
fn every_field_of_the_schema_can_be_a_column() {
    let stage = Stage::empty();
    let schema: serde_json::Value =
        serde_json::from_str(&read("packaging/doc/svctl.schema.json")).unwrap();
    for field in schema["$defs"]["service"]["properties"].as_object().unwrap().keys() {
        if field != "log" {
            for field in [field.clone(), format!("log.{field}")] {
                assert_eq!(stage.svctl(&["--fields", &field]).code, Some(0), "{field}");
            }
        }
    }
}
