//! `svctl doctor`: looks at the scan directory and its services, and says what is wrong with them,
//! why it matters and what to type. It changes nothing.
//!
//! ```text
//! mod -> rounds, around -> look, logging, stops, guard  what is so
//!                       -> the judges                what is wrong with it
//!     -> report                                      how it is said
//! ```
//!
//! The judges are pure: `run`, `crash`, `backgrounding`, `stubborn`, `logger`, `links`, `scan` and
//! `safety`. `script`, `shell` and `chain` read run scripts for them; `finding` has the names of
//! the findings.

pub mod around;
pub mod backgrounding;
pub mod chain;
pub mod crash;
pub mod finding;
pub mod guard;
pub mod links;
pub mod logger;
pub mod logging;
pub mod look;
pub mod report;
pub mod rounds;
pub mod run;
pub mod safety;
pub mod scan;
pub mod script;
pub mod sheet;
pub mod shell;
pub mod stops;
pub mod stubborn;

use crate::look::processes::Processes;
use crate::look::{Looker, Scope, Service};
use crate::options::{self, Options, Which};
use crate::select::{drop_second_names, select};
use crate::show::advice::Again;
use crate::show::json;
use crate::{SVCTL, output};
use around::{Around, Machine};
use daemontools_rs::error::Exit;
use daemontools_rs::sys::{descriptor, terminal};
use finding::{Finding, Kind};
use report::{Report, Unchecked};
use rounds::Rounds;
use std::collections::BTreeSet;
use std::ffi::OsStr;

/// Does what the command line asks.
#[must_use]
pub fn run(options: &Options, which: &Which, root: Option<&OsStr>) -> Exit {
    if options.form.prometheus || !options.form.fields.is_empty() {
        return SVCTL.usage("doctor has one form for programs, --json");
    }
    let words = which.words();
    let mut selection = match select(&words, options::bytes(options.directory.as_ref())) {
        Ok(selection) => selection,
        Err(exit) => return exit,
    };
    if selection.targets.is_empty() && selection.exit != Exit::SUCCESS {
        return selection.exit;
    }
    // A directory with two names is looked at once.
    drop_second_names(&mut selection.targets);
    let mut looker = Looker::new();
    let services: Vec<Service> = selection
        .targets
        .iter()
        .map(|target| looker.look(target, Scope { logger: true }))
        .collect();
    let Some(processes) = Processes::count(&BTreeSet::new()) else {
        return SVCTL.fatal(&[b"unable to look at processes: /proc shows none"]);
    };
    looker.refresh();
    let mut report = Report { services: services.len(), ..Report::default() };
    let around = selection.scan.as_ref().map(|scan| (scan, Around::look(scan, &processes)));
    if let Some((scan, around)) = &around {
        report.directory = Some(scan.path.clone());
        let of_scan = around.judge(scan);
        if words.is_empty() {
            report.findings.extend(of_scan);
            let root = root.map_or(&b""[..], OsStr::as_encoded_bytes);
            let machine = Machine { root: root.strip_suffix(b"/").unwrap_or(root) };
            if machine.has(scan) {
                report.findings.extend(machine.judge(scan, around));
            }
        } else {
            // Asked about one service, doctor also says that no svscan runs: without it nothing
            // starts.
            report
                .findings
                .extend(of_scan.into_iter().filter(|found| found.kind == Kind::NoSvscan));
        }
        let is_asked = |found: &Finding| {
            words.is_empty()
                || found.service.as_ref().is_some_and(|name| {
                    services.iter().any(|service| {
                        name == &service.target.name
                            || name.strip_suffix(b"/log") == Some(&service.target.name[..])
                    })
                })
        };
        report.findings.extend(around.names(scan, &looker).into_iter().filter(is_asked));
        if around.is_scanned.is_none() {
            let what = "whether an svscan works here: not permitted; try sudo".to_owned();
            report.unchecked.push(Unchecked { service: None, what, is_refusal: true });
        }
    }
    let rounds = Rounds::new(
        look::Ward::new(&looker, &processes),
        Again::of(options.directory.as_deref()),
        !words.is_empty(),
        around.as_ref().and_then(|(_, around)| around.is_scanned),
        &services,
    );
    let dangling: Vec<Vec<u8>> = report
        .findings
        .iter()
        .filter(|found| matches!(found.kind, Kind::LinkDangling | Kind::LinkToFile))
        .filter_map(|found| found.service.clone())
        .collect();
    for service in services.iter().filter(|service| !dangling.contains(&service.target.name)) {
        let found = rounds.examine(service);
        report.findings.extend(found.findings);
        report.unchecked.extend(found.unchecked);
    }
    say(options, &report, selection.exit)
}

fn say(options: &Options, report: &Report, exit: Exit) -> Exit {
    let is_refused = report.unchecked.iter().any(|unchecked| unchecked.is_refusal);
    let exit = exit.max(if report.findings.is_empty() { Exit::SUCCESS } else { Exit::OTHERWISE });
    let exit = exit.max(if is_refused { Exit::SYSTEM } else { Exit::SUCCESS });
    if options.quiet {
        return exit;
    }
    if options.form.json {
        return output::write(&json::text(&report.document()), exit);
    }
    let columns = terminal::columns(descriptor::standard(1)).map(usize::from);
    output::write_lines(&report.lines(columns), exit)
}
