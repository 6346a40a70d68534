//! No line is lost: numbered lines go through multilog while multilog and its supervisors are
//! stopped, killed and started again, while its processor fails, and while its disk is full.
//!
//! `logging [PART]`: the promises whose names contain PART. It needs root, for a file system of its
//! own in a private mount namespace.

mod cost;
mod disk;
mod kills;
mod lossless;
#[allow(dead_code, reason = "shared with the differential test, which uses all of it")]
#[path = "../differential/random.rs"]
mod random;
mod refuse;
#[allow(dead_code, reason = "shared with the black-box suite, which uses all of it")]
#[path = "../black_box/scratch.rs"]
mod scratch;
mod systems;
#[path = "../floor/tally.rs"]
mod tally;
mod terms;
mod writer;

use std::process::ExitCode;

const NAMES: [&str; 5] = ["svscan", "supervise", "svc", "svstat", "multilog"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [writer::WORD, count] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return writer::write(count.parse().unwrap());
    }
    if let Some((word, words)) = words.split_first().filter(|(word, _)| *word == refuse::WORD) {
        assert!(!word.is_empty());
        refuse::become_command(words);
    }
    let part = words.first().filter(|word| !word.starts_with('-')).cloned().unwrap_or_default();
    let mut tally = tally::Tally::new(&part);
    let mut promise = |promise, check| tally.promise(&NAMES, promise, check);
    promise(
        "a million lines, once each, over the ends of multilog, supervise and svscan",
        lossless::million,
    );
    promise("every line of a million, over the kill -9 of multilog itself", kills::million);
    promise("a full disk that empties, once each", disk::full);
    promise(
        "a million lines, once each, over TERM, a full disk and a directory that goes",
        terms::million,
    );
    promise("no hard links", systems::no_links);
    promise("a log that cannot be linked is named, and kept after TERM", systems::named);
    promise("a log that cannot be renamed, and TERM", systems::no_rename);
    promise("a stale directory is entered again", systems::stale);
    tally.sum()
}
