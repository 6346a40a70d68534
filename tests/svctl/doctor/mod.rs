//! `svctl doctor`: each fault is made for real, is found under its name, and is gone after the
//! commands that doctor prints. Where nothing is wrong, doctor finds nothing.

mod faults;
mod hostile;
mod links;
mod loggers;
mod runs;
mod scans;
mod whole;

use crate::json::breaches;
use crate::scratch::Said;
use crate::stage::Stage;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The schema of `svctl doctor --json`.
fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/doc/svctl-doctor.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What doctor says of these services, or of all, as JSON that fits the schema.
fn report(stage: &Stage, arguments: &[&str]) -> Value {
    let said = stage.svctl(&[&["doctor", "--json"], arguments].concat());
    let json = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let schema = schema();
    let found = breaches(&json, &schema, &schema, "");
    assert!(found.is_empty(), "{}", found.join("\n"));
    let has_findings = !json["findings"].as_array().unwrap().is_empty();
    let refused = said.code == Some(111);
    assert!(refused || said.code == Some(i32::from(has_findings)), "{said:?}");
    json
}

/// The finding of this name about this service (`-`: about the scan directory), if it is there.
fn finding(report: &Value, name: &str, service: &str) -> Option<Value> {
    let mut all = report["findings"].as_array().unwrap().iter();
    let is_it = |found: &&Value| {
        found["name"] == name && found["service"].as_str().unwrap_or("-") == service
    };
    all.find(is_it).cloned()
}

/// The names of all findings.
fn names(report: &Value) -> Vec<String> {
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|found| found["name"].as_str().unwrap().to_owned()).collect()
}

/// The finding of this name about this service, as soon as it is there.
fn finds(stage: &Stage, name: &str, service: &str) -> Value {
    let until = std::time::Instant::now() + crate::scratch::DEADLINE;
    loop {
        let last = report(stage, &[]);
        if let Some(found) = finding(&last, name, service) {
            return found;
        }
        assert!(std::time::Instant::now() < until, "no {name} of {service} in {last:#}");
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
}

/// Waits until the finding is gone, and nothing else is found.
fn is_well(stage: &Stage) {
    let mut last = Value::Null;
    let until = std::time::Instant::now() + crate::scratch::DEADLINE;
    while last["findings"].as_array().is_none_or(|found| !found.is_empty()) {
        assert!(std::time::Instant::now() < until, "still {last:#}");
        std::thread::park_timeout(std::time::Duration::from_millis(50));
        last = report(stage, &[]);
    }
}

/// All that a finding saw, in one text.
fn saw(found: &Value) -> String {
    lines(&found["saw"]).join("\n")
}

/// The commands of a finding.
fn commands(found: &Value) -> Vec<String> {
    lines(&found["type"])
}

fn lines(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// Runs the commands of a finding; text in brackets is no command.
fn follow(stage: &Stage, found: &Value) {
    for command in commands(found) {
        assert!(!command.starts_with('('), "that needs a choice: {command}");
        let said = Said::of(&shell(stage, &command).output().unwrap());
        assert_eq!(said.code, Some(0), "{command}: {said:?}");
    }
}

/// A shell with our commands.
fn shell(stage: &Stage, command: &str) -> Command {
    let programs = stage.scratch.path().join("programs");
    if !programs.exists() {
        fs::create_dir(&programs).unwrap();
        symlink(assert_cmd::cargo::cargo_bin!("svctl"), programs.join("svctl")).unwrap();
    }
    let mut shell = stage.scratch.command("sh");
    let path = format!(
        "{}:{}:/usr/bin:/bin:/usr/sbin:/sbin",
        crate::scratch::commands().display(),
        programs.display()
    );
    shell.env("PATH", path).env("SVDIR", stage.path()).args(["-c", command]);
    shell
}
