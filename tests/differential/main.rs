//! Our multilog against Debian's: generated scripts and inputs, compared file by file.
//!
//! Without arguments it runs a fixed number of seeds; with the argument `SEED`, only that one. It
//! ends with a line `N passed, M failed`.

mod case;
mod judge;
mod random;

use case::Case;
use std::process::ExitCode;

const ORIGINAL: &str = "/usr/bin/multilog";
const SEEDS: u64 = 150;

fn main() -> ExitCode {
    if !std::path::Path::new(ORIGINAL).exists() {
        println!("differential: unable to go on: no {ORIGINAL} (package daemontools)");
        return ExitCode::FAILURE;
    }
    let word = std::env::args().nth(1);
    let given: Option<u64> = word.as_deref().and_then(|word| word.parse().ok());
    let seeds: Vec<u64> = match given {
        Some(seed) => vec![seed],
        None => (1..=SEEDS).collect(),
    };
    let (mut passed, mut failed) = (0, 0);
    for seed in seeds {
        let case = Case::of_seed(seed);
        match judge::compare(&case) {
            Ok(()) => passed += 1,
            Err(why) => {
                failed += 1;
                println!("FAILED: seed {seed}: {why}\n  script {:?}", case.script);
            }
        }
    }
    if passed > 0 {
        println!("{passed} scripts and inputs give what 0.76 gives");
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
