//! What the journal tells of the past. Pure.

use super::state::YOUNG;
use core::time::Duration;
use daemontools_rs::service::record::{LastEnd, Moment, Record};
use daemontools_rs::sys::process::End;

/// A moment, by the clock of the journal's moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    fn since(self, moment: Moment) -> Option<Duration> {
        (moment != 0).then(|| self.0.saturating_sub(Duration::from_micros(moment)))
    }
}

/// How long ago the recorded starts were, the last one first. 0.1.0 records the last one only.
#[must_use]
pub fn starts_ago(record: &Record, now: Monotonic) -> Vec<Duration> {
    let history = &record.history;
    let starts: Vec<_> = history.last_starts.iter().filter_map(|&at| now.since(at)).collect();
    if starts.is_empty() && history.starts > 0 {
        return vec![now.0.saturating_sub(history.started)];
    }
    starts
}

/// How many of the recorded starts are young enough to make a service flap.
#[must_use]
pub fn young_starts(record: &Record, now: Monotonic) -> usize {
    let young = Duration::from_secs(YOUNG);
    starts_ago(record, now).into_iter().filter(|&ago| ago < young).count()
}

/// How long the run before lasted, if that is recorded.
#[must_use]
pub fn last_run(record: &Record) -> Option<Duration> {
    record.history.last_run
}

/// How long ago another state was last asked for, if that is recorded.
#[must_use]
pub fn asked_ago(record: &Record, now: Monotonic) -> Option<Duration> {
    now.since(record.history.want_since)
}

/// Whether the last run left a core, if that is recorded.
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

/// How long ago the last run ended, if that can be told.
#[must_use]
pub fn last_end_ago(record: &Record, now: Monotonic) -> Option<Duration> {
    now.since(record.history.ended)
}
