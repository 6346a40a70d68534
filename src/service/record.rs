//! What a record of the journal says. Pure. [`super::slot`] turns it into bytes.

use super::request::Want;
use crate::tai64n::Label;
use core::time::Duration;

/// How many starts are remembered.
pub const STARTS: usize = 8;

/// A process, identified by its pid and its start time: a later process with the same pid has
/// another start time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: u32,
    /// Its start in clock ticks since boot, as in /proc/PID/stat; 0 if not known.
    pub start: u64,
}

/// A process group that outlived its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftGroup {
    /// The leader's pid, which is the group's number.
    pub leader: u32,
    /// When the leader was last known alive, in clock ticks since boot: at that time no other
    /// process had its number.
    pub since: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LastEnd {
    /// It exited with this code.
    Code(u8),
    /// This signal killed it, and whether it left a core.
    Killed(u8, bool),
}

/// Whether a start is due as soon as it may happen, and why. Only while the service is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owed {
    /// No start is due.
    #[default]
    Nothing,
    /// The process ended and is wanted up. `x`, `o` and `d` cancel this start.
    Restart,
    /// It is the first start, or it was asked for since the last end. Only `d` cancels this start.
    Asked,
}

/// One record: the state of a supervise and its service. By default nothing is known of them, and
/// the service is wanted up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The service's process while it is up.
    pub service: Option<ProcessIdentity>,
    /// When that process was last known alive, in clock ticks since boot; 0 if not known.
    pub alive: u64,
    /// Whether it leads a group of its own (`kill-group`).
    pub leads_group: bool,
    /// The process that wrote this.
    pub supervise: ProcessIdentity,
    /// What the service is wanted to be.
    pub want: Want,
    /// Whether `x` was asked.
    pub exit_requested: bool,
    /// Whether the service was paused by `p`.
    pub is_paused: bool,
    /// Whether a start was due and had not happened yet.
    pub owed: Owed,
    /// Whether `k` was asked for this process.
    pub kill_asked: bool,
    /// Whether the process was sent the signal of `d`.
    pub down_told: bool,
    /// Whether supervise is not sure that the process is the service. Then supervise waits for it
    /// to end and sends it no signal.
    pub is_doubted: bool,
    /// Whether this supervise exited after `x`. Then the next one starts as if it were the first.
    pub left_cleanly: bool,
    /// What happened before.
    pub history: History,
}

/// What is remembered about the service from one supervise to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct History {
    /// When the pid last changed: the status's label.
    pub label: Label,
    /// When the service was last started, by the monotonic clock.
    pub started: Duration,
    /// How often this journal's service was started.
    pub starts: u64,
    /// The times of the last starts, the latest first.
    pub last_starts: [Micros; STARTS],
    /// How the service last ended, if known.
    pub last_end: Option<LastEnd>,
    /// When it last ended.
    pub ended: Micros,
    /// How long the last completed run lasted, if known.
    pub last_run: Option<Duration>,
    /// When what is wanted last changed.
    pub want_since: Micros,
    /// The processes that the last one left in its group.
    pub left_group: Option<LeftGroup>,
}

impl History {
    /// Notes that a process was started, at this time of the wall clock and of the monotonic clock.
    pub fn note_start(&mut self, wall: Duration, now: Duration) {
        self.label = Label::of_unix(wall);
        self.started = now;
        self.starts = self.starts.saturating_add(1);
        self.last_starts.rotate_right(1);
        if let Some(latest) = self.last_starts.first_mut() {
            *latest = moment(now);
        }
        self.left_group = None;
    }

    /// Notes that the process ended, and how, if known.
    pub fn note_end(&mut self, wall: Duration, now: Duration, end: Option<LastEnd>) {
        self.label = Label::of_unix(wall);
        self.ended = moment(now);
        self.last_run = Some(now.saturating_sub(self.started));
        self.last_end = end.or(self.last_end);
    }

    /// Notes that the process ended while no supervise watched it. `label` is when we noticed.
    pub fn note_unseen_end(&mut self, label: Label) {
        self.label = label;
        (self.ended, self.last_run, self.last_end) = (0, None, None);
    }
}

/// A time of the monotonic clock, in microseconds; 0 if not known. Setting the wall clock does not
/// change it.
pub type Micros = u64;

/// The moment of a monotonic clock.
#[must_use]
pub fn moment(now: Duration) -> Micros {
    u64::try_from(now.as_micros()).unwrap_or_default()
}

/// Where and when a record is valid: one boot, one pid namespace, one service directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The boot, as `sys::proc` writes it: boot id, pid namespace, process 1.
    pub boot: [u8; 32],
    /// The device of the service directory.
    pub device: u64,
    /// Its inode number there.
    pub inode: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_noted_with_the_length_of_the_run() {
        let mut history = History::default();
        let wall = |seconds| Duration::new(seconds, 123_456_000);
        history.note_start(wall(1), Duration::from_secs(100));
        history.note_end(wall(3), Duration::from_secs(102), Some(LastEnd::Code(7)));
        assert_eq!((history.last_run, history.ended), (Some(Duration::from_secs(2)), 102_000_000));
        assert_eq!(
            (history.label, history.last_end),
            (Label::of_unix(wall(3)), Some(LastEnd::Code(7)))
        );
        history.note_start(wall(3), Duration::from_secs(102));
        history.note_end(wall(4), Duration::from_secs(103), None);
        assert_eq!(history.last_end, Some(LastEnd::Code(7)));
        let noticed = Label::of_unix(wall(9));
        history.note_unseen_end(noticed);
        assert_eq!(history.label, noticed);
        assert_eq!((history.ended, history.last_run, history.last_end), (0, None, None));
    }
}
