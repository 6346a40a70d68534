//! Which room may call which, where `unsafe` may stand, which files may end the process.
//!
//! Each rule is a function from a source text to its breaches, so that each is also shown to
//! find a planted one.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below `src/`, and its lines without comments and tests.
pub struct Source {
    pub path: String,
    pub code: Vec<String>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]")
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(str::to_owned)
            .collect();
        Self { path: path.to_owned(), code }
    }

    pub fn lines_with<'a>(&'a self, words: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        self.code
            .iter()
            .filter(|line| words.iter().any(|word| line.contains(word)))
            .map(|line| format!("src/{}: {}", self.path, line.trim()))
    }
}

pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut left = vec![root.clone()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 15, "the sources were not found");
    found
}

const PURE: [&str; 47] = [
    "account/lines.rs",
    "calendar.rs",
    "effects.rs",
    "fill.rs",
    "fork_rest.rs",
    "multilog/lines.rs",
    "multilog/pattern.rs",
    "multilog/script.rs",
    "scandir/word.rs",
    "service/fields.rs",
    "service/record.rs",
    "service/request.rs",
    "service/slot.rs",
    "supervise/machine.rs",
    "svctl/doctor/backgrounding.rs",
    "svctl/doctor/chain.rs",
    "svctl/doctor/crash.rs",
    "svctl/doctor/finding.rs",
    "svctl/doctor/links.rs",
    "svctl/doctor/logger.rs",
    "svctl/doctor/run.rs",
    "svctl/doctor/safety.rs",
    "svctl/doctor/scan.rs",
    "svctl/doctor/script.rs",
    "svctl/doctor/shell.rs",
    "svctl/doctor/stubborn.rs",
    "svctl/logs/lines.rs",
    "svctl/logs/needle.rs",
    "svctl/logs/order.rs",
    "svctl/logs/search.rs",
    "svctl/logs/stamp.rs",
    "svctl/logs/times.rs",
    "svctl/look/moment.rs",
    "svctl/look/state.rs",
    "svctl/names/glob.rs",
    "svctl/names/mod.rs",
    "svctl/names/spelling.rs",
    "svctl/show/prometheus.rs",
    "svctl/show/table.rs",
    "svctl/steer/aim.rs",
    "svctl/steer/verb.rs",
    "svscan/late_log.rs",
    "svscan/plan.rs",
    "svscanboot/leader.rs",
    "tai64n.rs",
    "zone/file.rs",
    "zone/rule.rs",
];

