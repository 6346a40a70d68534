//! The verbs of the command line, as orders.

use super::tell::Teller;
use super::verb::{Deed, letter_of};
use super::{Order, carry_out};
use crate::look::{Looker, Scope, Service};
use crate::options::{self, Awaited, Kill, Options, Settle, Verb, Wait, Which};
use crate::report::{Shape, document};
use crate::select::{Selection, drop_second_names, select};
use crate::show::advice::Again;
use crate::show::facts::Facts;
use crate::show::json;
use crate::{SVCTL, output, text};
use daemontools_rs::error::Exit;
use std::ffi::OsStr;

/// Carries out the verb of the command line.
#[must_use]
pub fn run(options: &Options, verb: &Verb) -> Exit {
    match order(verb) {
        Ok((order, which)) => perform(options, order, which),
        Err(exit) => exit,
    }
}

fn order(verb: &Verb) -> Result<(Order, &Which), Exit> {
    let asked = |deed, wait: &Wait, kill: Option<&Kill>| Order {
        deed,
        timeout: (!wait.no_wait).then_some(wait.timeout),
        kill_after: kill.and_then(|kill| kill.kill_after),
    };
    let sent = |letter| Order { deed: Deed::Send(letter), timeout: None, kill_after: None };
    Ok(match verb {
        Verb::Start { which, wait, settle: Settle { settle } } => {
            (asked(Deed::Start(*settle), wait, None), which)
        }
        Verb::Stop { which, wait, kill } => (asked(Deed::Stop, wait, Some(kill)), which),
        Verb::Restart { which, wait, settle: Settle { settle }, kill } => {
            (asked(Deed::Restart(*settle), wait, Some(kill)), which)
        }
        Verb::Once { which, wait } => (asked(Deed::Once, wait, None), which),
        Verb::Pause { which, wait } => (asked(Deed::Pause, wait, None), which),
        Verb::Continue { which, wait } => (asked(Deed::Continue, wait, None), which),
        Verb::Reload(which) => (sent(b'h'), which),
        Verb::Signal { signal, which } => (sent(letter(signal)?), which),
        Verb::Wait { state, which, timeout } => {
            let deed = match state {
                Awaited::Up => Deed::AwaitUp,
                Awaited::Down => Deed::AwaitDown,
                Awaited::Gone => Deed::AwaitGone,
            };
            (Order { deed, timeout: Some(*timeout), kill_after: None }, which)
        }
        Verb::Status(_) | Verb::Doctor { .. } | Verb::List { .. } | Verb::Logs(_) => {
            return Err(Exit::USAGE);
        }
    })
}

fn letter(word: &OsStr) -> Result<u8, Exit> {
    let letter = word.to_str().and_then(letter_of);
    letter.ok_or_else(|| {
        let shown = text::quoted(word.as_encoded_bytes());
        SVCTL.usage(&format!(
            "{shown} cannot be sent; there are HUP ALRM INT TERM KILL STOP CONT USR1 USR2 QUIT \
             WINCH and the letters u d o p c h a i t k x 1 2 q w"
        ))
    })
}

fn perform(options: &Options, order: Order, which: &Which) -> Exit {
    let shape = match Shape::of(&options.form) {
        Ok(shape @ (Shape::People | Shape::Json)) => shape,
        Ok(_) => return SVCTL.usage("a verb that steers or waits prints lines or --json only"),
        Err(exit) => return exit,
    };
    let mut selection = match select(&which.words(), options::bytes(options.directory.as_ref())) {
        Ok(selection) => selection,
        Err(exit) => return exit,
    };
    drop_second_names(&mut selection.targets);
    let is_loud = shape == Shape::People && !options.quiet;
    let again = Again::of(options.directory.as_deref());
    let mut teller = Teller::new(order, again, is_loud, selection.targets.len());
    let watched = carry_out(order, &selection.targets, &mut teller);
    let (exit, results) = teller.finish();
    let mut exit = exit.max(selection.exit);
    if shape == Shape::Json && !options.quiet {
        exit = print(&selection, results, exit);
    }
    watched.leave_to_child();
    exit
}

/// Prints the services as they are now, and what became of the order.
fn print(selection: &Selection, results: Vec<(&'static str, Option<String>)>, exit: Exit) -> Exit {
    let mut looker = Looker::new();
    let look = |target| looker.look(target, Scope { logger: true });
    let mut services: Vec<Service> = selection.targets.iter().map(look).collect();
    looker.weigh(&mut services);
    let services = services.iter().zip(results).map(|(service, (word, reason))| {
        let mut facts = Facts::of(service, &looker);
        facts.result = Some(word.to_owned());
        facts.problem = reason.or(facts.problem);
        facts
    });
    let services = services.collect();
    output::write(&json::text(&document(selection, services)), exit)
}
