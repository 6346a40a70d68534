//! The clocks: the wall clock for labels, the monotonic clock for every pause, and the clock of the
//! start times of processes.

use core::time::Duration;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// clock_gettime(CLOCK_REALTIME): seconds and nanoseconds since 1970, never negative.
#[must_use]
pub fn wall() -> Duration {
    read(ClockId::CLOCK_REALTIME)
}

/// clock_gettime(CLOCK_MONOTONIC): time since a fixed moment of this boot. Setting the time does
/// not change it.
#[must_use]
pub fn monotonic() -> Duration {
    read(ClockId::CLOCK_MONOTONIC)
}

/// clock_gettime(CLOCK_BOOTTIME): time since boot, suspended time included. Linux 2.6.39; `None`
/// before that.
#[must_use]
pub fn since_boot() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_BOOTTIME).ok().map(duration)
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, duration)
}

fn duration(time: TimeSpec) -> Duration {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec()).unwrap_or(0))
}

/// Sleeps so long: for times shorter than a millisecond, the unit of poll(2).
pub fn rest(length: Duration) {
    std::thread::sleep(length);
}