/// Rule 1 and 2: `sys` imports nothing of ours, `service` no daemon, the daemons and the commands
/// not each other.
fn layer_breaches(source: &Source) -> Vec<String> {
    let path = source.path.as_str();
    let forbidden: &[&str] = if path.starts_with("sys/") {
        &[
            "crate::account",
            "crate::args",
            "crate::cmd",
            "crate::env",
            "crate::error",
            "crate::exec",
            "crate::multilog",
            "crate::scandir",
            "crate::service",
            "crate::supervise",
            "crate::svscan",
            "crate::tai64n",
        ]
    } else if path.starts_with("service/") {
        &[
            "crate::args",
            "crate::cmd",
            "crate::exec",
            "crate::multilog",
            "crate::scandir",
            "crate::supervise",
            "crate::svscan",
        ]
    } else if path.starts_with("scandir/") {
        &[
            "crate::args",
            "crate::cmd",
            "crate::exec",
            "crate::multilog",
            "crate::supervise",
            "crate::svscan",
        ]
    } else if path.starts_with("supervise/") {
        &["crate::args", "crate::cmd", "crate::multilog", "crate::scandir", "crate::svscan"]
    } else if path.starts_with("multilog/") {
        &[
            "crate::args",
            "crate::cmd",
            "crate::scandir",
            "crate::service",
            "crate::supervise",
            "crate::svscan",
        ]
    } else if path.starts_with("svscan/") {
        &["crate::args", "crate::cmd", "crate::multilog", "crate::supervise", "crate::svscanboot"]
    } else if path.starts_with("svscanboot/") {
        &["crate::cmd", "crate::multilog", "crate::supervise", "crate::svscan::"]
    } else if path == "cmd/supervise.rs" {
        &["crate::svscan", "super::"]
    } else if path == "cmd/svscan.rs" {
        &["crate::supervise", "super::"]
    } else if path.starts_with("cmd/") && path != "cmd/mod.rs" {
        &["crate::svscan::driver", "crate::supervise", "super::"]
    } else if matches!(path, "error.rs" | "env.rs" | "tai64n.rs" | "exec.rs" | "args.rs")
        || matches!(
            path,
            "calendar.rs" | "filter.rs" | "fork_rest.rs" | "newlines.rs" | "wrapper.rs"
        )
        || path.starts_with("account/")
        || path.starts_with("zone/")
    {
        &["crate::cmd", "crate::service", "crate::supervise", "crate::svscan"]
    } else if path.starts_with("svctl/") {
        &[
            "daemontools_rs::args",
            "daemontools_rs::cmd",
            "daemontools_rs::exec",
            "daemontools_rs::filter",
            "daemontools_rs::multilog::d",
            "daemontools_rs::multilog::l",
            "daemontools_rs::reexec",
            "daemontools_rs::supervise",
            "daemontools_rs::svscan",
        ]
    } else {
        &[]
    };
    source.lines_with(forbidden).collect()
}

/// Rule 3: pure files know no system, no files, no clock.
fn purity_breaches(source: &Source) -> Vec<String> {
    if !PURE.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let forbidden =
        &["sys::", "std::fs", "std::io", "std::time", "std::env", "Instant", "SystemTime"];
    source.lines_with(forbidden).collect()
}

/// Rule 4: unsafe code, nix, libc and signal-hook stand under `src/sys/` only.
fn unsafe_breaches(source: &Source) -> Vec<String> {
    if source.path.starts_with("sys/") {
        return Vec::new();
    }
    source
        .lines_with(&["unsafe", "nix::", "libc::", "signal_hook::"])
        .filter(|line| !line.contains("std::os::unix::"))
        .collect()
}

/// Rule 4: every unsafe block in `sys` has its SAFETY line directly above (attributes and the
/// rest of its own statement aside).
fn safety_breaches(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut breaches = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") || !code.contains("unsafe {") {
            continue;
        }
        let explained = lines[number.saturating_sub(6)..number]
            .iter()
            .any(|line| line.trim_start().starts_with("// SAFETY:"));
        if !explained {
            breaches.push(format!("src/{path}:{}: {code}", number + 1));
        }
    }
    breaches
}

/// Rule 5: only `error.rs` names the exit numbers, and no file calls exit.
fn exit_breaches(source: &Source) -> Vec<String> {
    let mut breaches: Vec<String> = source.lines_with(&["process::exit", "libc::exit"]).collect();
    if source.path != "error.rs" {
        let names_number = |line: &&String| {
            line.split(|byte: char| !byte.is_alphanumeric() && byte != '_')
                .any(|word| word == "100" || word == "111")
        };
        // Durations and sizes may be 100 of something.
        let innocent = |line: &&String| {
            line.contains("Duration") || line.contains("const TICKS") || line.contains('[')
        };
        let named = source.code.iter().filter(names_number).filter(|line| !innocent(line));
        breaches.extend(named.map(|line| format!("src/{}: {}", source.path, line.trim())));
    }
    breaches
}

/// A request for memory that may be refused goes through the heap's `ask`, or it ends the command.
fn asking_breaches(source: &Source) -> Vec<String> {
    if source.path == "sys/heap.rs" {
        return Vec::new();
    }
    source.lines_with(&["try_reserve"]).filter(|line| !line.contains("heap::ask(")).collect()
}

