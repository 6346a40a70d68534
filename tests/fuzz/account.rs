//! Lines of passwd(5) and group(5) with any contents: the result is that of a naive parser, and
//! never an account whose ids are not decimal numbers.

use crate::random::Random;
use daemontools_rs::account::lines::{Ids, group_with, ids};

const RUNS: usize = 50_000;
const LINES: [&str; 6] = [
    "www:x:33:34::/:/bin/sh",
    " www:x: 33:\t34",
    "+www::::::",
    "#www:x:0:0::/:/bin/sh",
    "www:x:4294967295:4294967296::/:",
    "www:x:33:root,www, bin",
];

fn without_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
}

/// A number as one would read it: every digit counts.
fn number(text: &str) -> Option<u32> {
    let mut number: u128 = 0;
    for digit in without_blanks(text).chars() {
        number = (number * 10 + u128::from(digit.to_digit(10)?)).min(1 << 40);
    }
    let is_empty = without_blanks(text).is_empty();
    u32::try_from(number).ok().filter(|&number| !is_empty && number != u32::MAX)
}

fn naive_fields(line: &str) -> Option<Vec<&str>> {
    let line = without_blanks(line);
    (!line.starts_with(['+', '-', '#'])).then(|| line.split(':').collect())
}

fn naive_ids(line: &str) -> Option<Ids> {
    let fields = naive_fields(line)?;
    let [name, _, user, group, ..] = fields[..] else { return None };
    (name == "www").then_some(Ids { user: number(user)?, group: number(group)? })
}

fn naive_group(line: &str) -> Option<u32> {
    let fields = naive_fields(line)?;
    let [_, _, group, ..] = fields[..] else { return None };
    let members = fields[3..].join(":");
    let is_member = members.split(',').any(|member| without_blanks(member) == "www");
    number(group).filter(|_| is_member)
}

#[test]
fn a_line_gives_the_ids_that_stand_in_it_and_no_others() {
    let mut random = Random::new(14);
    let mut found = [0; 2];
    for _ in 0..RUNS {
        let mut line = random.one_of(&LINES).as_bytes().to_vec();
        random.mutate(&mut line);
        // One character for each byte.
        let text: String = line.iter().map(|&byte| char::from(byte)).collect();
        let (account, group) = (ids(&line, b"www"), group_with(&line, b"www"));
        assert_eq!(account, naive_ids(&text), "{}", line.escape_ascii());
        assert_eq!(group, naive_group(&text), "{}", line.escape_ascii());
        found[0] += usize::from(account.is_some());
        found[1] += usize::from(group.is_some());
    }
    assert!(found.iter().all(|&count| count > RUNS / 50), "{found:?}");
}
