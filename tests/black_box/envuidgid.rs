//! envuidgid, contract.md, section 14.

use crate::scratch::{Said, Scratch, only_ours};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

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
    // The last string takes the place of a removed one.
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

/// Lines of passwd(5), and what each gives: the name, then the ids, or nothing.
const TAKEN: [(&str, &str, &str); 11] = [
    ("www:x:33:34::/:/bin/sh", "www", "33 34"),
    ("0day:x:35:36::/:/bin/sh", "0day", "35 36"),
    (" \tblank:x:37:38::/:/bin/sh", "blank", "37 38"),
    ("idblank:x: 39:\t40::/:/bin/sh", "idblank", "39 40"),
    ("zeroes:x:0041:0042::/:/bin/sh", "zeroes", "41 42"),
    ("four:x:43:44", "four", "43 44"),
    ("many:x:45:46:::::::", "many", "45 46"),
    ("inner blank:x:47:48::/:/bin/sh", "inner blank", "47 48"),
    ("almost:x:4294967294:49::/:/bin/sh", "almost", "4294967294 49"),
    ("twice:x::1::/:/bin/sh\ntwice:x:50:51::/:/bin/sh\ntwice:x:0:0::/:", "twice", "50 51"),
    // Without a newline at the end.
    ("last:x:52:53", "last", "52 53"),
];

/// Names whose lines must not be accepted, and those that only glibc accepts.
const REFUSED: [(&str, &str); 18] = [
    ("nouid:x::33::/:/bin/sh", "nouid"),
    ("nogid:x:33:::/:/bin/sh", "nogid"),
    ("none:x:::::", "none"),
    ("large:x:4294967296:33::/:/bin/sh", "large"),
    ("negative:x:-5:33::/:/bin/sh", "negative"),
    ("hex:x:0x21:33::/:/bin/sh", "hex"),
    ("behind:x:33 :33::/:/bin/sh", "behind"),
    ("three:x:33", "three"),
    ("return:x:33:33\r", "return"),
    ("+::::::", "+"),
    ("+nis::::::", "+nis"),
    ("+more:x:5:6::/:/bin/sh", "+more"),
    ("-less:x:5:6::/:/bin/sh", "-less"),
    ("#hash:x:7:8::/:/bin/sh", "#hash"),
    (" #second:x:7:8::/:/bin/sh", "#second"),
    ("\u{0}\u{0}\u{0}", ""),
    ("behind :x:9:9::/:/bin/sh", "behi"),
    (" spaced:x:9:9::/:/bin/sh", " spaced"),
];
const REFUSED_BY_US: [(&str, &str); 4] = [
    ("plus:x:+33:33::/:/bin/sh", "plus"),
    ("ones:x:4294967295:33::/:/bin/sh", "ones"),
    ("group-ones:x:33:4294967295::/:/bin/sh", "group-ones"),
    (":x:33:33::/:/bin/sh", ""),
];

#[test]
fn a_passwd_line_without_plain_ids_is_no_line() {
    let scratch = Scratch::new();
    let mut refused = REFUSED.to_vec();
    if only_ours("ids with a sign or all ones, and an account without a name, are refused") {
        refused.extend(REFUSED_BY_US);
    }
    let mut lines: Vec<&str> = refused.iter().map(|(line, _)| *line).collect();
    lines.extend(TAKEN.iter().map(|(line, ..)| *line));
    scratch.write("passwd", lines.join("\n").as_bytes());
    let names = refused.iter().map(|(_, name)| *name).chain(TAKEN.map(|(_, name, _)| name));
    let mut script = String::new();
    let mut expected = String::new();
    for name in names {
        let show = "sh -c 'echo $UID $GID' 2>&1";
        script.push_str(&format!("envuidgid '{name}' {show}\n"));
        let ids = TAKEN.iter().find(|taken| taken.1 == name);
        expected.push_str(&match ids {
            Some((.., ids)) => format!("{ids}\n"),
            None => format!("envuidgid: fatal: unknown account {name}\n"),
        });
    }
    if let Some(out) = scratch.with_mounted("passwd", "/etc/passwd", &script) {
        assert_eq!(out, expected);
    }
}

#[test]
fn nscd_is_asked_for_what_the_file_does_not_know() {
    if !only_ours("the C library of 0.76 has nscd and its own modules to ask") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("run/nscd");
    let socket = UnixListener::bind(scratch.path().join("run/nscd/socket")).unwrap();
    // This nscd gives 1234 and 5678 for `far`, and for `nobody-s` the value with all bits set,
    // which is no id.
    std::thread::spawn(move || {
        for nscd in socket.incoming() {
            let mut nscd = nscd.unwrap();
            let mut head = [0; 12];
            nscd.read_exact(&mut head).unwrap();
            let mut name = vec![0; usize::from(head[8])];
            nscd.read_exact(&mut name).unwrap();
            assert_eq!(&head[..8], [2_u32, 0].map(u32::to_ne_bytes).as_flattened());
            let (found, user): (u32, u32) = match &name[..] {
                b"far\0" => (1, 1234),
                b"nobody-s\0" => (1, u32::MAX),
                _ => (0, 0),
            };
            let answer = [2, found, 0, 0, user, 5678, 0, 0, 0].map(u32::to_ne_bytes);
            nscd.write_all(answer.as_flattened()).unwrap();
        }
    });
    let script =
        "for name in far near nobody-s root; do envuidgid $name sh -c 'echo $UID $GID'; done 2>&1";
    if let Some(out) = scratch.with_mounted("run", "/run", script) {
        let unknown = |name: &str| format!("envuidgid: fatal: unknown account {name}\n");
        let expected = ["1234 5678\n", &unknown("near"), &unknown("nobody-s"), "0 0\n"].concat();
        assert_eq!(out, expected);
    }
}
