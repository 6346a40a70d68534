//! What the journal tells of the past. Pure.

use super::state::YOUNG;
use core::time::Duration;
use daemontools_rs::service::journal::Record;
use daemontools_rs::sys::process::End;

/// A moment, by the clock of the journal's moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monotonic(pub Duration);

/// How long ago the recorded starts were, the last one first.
#[must_use]
pub fn starts_ago(record: &Record, now: Monotonic) -> Vec<Duration> {
    let starts = (record.starts > 0).then_some(record.started);
    starts.into_iter().map(|start| now.0.saturating_sub(start)).collect()
}

/// How many of the recorded starts are young enough to make a service flap.
#[must_use]
pub fn young_starts(record: &Record, now: Monotonic) -> usize {
    let young = Duration::from_secs(YOUNG);
    starts_ago(record, now).into_iter().filter(|&ago| ago < young).count()
}

/// How long the run before lasted, if that is recorded.
#[must_use]
pub fn last_run(_: &Record) -> Option<Duration> {
    None
}

/// How long ago somebody last asked for another state, if that is recorded.
#[must_use]
pub fn asked_ago(_: &Record, _: Monotonic) -> Option<Duration> {
    None
}

/// Whether the last run left a core, if that is recorded.
#[must_use]
pub fn left_core(_: &Record) -> Option<bool> {
    None
}

/// How the last run ended.
#[must_use]
pub fn last_end(record: &Record) -> Option<End> {
    record.last_end
}

/// How long ago the last run ended, if that can be told.
#[must_use]
pub fn last_end_ago(_: &Record, _: Monotonic) -> Option<Duration> {
    None
}
