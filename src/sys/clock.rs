//! The clocks: the wall clock for labels, the monotonic clock for every pause, and the one that
//! start times of processes are in.

use core::time::Duration;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// clock_gettime(CLOCK_REALTIME): seconds and nanoseconds since 1970, never negative.
#[must_use]
pub fn wall() -> Duration {
    read(ClockId::CLOCK_REALTIME)
}

/// clock_gettime(CLOCK_MONOTONIC): time since some moment of this boot, never stepped.
#[must_use]
pub fn monotonic() -> Duration {
    read(ClockId::CLOCK_MONOTONIC)
}

/// clock_gettime(CLOCK_BOOTTIME): time since boot, with what the machine slept. Linux 2.6.39;
/// nothing before that.
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

/// Sleeps so long: for moments that poll(2) cannot count, shorter than its millisecond.
pub fn rest(length: Duration) {
    std::thread::sleep(length);
}
