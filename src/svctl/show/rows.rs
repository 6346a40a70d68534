//! The cells of the table for each service. Pure.

use super::table::Row;
use super::units;
use crate::look::state::State;
use crate::look::{Looker, Service, past};
use crate::text;

/// A cell with nothing in it.
const NOTHING: &str = "-";
/// A cell of what svctl's user may not see.
const UNKNOWN: &str = "?";

/// The row of a service. `is_brief`: there is too little room for long cells.
#[must_use]
pub fn row(service: &Service, looker: &Looker, is_brief: bool) -> Row {
    let blank = if service.is_refused() { UNKNOWN } else { NOTHING };
    let or_blank = |text: Option<String>| text.unwrap_or_else(|| blank.to_owned());
    let pid = service.pid().or(service.runs_on);
    let since = service.since().map(|label| units::span(label.seconds_until(looker.wall)));
    let record = service.record.as_ref();
    let end = record.and_then(past::last_end);
    [
        text::name(&service.target.name),
        match service.state {
            State::Waiting if is_brief => service.state.short().to_owned(),
            _ => state(service).to_owned(),
        },
        or_blank(pid.map(|pid| pid.to_string())),
        or_blank(since),
        or_blank(record.map(|record| record.history.starts.to_string())),
        or_blank(end.map(units::end)),
        or_blank(service.memory.map(|memory| units::size(memory.resident))),
        or_blank(service.logger.as_ref().map(|logger| logger.state.short().to_owned())),
    ]
}

/// The state in a word. For a service that svctl's user may not read: whether a supervise runs.
#[must_use]
pub fn state(service: &Service) -> &'static str {
    match (service.state, service.supervised) {
        (State::Unreadable, Some(true)) if service.is_refused() => "supervised",
        (State::Unreadable, _) if service.is_refused() => UNKNOWN,
        (state, _) => state.word(),
    }
}
