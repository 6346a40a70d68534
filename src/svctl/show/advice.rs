//! Advice on a service that is not as wanted: what is the matter, and what to type.

use super::units;
use crate::look::state::{State, YOUNG};
use crate::look::{Looker, Service, past};
use crate::text;
use std::ffi::OsStr;

/// The command line of svctl for the same scan directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again(String);

impl Again {
    /// `directory`: what `-d` named.
    #[must_use]
    pub fn of(directory: Option<&OsStr>) -> Self {
        let directory = directory.map(|directory| text::quoted(directory.as_encoded_bytes()));
        Self(directory.map_or_else(|| "svctl".to_owned(), |name| format!("svctl -d {name}")))
    }

    /// The command line of a verb on a service.
    #[must_use]
    pub fn command(&self, verb: &str, service: &Service) -> String {
        self.line(verb, &service.target.name)
    }

    /// The command line that shows the messages of svscan, and of services without a logger.
    #[must_use]
    pub fn messages(&self) -> String {
        format!("{} logs --svscan", self.0)
    }

    /// The command line of a verb on a name.
    #[must_use]
    pub fn line(&self, verb: &str, name: &[u8]) -> String {
        format!("{} {verb} {}", self.0, text::quoted(name))
    }
}

/// Advice on a service: what is the matter, and what to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The service's name.
    pub subject: String,
    /// What is the matter.
    pub what: String,
    /// What to type.
    pub command: String,
}

/// How far the text is indented at most.
const DEEPEST: usize = 24;
/// How far the text is indented at least, if a deeper indent would leave it fewer columns than
/// [`ENOUGH`].
const SHALLOWEST: usize = 9;
/// How many columns are enough for the text.
const ENOUGH: usize = 48;

impl Advice {
    /// About a scan directory that no svscan works in.
    #[must_use]
    pub fn on_the_scan(path: &[u8]) -> Self {
        let command = match path {
            b"/service" => "svscanboot &".to_owned(),
            _ => format!("svscan {} &", text::quoted(path)),
        };
        let what = "no svscan works here: nothing is started, or started again".to_owned();
        Self { subject: text::name(path), what, command }
    }

    /// The lines to print. The text is wrapped to the columns of the terminal; the command never
    /// is, since it is to be copied.
    #[must_use]
    pub fn lines(&self, indent: usize, columns: Option<usize>) -> Vec<String> {
        let room = columns.map_or(DEEPEST, |columns| columns.saturating_sub(ENOUGH));
        let indent = indent.min(DEEPEST).min(room.max(SHALLOWEST));
        let what = match columns {
            Some(columns) => text::wrapped(&self.what, columns.saturating_sub(indent)),
            None => vec![self.what.clone()],
        };
        let margin = " ".repeat(indent);
        let mut said = what.into_iter().chain([self.command.clone()]);
        let mut lines = Vec::new();
        if text::width(&self.subject) + 2 <= indent {
            let first = said.next().unwrap_or_default();
            let padding = " ".repeat(indent - text::width(&self.subject));
            lines.push(format!("{}{padding}{first}", self.subject));
        } else {
            lines.push(self.subject.clone());
        }
        lines.extend(said.map(|line| format!("{margin}{line}")));
        lines
    }

    /// About `service`; none if it is as wanted.
    #[must_use]
    pub fn on(service: &Service, looker: &Looker, again: &Again) -> Option<Self> {
        if service.state.is_as_wanted() {
            return None;
        }
        let command = match service.state {
            State::Stopping => again.command("stop --kill-after 5", service),
            State::Paused => again.command("continue", service),
            State::Unreadable if !service.is_closed() => {
                format!("ls -ld {}/supervise", text::quoted(&service.target.path))
            }
            _ => again.command("doctor", service),
        };
        let subject = text::name(&service.target.name);
        Some(Self { subject, what: what(service, looker), command })
    }
}

/// What is the matter with a service that is not as wanted.
fn what(service: &Service, looker: &Looker) -> String {
    let record = service.record.as_ref();
    let end = record.and_then(past::last_end).map_or_else(|| "ended".to_owned(), units::ended);
    let run = record.and_then(past::last_run);
    let after = run.map_or_else(String::new, |run| format!(" after {}", units::duration(run)));
    let process = service.pid().map_or_else(String::new, |pid| format!("process {pid}"));
    match service.state {
        State::Stopping => {
            let asked = record.and_then(|record| past::asked_ago(record, looker.monotonic));
            let ago = asked
                .map_or_else(String::new, |ago| format!(" {} ago", units::span(ago.as_secs())));
            format!("stop asked{ago}, {process} is still there")
        }
        State::Paused => format!("paused, {process} stands still"),
        State::Waiting => format!("{end}{after}, about to be started again"),
        State::Flapping => {
            let starts = record.map_or(0, |record| past::young_starts(record, looker.monotonic));
            format!("{starts} starts in the last {YOUNG} s, the last run {end}{after}")
        }
        State::NotSupervised => match service.runs_on {
            Some(pid) => format!("no supervise runs, process {pid} is left"),
            None => "no supervise runs".to_owned(),
        },
        State::Unreadable => match &service.trouble {
            Some(trouble) => format!("unable to {}: {}", trouble.action, trouble.reason),
            None => "it cannot be told".to_owned(),
        },
        State::Up | State::Down => String::new(),
    }
}
