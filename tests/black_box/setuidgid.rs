//! setuidgid, contract.md, section 13. Without root, only the error can be tested.

use crate::scratch::{Said, Scratch, only_ours};

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `id`'s view of what is left after a `setuidgid`.
fn ids(arguments: &[&str]) -> Said {
    let show = "id -u; id -ru; id -g; id -rg; id -G";
    Scratch::new().run("setuidgid", &[arguments, &["sh", "-c", show]].concat())
}

fn refused() -> Said {
    Said::complaint(111, "setuidgid: fatal: unable to setgid: permission denied")
}

#[test]
fn under_two_arguments_it_prints_its_usage() {
    let expected = Said::complaint(100, "setuidgid: usage: setuidgid account child");
    assert_eq!(Scratch::new().run("setuidgid", &[]), expected);
    assert_eq!(Scratch::new().run("setuidgid", &["root"]), expected);
}

#[test]
fn an_unknown_account_is_named() {
    let expected = Said::complaint(111, "setuidgid: fatal: unknown account no body");
    assert_eq!(Scratch::new().run("setuidgid", &["no body", "true"]), expected);
    let expected = Said::complaint(111, "setuidgid: fatal: unknown account 1");
    assert_eq!(Scratch::new().run("setuidgid", &["1", "true"]), expected);
}

#[test]
fn the_account_s_ids_are_all_that_is_left() {
    let expected = if is_root() { Said::text("1\n1\n1\n1\n1\n") } else { refused() };
    assert_eq!(ids(&["daemon"]), expected);
}

#[test]
fn what_was_given_up_cannot_be_had_back() {
    let scratch = Scratch::new();
    let said = scratch
        .run("setuidgid", &["daemon", "grep", "-E", "^(Uid|Gid|Cap[PE])", "/proc/self/status"]);
    let expected = if is_root() {
        Said::text(
            "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n\
             CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n",
        )
    } else {
        refused()
    };
    assert_eq!(said, expected);
}

#[test]
fn the_environment_stays() {
    let scratch = Scratch::new();
    let mut command = scratch.command("setuidgid");
    command.env_clear().env("HOME", "/there").args(["daemon", "/usr/bin/env"]);
    let expected = if is_root() { Said::text("HOME=/there\n") } else { refused() };
    assert_eq!(Said::of(&command.output().unwrap()), expected);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let line = "setuidgid: fatal: unable to run /none: file does not exist";
    let expected = if is_root() { Said::complaint(111, line) } else { refused() };
    assert_eq!(Scratch::new().run("setuidgid", &["daemon", "/none"]), expected);
}

#[test]
fn ids_may_be_given_as_numbers() {
    if !only_ours("numeric ids") {
        return;
    }
    let text = "54321\n54321\n12345\n12345\n12345\n";
    let expected = if is_root() { Said::text(text) } else { refused() };
    assert_eq!(ids(&[":54321:12345"]), expected);
    // The value with all bits set would leave the ids as they are.
    let expected = Said::complaint(111, "setuidgid: fatal: unknown account :4294967295:1");
    assert_eq!(ids(&[":4294967295:1"]), expected);
}

#[test]
fn the_account_s_own_groups_come_along_when_asked_for() {
    if !only_ours("setuidgid -s") {
        return;
    }
    // irc, mail, ... : any account that /etc/group lists as a further member, else its own alone.
    let groups = std::fs::read_to_string("/etc/group").unwrap();
    let member = groups.lines().find_map(|line| {
        let members = line.rsplit(':').next()?;
        members.split(',').find(|name| !name.is_empty() && *name != "root")
    });
    let name = member.unwrap_or("daemon");
    let known = std::process::Command::new("id").args(["-G", name]).output().unwrap();
    let said = Scratch::new().run("setuidgid", &["-s", name, "id", "-G"]);
    let sorted = |text: &str| {
        let mut numbers: Vec<u32> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    if is_root() {
        assert_eq!(sorted(&said.out), sorted(&String::from_utf8(known.stdout).unwrap()));
    } else {
        assert_eq!(said, refused());
    }
}

/// Lines of group(5): those that put `daemon` into their group, those that do not, and those that
/// do for the C library alone.
const TAKEN: [&str; 6] = [
    "one:x:101:daemon",
    "several:x:102:root,daemon,bin",
    "first:x:103: daemon,root",
    " blank:x: 104:daemon",
    "zeroes:x:0105:,,daemon,,",
    // Without a newline at the end.
    "last:x:106:daemon",
];
const REFUSED: [&str; 9] = [
    "no-id:x::daemon",
    "large:x:4294967296:daemon",
    "negative:x:-1:daemon",
    "behind:x:110 :daemon",
    "others:x:111:daemons,daemo,daemon:x",
    "blank-behind:x:112:daemon ,root",
    "nobody:x:113:",
    "short:x:114",
    "return:x:115:daemon\r",
];
const REFUSED_BY_US: [&str; 5] = [
    "+::0:daemon",
    "-nis:x:116:daemon",
    "#comment:x:117:daemon",
    "ones:x:4294967295:daemon",
    "plus:x:+118:daemon",
];

#[test]
fn a_group_line_without_a_plain_id_is_no_line() {
    if !only_ours("setuidgid -s") || !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let groups = |lines: &[&[&str]], script: &str| {
        scratch.write("group", lines.concat().join("\n").as_bytes());
        scratch.with_mounted("group", "/etc/group", script)
    };
    let expected = "1 101 102 103 104 105 106\n";
    let script = "setuidgid -s daemon id -G; setuidgid daemon id -G";
    if let Some(out) = groups(&[&REFUSED_BY_US, &REFUSED, &TAKEN], script) {
        assert_eq!(out, format!("{expected}1\n"));
    }
    // What the C library says.
    if let Some(out) = groups(&[&REFUSED, &TAKEN], "id -G daemon") {
        assert_eq!(out, expected);
    }
}
