//! The manual pages against the commands: each command has a page, with the usage line and the
//! messages of its source, and no page points at one that does not exist.
//!
//! Read here without mandoc: the pages keep to the few macros that [`rendered`] knows in a
//! SYNOPSIS. What mandoc itself has to say stands in `tests/manuals`.

use daemontools_rs::args::Usage;
use daemontools_rs::cmd::COMMANDS;
use daemontools_rs::error::Program;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Pages of others that ours may name: they are on any system, or the reader knows them.
const WELL_KNOWN: [&str; 13] = [
    "cp(1)",
    "csh(1)",
    "kill(1)",
    "nginx(8)",
    "ps(1)",
    "sh(1)",
    "fifo(7)",
    "inotify(7)",
    "signal(7)",
    "flock(2)",
    "setsid(2)",
    "getrlimit(2)",
    "proc(5)",
];

/// Options of ours that the message of 0.76 does not name.
const ADDED: [(&str, &str); 1] = [("setuidgid", "[-s] ")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of ours by its file name.
fn pages() -> BTreeMap<String, String> {
    let pages: BTreeMap<String, String> = fs::read_dir(root().join("packaging/man"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(!pages.is_empty(), "the pages were not found");
    pages
}

/// The lines of the section `title`.
fn section<'a>(page: &'a str, title: &str) -> Vec<&'a str> {
    let heading = format!(".Sh {title}");
    page.lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with(".Sh "))
        .collect()
}

/// What a reader sees of one macro line of a SYNOPSIS.
fn rendered(line: &str, name: &str) -> String {
    let mut shown = Vec::new();
    let mut is_flag = false;
    let mut closing = "";
    let mut opening = "";
    for word in line.trim_start_matches('.').split_whitespace() {
        match word {
            "Nm" => shown.push(name.to_owned()),
            "Ar" => is_flag = false,
            "Fl" => is_flag = true,
            "Op" => {
                assert!(closing.is_empty(), "one bracket a line: {line}");
                (opening, closing) = ("[", "]");
            }
            _ if word.len() == 2 && word.starts_with(|first: char| first.is_ascii_uppercase()) => {
                panic!("a macro that this test does not know: {line}")
            }
            _ => {
                let dash = if is_flag && word != "|" { "-" } else { "" };
                shown.push(format!("{opening}{dash}{word}"));
                opening = "";
            }
        }
    }
    shown.join(" ") + closing
}

/// The command lines of a SYNOPSIS, as they are shown: each begins with the name.
fn command_lines(page: &str, name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in section(page, "SYNOPSIS") {
        assert!(line.starts_with('.'), "{name}: only macros in a SYNOPSIS: {line}");
        let text = rendered(line, name);
        match lines.last_mut() {
            Some(last) if !line.starts_with(".Nm") => *last = format!("{last} {text}"),
            _ => lines.push(text),
        }
    }
    lines
}

/// The messages of a page: the heads of the lists in its DIAGNOSTICS.
fn messages(page: &str) -> Vec<String> {
    section(page, "DIAGNOSTICS")
        .iter()
        .filter_map(|line| line.strip_prefix(".It "))
        .map(|line| line.replace("\\-", "-"))
        .collect()
}

/// The line that a command prints upon wrong use, if its source prints it at all.
fn printed_usage(usage: &Usage, source: &str) -> Option<String> {
    let prints = ["USAGE.wrong()", "&USAGE"].iter().any(|use_of| source.contains(use_of));
    let name = usage.synopsis.split(' ').next().unwrap();
    let line =
        usage.line.map_or_else(|| format!("{name}: usage: {}", usage.synopsis), str::to_owned);
    prints.then_some(line)
}

/// Every `name(section)` in a text.
fn references(text: &str) -> Vec<String> {
    let is_name = |byte: &char| byte.is_ascii_alphanumeric() || "-_.".contains(*byte);
    let mut found = Vec::new();
    for (at, _) in text.match_indices('(') {
        let name: String = text[..at].chars().rev().take_while(is_name).collect();
        let name: String = name.chars().rev().collect();
        let mut after = text[at + 1..].chars();
        if let (Some(number @ '1'..='9'), Some(')')) = (after.next(), after.next())
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
        {
            found.push(format!("{name}({number})"));
        }
    }
    found
}

/// Every page that a page points at, in SEE ALSO and elsewhere.
fn cross_references(page: &str) -> Vec<String> {
    page.lines()
        .filter_map(|line| line.strip_prefix(".Xr "))
        .map(|line| {
            let mut words = line.split_whitespace();
            let (name, section) = (words.next().unwrap(), words.next().unwrap());
            format!("{name}({section})")
        })
        .collect()
}

/// Those of `named` that are neither ours nor well known.
fn unknown(named: Vec<String>, pages: &BTreeMap<String, String>) -> Vec<String> {
    let is_ours = |reference: &str| {
        pages.contains_key(&reference.replace('(', ".").trim_end_matches(')').to_owned())
    };
    named
        .into_iter()
        .filter(|reference| !is_ours(reference) && !WELL_KNOWN.contains(&reference.as_str()))
        .collect()
}

#[test]
fn every_command_has_a_page_with_its_usage_line() {
    let pages = pages();
    for command in &COMMANDS {
        let page = pages.get(&format!("{}.8", command.name));
        let page = page.unwrap_or_else(|| panic!("{} has no page", command.name));
        assert_eq!(command_lines(page, command.name), [command.usage.synopsis]);
    }
}

