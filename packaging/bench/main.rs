//! The benchmark: ours against Debian's daemontools 0.76, runit and s6, in one run on this machine.
//!
//! `make bench` prints one table. Every figure is taken by turns (ours, 0.76, runit, s6, ours, ...)
//! so that a noisy moment hits all alike, and every contestant runs the same `./run`: this very
//! program, static, which writes the monotonic clock into a FIFO and pauses. A target missed is
//! said in the table, not by the exit code: a benchmark is not a timed test.
//!
//! Words of the command line (`make bench ROWS=tai64n`) leave only the rows of these groups:
//! services, crowd, status, chain, tai64n, tai64nlocal, multilog.

mod arena;
mod chain;
mod contestant;
mod logging;
mod machine;
mod measure;
mod multilog;
mod patience;
mod process;
mod service;
mod status;
mod table;

use arena::Arena;
use contestant::{Contestant, Kind};
use logging::Before;
use service::Watch;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use table::{Row, Table, Target};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// What can be measured alone.
const GROUPS: [&str; 7] =
    ["services", "crowd", "status", "chain", "tai64n", "tai64nlocal", "multilog"];

/// The services that stand up, idle, while one supervise of each contestant is weighed.
const STANDING: usize = 24;
/// The services of the crowd that svscan has to start.
const CROWD: usize = 200;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    // First, and with nothing before it: this is what every contestant's start is timed by.
    if arguments.next().is_some_and(|name| name.as_encoded_bytes().ends_with(b"run")) {
        return service::run();
    }
    if std::env::args_os().nth(1).is_some_and(|word| word == chain::NOTHING) {
        return ExitCode::SUCCESS;
    }
    // `cargo bench` says --bench; `cargo test --all-targets` does not, and wants no benchmark.
    let (options, groups): (Vec<_>, Vec<_>) = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .partition(|argument| argument.starts_with('-'));
    if !options.iter().any(|option| option == "--bench") {
        println!("to run the benchmark: make bench");
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = groups.iter().find(|group| !GROUPS.contains(&group.as_str())) {
        println!("bench: fatal: no rows {unknown}; there are {}", GROUPS.join(", "));
        return ExitCode::FAILURE;
    }
    match bench(&groups) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench: fatal: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(groups: &[String]) -> Fallible<()> {
    let is_wanted = |group: &str| groups.is_empty() || groups.iter().any(|word| word == group);
    let root = arena::prepare()?;
    let root = root.path();
    contestant::install_missing();
    let contestants = Contestant::present();
    machine::describe(&contestants, root)?;
    let mut table = Table::new(&contestants);
    if is_wanted("services") {
        with_standing_services(&contestants, root, &mut table)?;
    }
    if is_wanted("crowd") {
        println!("measuring the start of {CROWD} services ...");
        let crowd = measure::crowd(&contestants, root, CROWD)?;
        table.add(Row::of_times(
            &format!("{CROWD} services: svscan's start to the last ./run"),
            &crowd,
            Target::ShareOfOriginal(0.8),
        ));
    }
    if is_wanted("status") {
        println!("measuring what shows services ...");
        for row in status::rows(&contestants, root)? {
            table.add(row);
        }
        table.note("svctl's rows are beside svstat, sv status and s6-svstat, which has to be run for each service.");
    }
    if is_wanted("chain") {
        if nix::unistd::geteuid().is_root() {
            println!("measuring the chain ...");
            let title =
                "envdir setuidgid softlimit setlock pgrphack, start to the end of a program";
            let times = chain::times(&contestants, root)?;
            table.add(Row::of_times(title, &times, Target::ShareOfOriginal(0.7)));
        } else {
            println!("left out: the chain: setuidgid has to be started by root");
        }
    }
    for (name, before) in [("tai64n", Before::Nothing), ("tai64nlocal", Before::Label)] {
        if is_wanted(name) {
            table.add(of_filter(&contestants, name, before)?);
        }
    }
    if is_wanted("multilog") {
        for row in multilog::rows(&contestants, root)? {
            table.add(row);
        }
    }
    table.print();
    Ok(())
}

/// Log lines through a filter that adds or reads labels.
fn of_filter(contestants: &[Contestant], name: &str, before: Before) -> Fallible<Row> {
    println!("measuring {name} ...");
    let input = logging::lines(logging::SIZE, before);
    let times = logging::through(contestants, &input, |contestant| match contestant.kind {
        Kind::Ours | Kind::Original => Some(contestant.command(name)),
        Kind::S6 => Some(contestant.command(&format!("s6-{name}"))),
        Kind::Runit => None,
    })?;
    let title = format!("{} MB of log lines through {name}, CPU time", logging::SIZE >> 20);
    Ok(Row::of_times(&title, &times, Target::ShareOfOriginal(0.2)))
}

/// All that is measured on services that are up already: one scan directory per contestant, all of
/// them at once.
fn with_standing_services(
    contestants: &[Contestant],
    root: &Path,
    table: &mut Table,
) -> Fallible<()> {
    let mut arenas = Vec::new();
    for contestant in contestants {
        arenas.push(Arena::start(contestant, root, STANDING, &Watch::Death)?);
    }
    for arena in &mut arenas {
        arena.wait_until_up()?;
    }
    println!("measuring idle wake-ups ...");
    let idle = measure::idle(&arenas)?;
    let memory = measure::memory(&arenas)?;
    println!("measuring svc -d ...");
    let down = measure::down_after_start(&mut arenas)?;
    println!("measuring restarts ...");
    let restart = measure::restart(&mut arenas)?;
    println!("measuring new links ...");
    let link = measure::new_link(&mut arenas)?;

    table.add(Row::of_times(
        &format!("svc -d {} ms after a start to the death", measure::AFTER_START.as_millis()),
        &down,
        Target::Below(5.0),
    ));
    table.add(Row::of_times("new link to its first ./run", &link, Target::Below(10.0)));
    if contestants.iter().any(|contestant| contestant.kind == Kind::S6) {
        table.note("s6-svscan scans when told: its new link is told of with s6-svscanctl -a.");
        table.note("s6-supervise pauses for a second after every death.");
    }
    table.add(Row::of_times(
        "death after over a second to the next ./run",
        &restart,
        Target::ShareOfOriginal(1.0),
    ));
    table.add(Row::of_means(
        &format!("USS of one supervise, KB, mean of {}", STANDING),
        memory.iter().map(|memory| memory.supervise.unshared),
        Target::AtMost(32.0),
    ));
    table.add(Row::of_means(
        &format!("PSS of one supervise, KB, mean of {}", STANDING),
        memory.iter().map(|memory| memory.supervise.proportional),
        Target::None,
    ));
    table.add(Row::of_means(
        "USS of svscan, KB",
        memory.iter().map(|memory| memory.svscan.unshared),
        Target::None,
    ));
    table.add(Row::of_means(
        &format!("idle: wake-ups of one supervise in {} s", measure::IDLE.as_secs()),
        idle.iter().map(|idle| idle.supervise),
        Target::AtMost(0.0),
    ));
    table.add(Row::of_means(
        &format!("idle: wake-ups of svscan in {} s", measure::IDLE.as_secs()),
        idle.iter().map(|idle| idle.svscan),
        // A scan each 5 s, and one more for where the window falls.
        Target::AtMost(measure::IDLE.as_secs_f64() / 5.0 + 1.0),
    ));
    Ok(())
}
