//! Wrappers in a chain: the time from the start of the first one to the end of the program at the
//! end of the chain, which is the same program for all contestants.

use crate::Fallible;
use crate::contestant::{Contestant, Kind};
use crate::measure::{Times, turn};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// The word that makes this program end at once.
pub const NOTHING: &str = "--nothing";
const ROUNDS: usize = 400;

/// Milliseconds that the chain takes.
pub fn times(contestants: &[Contestant], root: &Path) -> Fallible<Times> {
    let place = root.join("environment");
    fs::create_dir(&place)?;
    for name in ["COLOUR", "SHAPE", "SIZE"] {
        fs::write(place.join(name), format!("{name} of a thing\n"))?;
    }
    let lock = root.join("lock");
    let end = std::env::current_exe()?;
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..ROUNDS {
        for turn in turn(contestants.len(), round) {
            let contestant = &contestants[turn];
            if !matches!(contestant.kind, Kind::Ours | Kind::Original) {
                continue;
            }
            let mut command = contestant.command("envdir");
            command.arg(&place).args(["setuidgid", "root", "softlimit", "-o", "100", "setlock"]);
            command.arg(&lock).arg("pgrphack").arg(&end).arg(NOTHING).stdin(Stdio::null());
            let began = Instant::now();
            let status = command.status()?;
            times[turn].push(began.elapsed().as_secs_f64() * 1e3);
            if !status.success() {
                return Err(format!("{command:?} ended with {status}").into());
            }
        }
    }
    Ok(times)
}
