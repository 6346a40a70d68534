//! When to look for a `log` that may be made after its service was started. To look for each at
//! each tick would double what a tick costs, so we go by the directory: its time of change is that
//! of the last name that came. Pure: the caller passes that time. Contract: contract.md, section 1.

use core::num::NonZeroU64;
use core::time::Duration;

/// What svscan knows of a `log` that may come.
#[derive(Debug, Default)]
pub struct LateLog {
    /// Since when it has been complete.
    pub complete_since: Option<Duration>,
    /// When the service directory last changed, in nanoseconds since 1970.
    changed: Option<NonZeroU64>,
    ticks: u8,
}

/// In ticks. A name that comes within the same step of the file system's clock as the change before
/// leaves the time as it was: the second look finds it.
const LOOKS_AFTER_A_CHANGE: u8 = 2;
/// In ticks: once a minute, as not every file system keeps these times.
const LOOK_IN_ANY_CASE: u8 = 12;

impl LateLog {
    /// Notes at a tick when the service directory last changed.
    pub fn note(&mut self, changed: Duration) {
        // No time at all (0) and one beyond the year 2554 count as 1.
        let changed = u64::try_from(changed.as_nanos()).ok().and_then(NonZeroU64::new);
        let changed = changed.unwrap_or(NonZeroU64::MIN);
        if self.changed.replace(changed) == Some(changed) {
            self.ticks = self.ticks.wrapping_add(1);
        } else {
            self.ticks = 0;
        }
    }

    /// Whether to look for it at this tick.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.ticks < LOOKS_AFTER_A_CHANGE || self.ticks % LOOK_IN_ANY_CASE == 0
    }

    /// Notes that it is there, but not complete. What it lacks may come without a change of the
    /// service directory, so it is looked at at each tick.
    pub fn await_rest(&mut self) {
        self.changed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tick: whether svscan looks, and finds the name if it is there.
    fn tick(late: &mut LateLog, changed: u64, is_there: bool) -> [bool; 2] {
        late.note(Duration::from_secs(changed));
        [late.is_due(), late.is_due() && is_there]
    }

    #[test]
    fn a_directory_that_does_not_change_is_looked_into_once_a_minute() {
        let mut late = LateLog::default();
        let looks = (0..120).filter(|_| tick(&mut late, 7, false)[0]).count();
        assert_eq!(looks, 2 + 9);
        assert!(tick(&mut late, 8, false)[0] && tick(&mut late, 8, false)[0]);
        assert!(!tick(&mut late, 8, false)[0]);
    }

    #[test]
    fn an_incomplete_log_is_looked_at_at_each_tick() {
        let mut late = LateLog::default();
        for _ in 0..40 {
            assert!(tick(&mut late, 7, true)[1]);
            late.await_rest();
        }
    }

    /// Whenever the name comes, before or after other changes, and however coarse the clock of the
    /// file system (up to two seconds, as FAT's): the first or second tick after it finds it. On a
    /// file system that keeps no times: one of the next twelve.
    #[test]
    fn a_log_is_found_whenever_it_comes() {
        const TICK: u64 = 5000;
        for step in [1, 4, 1000, 2000, u64::MAX] {
            for comes in (1..20 * TICK).step_by(37) {
                for before in [0, 1, 100, 1500, 4000] {
                    let mut late = LateLog::default();
                    let other = comes.saturating_sub(before);
                    let found = (0..40).map(|number| number * TICK).find(|&now| {
                        let times = [other, comes].into_iter().filter(|time| *time <= now);
                        let changed = times.max().unwrap_or(0) / step;
                        tick(&mut late, changed, comes <= now)[1]
                    });
                    let waited = found.unwrap() - comes;
                    let ticks = if step == u64::MAX { 12 } else { 2 };
                    assert!(waited < ticks * TICK, "{step} {comes} {before}: {waited}");
                }
            }
        }
    }
}
