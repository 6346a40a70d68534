//! What the journal says about the past. Pure.

use super::state::YOUNG;
use core::time::Duration;
use daemontools_rs::service::record::{LastEnd, Micros, Record};
use daemontools_rs::sys::process::End;

/// A time by the monotonic clock that the journal uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    fn since(self, moment: Micros) -> Option<Duration> {
        (moment != 0).then(|| self.0.saturating_sub(Duration::from_micros(moment)))
    }
}

/// How long ago the recorded starts were, the last one first. A journal of version 0.1.0 has only
/// the last start.
#[must_use]
pub fn starts_ago(record: &Record, now: Monotonic) -> Vec<Duration> {
    let history = &record.history;
    let starts: Vec<_> = history.last_starts.iter().filter_map(|&at| now.since(at)).collect();
    if starts.is_empty() && history.starts > 0 {
        return vec![now.0.saturating_sub(history.started)];
    }
    starts
}

/// How many of the recorded starts are recent enough to count for flapping.
#[must_use]
pub fn young_starts(record: &Record, now: Monotonic) -> usize {
    let young = Duration::from_secs(YOUNG);
    starts_ago(record, now).into_iter().filter(|&ago| ago < young).count()
}

/// How long the last run lasted, if that is recorded.
#[must_use]
pub fn last_run(record: &Record) -> Option<Duration> {
    record.history.last_run
}

/// For how long the service has been wanted as it is now (up, down or once), if that is recorded.
#[must_use]
pub fn asked_ago(record: &Record, now: Monotonic) -> Option<Duration> {
    now.since(record.history.want_since)
}

/// Whether the last run left a core dump, if that is recorded.
#[must_use]
pub fn left_core(record: &Record) -> Option<bool> {
    match record.history.last_end? {
        LastEnd::Code(_) => Some(false),
        LastEnd::Killed(_, has_core) => Some(has_core),
    }
}

/// How the last run ended.
#[must_use]
pub fn last_end(record: &Record) -> Option<End> {
    record.history.last_end.map(|end| match end {
        LastEnd::Code(code) => End::Code(code),
        LastEnd::Killed(signal, _) => End::Killed(signal),
    })
}

/// How long ago the last run ended, if that is known.
#[must_use]
pub fn last_end_ago(record: &Record, now: Monotonic) -> Option<Duration> {
    now.since(record.history.ended)
}
