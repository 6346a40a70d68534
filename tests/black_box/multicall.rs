//! daemontools under its own name.

use crate::scratch::{Said, Scratch};
use std::process::Command;

fn daemontools(arguments: &[&str]) -> Said {
    let program = assert_cmd::cargo::cargo_bin!("daemontools");
    Said::of(&Command::new(program).args(arguments).output().unwrap())
}

#[test]
fn under_its_own_name_it_lists_the_commands() {
    let said = daemontools(&[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for command in &daemontools_rs::cmd::COMMANDS {
        assert!(said.out.contains(command.name), "{} is not in {}", command.name, said.out);
    }
}

#[test]
fn the_first_argument_names_a_command() {
    let scratch = Scratch::new();
    let missing = scratch.path().join("none");
    let missing = missing.to_str().unwrap();
    let expected = format!("svok: fatal: unable to chdir to {missing}: file does not exist");
    assert_eq!(daemontools(&["svok", missing]), Said::complaint(111, &expected));
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = format!("daemontools-rs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(daemontools(&["--version"]), Said::text(&version));
}

#[test]
fn an_unknown_command_is_wrong_use() {
    let expected = "daemontools: fatal: unable to run svfoo: no such command";
    assert_eq!(daemontools(&["svfoo"]), Said::complaint(100, expected));
}

#[test]
fn stdout_that_takes_nothing_is_reported() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let program = assert_cmd::cargo::cargo_bin!("daemontools");
    let output = Command::new(program).stdout(full).output().unwrap();
    let expected = "daemontools: fatal: unable to write to standard output: out of disk space";
    assert_eq!(Said::of(&output), Said::complaint(111, expected));
}