#[test]
fn every_page_says_what_the_commands_line_in_the_listing_says() {
    let pages = pages();
    for command in &COMMANDS {
        let page = &pages[&format!("{}.8", command.name)];
        let described = section(page, "NAME").join("\n");
        assert_eq!(described, format!(".Nm {}\n.Nd {}", command.name, command.purpose));
    }
}

#[test]
fn a_printed_usage_is_that_of_the_page() {
    let pages = pages();
    let mut printing = 0;
    for command in &COMMANDS {
        let name = command.name;
        let source = fs::read_to_string(root().join(format!("src/cmd/{name}.rs"))).unwrap();
        assert!(!source.contains(".usage("), "{name} prints a usage that is not its USAGE");
        let printed = printed_usage(&command.usage, &source);
        let messages = messages(&pages[&format!("{name}.8")]);
        // Both ways: a page that promises a usage needs a source that prints it.
        let promised = messages.iter().find(|message| {
            message.starts_with(&format!("{name}: usage: "))
                || message.starts_with(&format!("{name} options: "))
        });
        assert_eq!(promised, printed.as_ref(), "{name}");
        let prefix = format!("{name}: usage: ");
        if let Some(line) = printed.as_deref().and_then(|line| line.strip_prefix(&prefix)) {
            // setlock's has spaces inside its brackets.
            let line = line.replace("[ ", "[").replace(" ]", "]");
            let added = ADDED.iter().find(|(command, _)| *command == name);
            let usage = added.map_or(command.usage.synopsis.to_owned(), |(_, option)| {
                command.usage.synopsis.replacen(option, "", 1)
            });
            assert_eq!(line, usage);
        }
        printing += usize::from(printed.is_some());
    }
    assert!(printing > 1, "no usage was found in the sources");
}

#[test]
fn every_page_is_titled_by_its_file_name() {
    for (file, page) in pages() {
        let (name, number) = file.rsplit_once('.').unwrap();
        let title = format!(".Dt {} {number}", name.to_uppercase());
        assert!(page.lines().any(|line| line == title), "{file}: no line {title}");
        let named = section(&page, "NAME").first().copied().map(str::to_owned);
        assert_eq!(named, Some(format!(".Nm {name}")), "{file}");
    }
}

#[test]
fn no_page_points_at_one_that_does_not_exist() {
    let pages = pages();
    for (file, page) in &pages {
        let unknown = unknown(cross_references(page), &pages);
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
        assert!(!section(page, "SEE ALSO").is_empty(), "{file} has no SEE ALSO");
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let unknown = unknown(references(&readme), &pages);
    assert!(unknown.is_empty(), "README.md names {unknown:?}");
}

/// `man service` shows the page of EL's init: only a reference with its section leads to ours.
#[test]
fn every_page_names_service_7() {
    for (file, page) in pages() {
        let named = section(&page, "SEE ALSO").iter().any(|line| line.starts_with(".Xr service 7"));
        assert!(named || file == "service.7", "{file} does not name service(7)");
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(
        readme.contains("man 7 service") && references(&readme).contains(&"service(7)".to_owned())
    );
}

/// mdoc takes a word of a heading that is the name of a macro for that macro: `.Ss An upgrade` is
/// shown as `upgrade`.
#[test]
fn no_heading_loses_a_word_to_a_macro() {
    let lost = |line: &str| {
        let is_heading = line.starts_with(".Ss ") || line.starts_with(".Sh ");
        let is_macro = |word: &str| {
            word.len() == 2 && word.starts_with(|first: char| first.is_ascii_uppercase())
        };
        is_heading && line.split_whitespace().skip(1).any(is_macro)
    };
    assert!(lost(".Ss An upgrade") && !lost(".Ss The upgrade") && !lost("An upgrade"));
    for (file, page) in pages() {
        assert_eq!(page.lines().find(|line| lost(line)), None, "{file}");
    }
}

/// mdoc takes a lone full stop at the end of a macro's line, or before another word, for
/// punctuation and moves it to the word before: `svc -dx . log` would be shown as `svc -dx. log`.
#[test]
fn no_example_loses_its_dot() {
    for (file, page) in pages() {
        for line in page.lines().filter(|line| line.starts_with(".Dl ")) {
            assert!(!line.split_whitespace().any(|word| word == "."), "{file}: {line}");
        }
    }
}

#[test]
fn the_readers_of_this_test_read_right() {
    assert_eq!(rendered(".Op Fl -fallback", "x"), "[--fallback]");
    assert_eq!(rendered(".Op Fl a Ar dir ...", "x"), "[-a dir ...]");
    assert_eq!(rendered(".Nm Fl v", "x"), "x -v");
    let page = ".Sh SYNOPSIS\n.Nm\n.Op Fl ab\n.Ar c ...\n.Nm\n.Fl -d\n.Sh NEXT\n.Nm\n";
    assert_eq!(command_lines(page, "x"), ["x [-ab] c ...", "x --d"]);
    let usage = Usage::of(Program::command("x"), "x [-a] dir");
    assert_eq!(printed_usage(&usage, "USAGE.wrong()").unwrap(), "x: usage: x [-a] dir");
    let usage = Usage::with_line(Program::command("x"), "x [-a] dir", "x options: a b");
    assert_eq!(printed_usage(&usage, "f(&USAGE)").unwrap(), "x options: a b");
    assert_eq!(printed_usage(&usage, "Exit::USAGE"), None);
    assert_eq!(references("see `svc(8)`, f(x) and a (7)"), ["svc(8)"]);
    let named = vec!["svc(8)".to_owned(), "svx(8)".to_owned(), "ps(1)".to_owned()];
    assert_eq!(unknown(named, &pages()), ["svx(8)"]);
}