/// An array is filled by `fill`, not by a loop of its own. `sys` imports nothing of ours, and has
/// two such loops.
fn filling_breaches(source: &Source) -> Vec<String> {
    if source.path.starts_with("sys/") || source.path == "fill.rs" {
        return Vec::new();
    }
    let is_loop = |pair: &&[String]| {
        let [head, body] = pair else { return false };
        let names = head.trim().strip_prefix("for (").filter(|rest| rest.contains(".iter_mut()"));
        let names =
            names.filter(|rest| rest.contains(".zip(")).and_then(|rest| rest.split_once(')'));
        let pair = names.and_then(|(names, _)| names.split_once(", "));
        let (copied, taken) = pair.map_or_else(Default::default, |(place, value)| {
            (format!("*{place} = *{value};"), format!("*{place} = {value};"))
        });
        !copied.is_empty() && [copied, taken].iter().any(|line| line == body.trim())
    };
    let loops = source.code.windows(2).filter(is_loop);
    loops.map(|pair| format!("src/{}: {}", source.path, pair.concat())).collect()
}

pub fn none(breaches: Vec<Vec<String>>) {
    let breaches = breaches.concat();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn calls_go_to_the_right_only() {
    none(sources().iter().map(layer_breaches).collect());
}

#[test]
fn pure_files_call_nothing_below() {
    none(sources().iter().map(purity_breaches).collect());
}

#[test]
fn unsafe_code_stands_in_sys_only() {
    none(sources().iter().map(unsafe_breaches).collect());
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = sources().into_iter().filter(|source| source.path.starts_with("sys/"));
    let breaches = sources.map(|source| {
        safety_breaches(&source.path, &fs::read_to_string(root.join(&source.path)).unwrap())
    });
    none(breaches.collect());
}

#[test]
fn only_error_names_exit_numbers() {
    none(sources().iter().map(exit_breaches).collect());
}

#[test]
fn memory_that_may_be_refused_is_asked_for_by_the_heap() {
    none(sources().iter().map(asking_breaches).collect());
}

#[test]
fn arrays_are_filled_by_fill() {
    none(sources().iter().map(filling_breaches).collect());
}

#[test]
fn a_planted_breach_is_found() {
    let found = |path: &str, line: &str, rule: fn(&Source) -> Vec<String>| {
        !rule(&Source::new(path, line)).is_empty()
    };
    assert!(found("sys/clock.rs", "use crate::error::Exit;", layer_breaches));
    assert!(found("service/lock.rs", "use crate::svscan::plan;", layer_breaches));
    assert!(found("cmd/svc.rs", "crate::supervise::driver::run();", layer_breaches));
    assert!(found("svctl/look/mod.rs", "use daemontools_rs::svscan::plan;", layer_breaches));
    assert!(found("supervise/machine.rs", "use std::time::Instant;", purity_breaches));
    assert!(found("cmd/svc.rs", "unsafe { libc::getpid() };", unsafe_breaches));
    assert!(found("cmd/svc.rs", "return 111;", exit_breaches));
    assert!(found("exec.rs", "std::process::exit(1);", exit_breaches));
    assert!(found("exec.rs", "list.try_reserve(1).is_ok()", asking_breaches));
    let filling = "for (a, b) in room.iter_mut().zip(values) {\n    *a = *b;\n}";
    assert!(found("cmd/svc.rs", filling, filling_breaches));
    assert!(!found("cmd/svc.rs", &filling.replace("= *b", "= b * 2"), filling_breaches));
    assert!(!found("cmd/svc.rs", "// libc::getpid is not called", unsafe_breaches));
    assert!(!safety_breaches("sys/x.rs", "let a = 1;\nunsafe { f() }").is_empty());
    assert!(safety_breaches("sys/x.rs", "// SAFETY: none\nunsafe { f() }").is_empty());
}
