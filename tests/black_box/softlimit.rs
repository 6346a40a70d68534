//! softlimit, contract.md, section 16.

use crate::scratch::{Said, Scratch};

const USAGE: &str = "softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] \
    [-f filebytes] [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] \
    [-s stackbytes] [-t cpusecs] child";

/// The lines of /proc/self/limits that `arguments` leave, their soft and hard limits.
fn limits(arguments: &[&str]) -> Vec<(String, String, String)> {
    let said =
        Scratch::new().run("softlimit", &[arguments, &["cat", "/proc/self/limits"]].concat());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{arguments:?}");
    let field = |line: &str, at: usize| line.get(at..at + 20).unwrap_or("").trim().to_owned();
    said.out
        .lines()
        .skip(1)
        .map(|line| (line[..25].trim().to_owned(), field(line, 26), field(line, 47)))
        .collect()
}

/// Which limits differ from our own.
fn changed(arguments: &[&str]) -> Vec<String> {
    let before = limits(&[]);
    let after = limits(arguments);
    let pairs = before.into_iter().zip(after).filter(|(before, after)| before != after);
    pairs
        .map(|(before, after)| {
            assert_eq!(before.2, after.2, "the hard limit stays");
            format!("{} {}", after.0, after.1)
        })
        .collect()
}

#[test]
fn misuse_of_any_kind_prints_the_usage() {
    let scratch = Scratch::new();
    let usage = Said::complaint(100, USAGE);
    for arguments in [
        &[][..],
        &["-o", "10"],
        &["-o", "12x", "true"],
        &["-o", " 1", "true"],
        &["-o", "-1", "true"],
        &["-o", "==", "true"],
        &["--"],
    ] {
        assert_eq!(scratch.run("softlimit", arguments), usage, "{arguments:?}");
    }
    let expected = Said::complaint(100, &format!("softlimit: illegal option -- z\n{USAGE}"));
    assert_eq!(scratch.run("softlimit", &["-z", "true"]), expected);
    let line = "softlimit: option requires an argument -- o";
    let expected = Said::complaint(100, &format!("{line}\n{USAGE}"));
    assert_eq!(scratch.run("softlimit", &["-o"]), expected);
}

#[test]
fn every_letter_limits_what_the_contract_says() {
    for (letter, number, expected) in [
        ("-a", "1000000000", &["Max address space 1000000000"][..]),
        ("-c", "7", &["Max core file size 7"]),
        ("-d", "50000000", &["Max data size 50000000"]),
        ("-f", "12345678", &["Max file size 12345678"]),
        ("-l", "4096", &["Max locked memory 4096"]),
        ("-o", "30", &["Max open files 30"]),
        ("-r", "12345", &["Max resident set 12345"]),
        ("-s", "4000000", &["Max stack size 4000000"]),
        ("-t", "55", &["Max cpu time 55"]),
    ] {
        // A core limit of 0 or a lower hard one would hide the change.
        let found = changed(&[letter, number]);
        assert_eq!(found, expected, "{letter}");
    }
    let expected = [
        "Max data size 5000000",
        "Max stack size 5000000",
        "Max locked memory 5000000",
        "Max address space 5000000",
    ];
    assert_eq!(changed(&["-m", "5000000"]), expected);
    let processes = changed(&["-p", "20000"]);
    assert!(processes == ["Max processes 20000"] || processes.is_empty(), "{processes:?}");
}

#[test]
fn numbers_are_attached_or_follow_and_act_in_their_order() {
    assert_eq!(changed(&["-o30", "-o", "40", "--"]), ["Max open files 40"]);
    assert_eq!(changed(&["-o", "30", "-o="]), changed(&["-o="]));
    // Too large for 64 bits: it wraps, to 25.
    assert_eq!(changed(&["-o", "18446744073709551641"]), ["Max open files 25"]);
    assert_eq!(changed(&["-f", ""]), ["Max file size 0"]);
}

#[test]
fn asking_for_too_much_never_fails() {
    let most = "18446744073709551615";
    let hard = limits(&["-o="]);
    assert_eq!(limits(&["-o", most]), hard);
    let line = hard.iter().find(|line| line.0 == "Max open files").unwrap();
    assert_eq!(line.1, line.2);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let expected =
        Said::complaint(111, "softlimit: fatal: unable to run none: file does not exist");
    assert_eq!(Scratch::new().run("softlimit", &["none"]), expected);
}
