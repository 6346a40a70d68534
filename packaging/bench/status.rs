//! What shows how services are: svstat and its like, and svctl beside them, from the start of the
//! command to its end.

use crate::Fallible;
use crate::arena::Arena;
use crate::contestant::{Contestant, Kind};
use crate::measure::{Times, turn};
use crate::service::Watch;
use crate::table::{Row, Target};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// How many services there are to show.
const MANY: usize = 50;
const ROUNDS: usize = 60;

/// What ours is asked by; the peers have one command each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ours {
    Svstat,
    /// svctl, with these words behind the scan directory.
    Svctl(&'static [&'static str]),
}

/// The rows: of one service, and of many.
pub fn rows(contestants: &[Contestant], root: &Path) -> Fallible<Vec<Row>> {
    let mut arenas = Vec::new();
    for contestant in contestants {
        arenas.push(Arena::start(contestant, root, MANY, &Watch::Starts)?);
    }
    for arena in &mut arenas {
        arena.wait_until_up()?;
    }
    let columns = Ours::Svctl(&["status", "s0", "--fields", "name,state,pid,since_seconds"]);
    let measured = [
        ("svstat of one service".to_owned(), 1, Ours::Svstat),
        ("svctl of one service, four fields".to_owned(), 1, columns),
        ("svctl of one service, its page".to_owned(), 1, Ours::Svctl(&["status", "s0"])),
        (format!("svstat of {MANY} services"), MANY, Ours::Svstat),
        (format!("svctl of {MANY} services, the table"), MANY, Ours::Svctl(&["status"])),
    ];
    let mut rows = Vec::new();
    for (title, count, ours) in measured {
        rows.push(Row::of_times(&title, &times(&arenas, count, ours)?, Target::None));
    }
    Ok(rows)
}

fn times(arenas: &[Arena], count: usize, ours: Ours) -> Fallible<Times> {
    let mut times = vec![Vec::new(); arenas.len()];
    for round in 0..ROUNDS {
        for place in turn(arenas.len(), round) {
            let mut commands = commands(&arenas[place], count, ours);
            let began = Instant::now();
            for command in &mut commands {
                let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
                if !status.success() {
                    return Err(format!("{command:?} ended with {status}").into());
                }
            }
            times[place].push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}

/// What has to be run, one after another, to see the first `count` services.
fn commands(arena: &Arena, count: usize, ours: Ours) -> Vec<Command> {
    let contestant = &arena.contestant;
    let places: Vec<OsString> =
        (0..count).map(|number| arena.scan().join(format!("s{number}")).into()).collect();
    let of_all = |mut command: Command, words: &[OsString]| {
        command.args(words);
        command
    };
    match (contestant.kind, ours) {
        (Kind::Ours, Ours::Svctl(words)) => {
            let mut command = contestant.svctl();
            command.arg("-d").arg(arena.scan()).args(words);
            vec![command]
        }
        (Kind::Ours | Kind::Original, _) => vec![of_all(contestant.command("svstat"), &places)],
        (Kind::Runit, _) => {
            let words = [&["status".into()], &places[..]].concat();
            vec![of_all(contestant.command("sv"), &words)]
        }
        // It takes one directory.
        (Kind::S6, _) => places
            .iter()
            .map(|place| of_all(contestant.command("s6-svstat"), std::slice::from_ref(place)))
            .collect(),
    }
}
