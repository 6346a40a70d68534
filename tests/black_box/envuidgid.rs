//! envuidgid, reference section 14.

use crate::scratch::{Said, Scratch, only_ours};

#[test]
fn under_two_arguments_it_prints_its_usage() {
    let expected = Said::complaint(100, "envuidgid: usage: envuidgid account child");
    assert_eq!(Scratch::new().run("envuidgid", &[]), expected);
    assert_eq!(Scratch::new().run("envuidgid", &["root"]), expected);
}

#[test]
fn an_unknown_account_is_named() {
    let expected = Said::complaint(111, "envuidgid: fatal: unknown account no body");
    assert_eq!(Scratch::new().run("envuidgid", &["no body", "env"]), expected);
    let expected = Said::complaint(111, "envuidgid: fatal: unknown account ");
    assert_eq!(Scratch::new().run("envuidgid", &["", "env"]), expected);
}

#[test]
fn the_ids_come_in_the_place_of_others_gid_first() {
    let scratch = Scratch::new();
    let mut command = scratch.command("envuidgid");
    command.env_clear().args(["daemon", "/usr/bin/env"]);
    command.env("B", "1").env("C", "2").env("GID", "7").env("UID", "5");
    // The last string takes the place of one that goes.
    let expected = Said::text("B=1\nC=2\nGID=1\nUID=1\n");
    assert_eq!(Said::of(&command.output().unwrap()), expected);
}

#[test]
fn ids_may_be_given_as_numbers() {
    if !only_ours("numeric ids") {
        return;
    }
    let scratch = Scratch::new();
    let said = scratch.run("envuidgid", &[":1000:1001", "sh", "-c", "echo $UID $GID"]);
    assert_eq!(said, Said::text("1000 1001\n"));
    let expected = Said::complaint(111, "envuidgid: fatal: unknown account :1000");
    assert_eq!(scratch.run("envuidgid", &[":1000", "env"]), expected);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let expected =
        Said::complaint(111, "envuidgid: fatal: unable to run none: file does not exist");
    assert_eq!(Scratch::new().run("envuidgid", &["root", "none"]), expected);
}
