//! multilog and its like: log lines into a log directory, by script, weighed by processor time.

use crate::Fallible;
use crate::contestant::{Contestant, Kind};
use crate::logging::{self, Before};
use crate::table::{Row, Target};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a script does with the lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    /// All into one directory.
    Plain,
    /// With a TAI64N label before each.
    Stamped,
    /// The lines that one pattern selects.
    Selected,
}

/// The rows: every contestant with the same sizes and the same lines.
pub fn rows(contestants: &[Contestant], root: &Path) -> Fallible<Vec<Row>> {
    let input = logging::lines(logging::SIZE, Before::Nothing);
    let mut rows = Vec::new();
    for (script, words, share) in [
        (Script::Plain, "multilog, one directory", 0.2),
        (Script::Stamped, "multilog t, one directory", 0.25),
        (Script::Selected, "multilog -* and one +pattern", 1.0 / 3.0),
    ] {
        println!("measuring {words} ...");
        let count = Cell::new(0);
        let times = logging::through(contestants, &input, |contestant| {
            let place = |number: u32| root.join(format!("{}-{number}", words.len()));
            // Remove the directory of the contestant before: its memory is reused, and new memory
            // would cost the next contestant time.
            let _ = fs::remove_dir_all(place(count.get()));
            count.set(count.get() + 1);
            let place = place(count.get());
            command(contestant, script, &place).ok()
        })?;
        let title = format!("{} MB of log lines: {words}, CPU time", logging::SIZE >> 20);
        rows.push(Row::of_times(&title, &times, Target::ShareOfOriginal(share)));
    }
    Ok(rows)
}

fn command(contestant: &Contestant, script: Script, place: &Path) -> Fallible<Command> {
    let mut command = contestant.command(match contestant.kind {
        Kind::Ours | Kind::Original => "multilog",
        Kind::Runit => "svlogd",
        Kind::S6 => "s6-log",
    });
    match (contestant.kind, script) {
        (Kind::Runit, _) => {
            // It reads its settings from a file in its directory.
            fs::create_dir(place)?;
            let selection = "-*\n+*\"GET /news*\n";
            let selection = if script == Script::Selected { selection } else { "" };
            fs::write(place.join("config"), format!("s16777215\nn3\n{selection}"))?;
            command.args((script == Script::Stamped).then_some("-t"));
        }
        (_, Script::Plain) => {}
        (_, Script::Stamped) => drop(command.arg("t")),
        (Kind::S6, Script::Selected) => drop(command.args(["-", "+\"GET /news"])),
        (_, Script::Selected) => drop(command.args(["-*", "+*\"GET /news*"])),
    }
    if contestant.kind != Kind::Runit {
        command.args(["n3", "s16777215"]);
    }
    command.arg(place);
    Ok(command)
}
