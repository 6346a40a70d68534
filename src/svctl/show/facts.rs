//! What is known of a service, as data for programs: the one list of fields behind `--json`,
//! `--fields` and `--prometheus`.

use super::units;
use crate::look::{Looker, Service, past};
use daemontools_rs::service::request::Want;
use daemontools_rs::sys::process::End;
use serde::Serialize;

/// The version of the format: later programs may add fields and values to it, and change the
/// meaning of none.
pub const FORMAT: u8 = 1;

/// The facts about a scan directory.
#[derive(Debug, Serialize)]
pub struct Document {
    /// See [`FORMAT`].
    pub format: u8,
    /// The scan directory, where one was needed.
    pub directory: Option<String>,
    /// Its bytes, if they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory_hex: Option<String>,
    /// The services that were asked for, in the order of the table.
    pub services: Vec<Facts>,
}

/// The facts about a service. A field is null if it is not known, or does not apply.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the schema and svctl(8) describe each")]
pub struct Facts {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    pub directory: String,
    pub state: &'static str,
    pub as_wanted: Option<bool>,
    pub wanted: Option<&'static str>,
    pub normally: Option<&'static str>,
    pub supervised: Option<bool>,
    pub paused: Option<bool>,
    pub exit_requested: Option<bool>,
    pub pid: Option<u32>,
    pub since: Option<String>,
    pub since_seconds: Option<u64>,
    pub up_seconds: Option<u64>,
    pub starts: Option<u64>,
    pub last_starts: Option<Vec<String>>,
    pub last_exit_code: Option<u8>,
    pub last_exit_signal: Option<u8>,
    pub last_exit_signal_name: Option<String>,
    pub last_exit_core: Option<bool>,
    pub last_run_seconds: Option<f64>,
    pub wanted_since: Option<String>,
    pub wanted_since_seconds: Option<u64>,
    pub rss_bytes: Option<u64>,
    pub processes: Option<usize>,
    pub supervise_pid: Option<u32>,
    pub problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    pub log: Option<Box<Facts>>,
    /// The name's own bytes, for text that is not JSON.
    #[serde(skip)]
    pub raw_name: Vec<u8>,
}

impl Facts {
    /// The facts about `service`.
    #[must_use]
    pub fn of(service: &Service, looker: &Looker) -> Self {
        let name = &service.target.name;
        let since = service.since();
        let since_seconds = since.map(|label| label.seconds_until(looker.wall));
        let record = service.record.as_ref();
        let end = record.and_then(past::last_end);
        let code = |end| if let End::Code(code) = end { Some(code) } else { None };
        let signal = |end| if let End::Killed(number) = end { Some(number) } else { None };
        let is_current = service.want().is_some();
        let asked = record.and_then(|record| past::asked_ago(record, looker.monotonic));
        Self {
            name: String::from_utf8_lossy(name).into_owned(),
            name_hex: hexadecimal(name),
            directory: String::from_utf8_lossy(&service.target.path).into_owned(),
            state: service.state.word(),
            as_wanted: Some(service.is_as_wanted()).filter(|_| !service.is_refused()),
            wanted: service.want().map(wanted),
            normally: service.is_marked_down.map(|is_down| if is_down { "down" } else { "up" }),
            supervised: service.supervised,
            paused: service.status.filter(|_| is_current).map(|status| status.is_paused),
            exit_requested: record.filter(|_| is_current).map(|record| record.exit_requested),
            pid: service.pid(),
            since: since.and_then(units::rfc3339),
            since_seconds,
            up_seconds: service.pid().and(since_seconds),
            starts: record.map(|record| record.history.starts),
            last_starts: record.map(|record| {
                let ago = past::starts_ago(record, looker.monotonic);
                ago.into_iter().filter_map(|ago| units::rfc3339(looker.before(ago))).collect()
            }),
            last_exit_code: end.and_then(code),
            last_exit_signal: end.and_then(signal),
            last_exit_signal_name: end.and_then(signal).map(units::signal_name),
            last_exit_core: record.and_then(past::left_core),
            last_run_seconds: record.and_then(past::last_run).map(|run| run.as_secs_f64()),
            wanted_since: asked.and_then(|ago| units::rfc3339(looker.before(ago))),
            wanted_since_seconds: asked.map(|ago| ago.as_secs()),
            rss_bytes: service.memory.map(|memory| memory.resident),
            processes: service.memory.map(|memory| memory.processes),
            supervise_pid: record
                .filter(|_| service.supervised == Some(true))
                .map(|record| record.supervise.pid),
            problem: service
                .trouble
                .as_ref()
                .or(service.journal_trouble.as_ref())
                .map(|trouble| format!("unable to {}: {}", trouble.action, trouble.reason)),
            result: None,
            log: service.logger.as_ref().map(|logger| Box::new(Self::of(logger, looker))),
            raw_name: name.clone(),
        }
    }
}

/// The wanted state in a word.
#[must_use]
pub const fn wanted(want: Want) -> &'static str {
    match want {
        Want::Up => "up",
        Want::Down => "down",
        Want::Once => "once",
    }
}

/// The bytes of a name in hexadecimal, if they are not UTF-8.
#[must_use]
pub fn hexadecimal(name: &[u8]) -> Option<String> {
    let digits = || name.iter().map(|byte| format!("{byte:02x}")).collect();
    std::str::from_utf8(name).is_err().then(digits)
}
