//! svctl: sees, steers and waits for services. Manual page: svctl(8).
//!
//! ```text
//! main -> report, steer, logs -> select -> place, names      which services
//!                       -> look                        what is so
//!                       -> show                        how it is said
//!      doctor -> all of these                         what is wrong
//! ```
//!
//! It asks supervises through [`daemontools_rs::service`] as svc and svstat do, adds nothing to
//! them, and leaves nothing behind. `text`, `names`, `look::{state, past}`, `show` but for the page
//! and the advice, and `steer::{verb, aim}` are pure.
#![deny(
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]
#![cfg_attr(not(test), no_main)]

mod beginning;
mod doctor;
mod logs;
mod look;
mod names;
mod options;
mod output;
mod place;
mod report;
mod select;
mod show;
mod steer;
mod text;

use daemontools_rs::error::{self, Exit, Program};
use daemontools_rs::sys::command_line::Arguments;
use daemontools_rs::sys::{descriptor, signal};
use options::{Options, Verb};

/// The program's name in our messages.
const SVCTL: Program = Program::command("svctl");

#[cfg(not(test))]
daemontools_rs::entry!(start);

/// Does what the command line asks; the exit code.
#[cfg_attr(test, allow(dead_code, reason = "main is the test runner's then"))]
fn start(arguments: Arguments) -> i32 {
    descriptor::fill_standard();
    error::speak_for(SVCTL);
    signal::ignore_broken_pipes();
    let exit = match Options::read(&arguments) {
        Ok(options) => perform(&options),
        Err(exit) => exit,
    };
    i32::from(exit.number())
}

fn perform(options: &Options) -> Exit {
    match &options.verb {
        None => report::status(options, None),
        Some(Verb::Status(which)) => report::status(options, Some(which)),
        Some(Verb::List { state, zero }) => report::list(options, state.as_deref(), *zero),
        Some(Verb::Doctor { which, root }) => doctor::run(options, which, root.as_deref()),
        Some(Verb::Logs(asked)) => logs::run(options, asked),
        Some(verb) => steer::command::run(options, verb),
    }
}
