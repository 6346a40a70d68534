//! pgrphack, contract.md, section 8.

use crate::scratch::{Said, Scratch};

#[test]
fn without_a_child_it_prints_its_usage() {
    let expected = Said::complaint(100, "pgrphack: usage: pgrphack child");
    assert_eq!(Scratch::new().run("pgrphack", &[]), expected);
}

#[test]
fn the_program_leads_a_session_and_a_group() {
    // Fields 1, 5 and 6 of stat: pid, group, session; `cat` takes the shell's place.
    let said = Scratch::new().run("pgrphack", &["cat", "/proc/self/stat"]);
    let fields: Vec<&str> = said.out.split(' ').collect();
    assert_eq!((said.code, fields[4], fields[5]), (Some(0), fields[0], fields[0]));
}

#[test]
fn a_pgrphack_that_leads_a_group_already_runs_the_program_all_the_same() {
    let said = Scratch::new().run("pgrphack", &["pgrphack", "echo", "there"]);
    assert_eq!(said, Said::text("there\n"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let expected = Said::complaint(111, "pgrphack: fatal: unable to run none: file does not exist");
    assert_eq!(Scratch::new().run("pgrphack", &["none"]), expected);
}
