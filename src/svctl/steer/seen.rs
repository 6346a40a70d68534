//! What waiting needs to know about a service. Pure.

use crate::look::Service;
use crate::look::past;
use crate::look::state::State;
use core::time::Duration;
use daemontools_rs::service::request::Want;
use daemontools_rs::sys::process::{End, Pid};
use daemontools_rs::tai64n::Label;

/// A service at the time of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its state.
    pub state: State,
    /// Whether a supervise runs; if that is not known, whether there is a status.
    pub is_supervised: bool,
    /// Its process.
    pub pid: Option<Pid>,
    /// How long ago its process was started, or ended, in whole seconds.
    pub since: Duration,
    /// What it is wanted to be.
    pub want: Option<Want>,
    /// Whether it was paused.
    pub is_paused: bool,
    /// Its current run, or its last one.
    pub run: Run,
    /// How its last run ended.
    pub end: Option<End>,
    /// How long its last run lasted.
    pub lasted: Option<Duration>,
    /// The process group that a stop ends with the process (`kill-group`).
    pub group: Option<Pid>,
    /// How many processes the group has, if they were counted.
    pub group_left: usize,
    /// The process that runs on without a supervise.
    pub runs_on: Option<Pid>,
}

/// Identifies a run. The pid is no part of it, as the kernel uses pids again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many starts there were, by the journal, if there is one.
    pub starts: Option<u64>,
    /// When the pid in the status last changed: the process was started or ended then.
    pub label: Option<Label>,
}

impl Run {
    /// Whether this is a later run than `before`, given that its process exists.
    #[must_use]
    pub fn is_after(self, before: Self) -> bool {
        match (self.starts, before.starts) {
            (Some(starts), Some(before)) => starts > before,
            _ => self.label != before.label,
        }
    }

    /// How many runs have begun since `before`, if journals say.
    #[must_use]
    pub fn count_since(self, before: Self) -> Option<u64> {
        Some(self.starts?.saturating_sub(before.starts?))
    }
}

impl Seen {
    /// The part of `service` that waiting needs; `now`: the time of the look.
    #[must_use]
    pub fn of(service: &Service, now: Label) -> Self {
        let record = service.record.as_ref();
        let leader = service.pid().filter(|_| record.is_some_and(|record| record.leads_group));
        let left = record.and_then(|record| record.history.left_group).map(|left| left.leader);
        Self {
            state: service.state,
            is_supervised: service.supervised.unwrap_or(service.status.is_some()),
            pid: service.pid(),
            since: Duration::from_secs(service.since().map_or(0, |at| at.seconds_until(now))),
            want: service.want(),
            is_paused: service.status.is_some_and(|status| status.is_paused),
            run: Run { starts: record.map(|record| record.history.starts), label: service.since() },
            end: record.and_then(past::last_end),
            lasted: record.and_then(past::last_run),
            group: leader.or(left),
            group_left: 0,
            runs_on: service.runs_on,
        }
    }
}
