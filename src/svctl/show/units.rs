//! Durations, sizes, exit codes and times in words. Pure.

use core::time::Duration;
use daemontools_rs::calendar::Moment;
use daemontools_rs::sys::process::End;
use daemontools_rs::sys::signal;
use daemontools_rs::tai64n::Label;

/// A tenth of a second in milliseconds.
const TENTH: u128 = Duration::from_millis(100).as_millis();
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration for a column: `7s`, `40m`, `3h 5m`, `12d 4h`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / MINUTE, seconds / HOUR, seconds / DAY);
    if days > 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m")
    } else {
        format!("{seconds}s")
    }
}

/// A duration for a sentence: `0.1 s`, `25 s`; longer ones as from [`span`].
#[must_use]
pub fn duration(length: Duration) -> String {
    let tenths = length.saturating_add(Duration::from_millis(50)).as_millis() / TENTH;
    let rounded = length.saturating_add(Duration::from_millis(500)).as_secs();
    if tenths < 10 * 10 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if rounded < MINUTE {
        format!("{rounded} s")
    } else {
        span(length.as_secs())
    }
}

/// A number of bytes for a column of five: `12K`, `212M`, `1.5G`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1000 {
        return format!("{bytes}B");
    }
    let mut divisor = 1_u64 << 10;
    for unit in UNITS {
        let tenths = u128::from(bytes) * 10 / u128::from(divisor);
        if tenths < 10 * 10 && unit != 'K' {
            return format!("{}.{}{unit}", tenths / 10, tenths % 10);
        }
        if tenths < 10_000 || unit == 'P' {
            return format!("{}{unit}", tenths / 10);
        }
        divisor = divisor.saturating_mul(1 << 10);
    }
    bytes.to_string()
}

/// How a process ended.
#[must_use]
pub fn end(end: End) -> String {
    match end {
        End::Code(code) => format!("exit {code}"),
        End::Killed(number) => format!("killed by {}", signal_name(number)),
    }
}

/// How a process ended, as the end of a sentence about a run.
#[must_use]
pub fn ended(how: End) -> String {
    match how {
        End::Code(_) => format!("ended with {}", end(how)),
        End::Killed(_) => format!("was {}", end(how)),
    }
}

/// A signal's name, or its number if it has no name.
#[must_use]
pub fn signal_name(number: u8) -> String {
    signal::name(i32::from(number)).map_or_else(|| format!("signal {number}"), str::to_owned)
}

/// A time as in RFC 3339, in UTC with microseconds: `2026-11-26T18:10:00.123456Z`; none for a year
/// outside 0 to 9999.
#[must_use]
pub fn rfc3339(label: Label) -> Option<String> {
    let mut text = Vec::new();
    let moment = Moment::of(label.unix_time());
    // RFC 3339 has years of four digits only.
    let has_year = (0..=9999).contains(&moment.year()) && moment.write(&mut text);
    let text = String::from_utf8(text).ok().filter(|_| has_year)?;
    let micros = label.nanoseconds().min(999_999_999) / 1000;
    Some(format!("{:0>19}.{micros:06}Z", text.replace(' ', "T")))
}

/// `1 service`, `2 services`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit_or_two() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h 0m"),
            (86_399, "23h 59m"),
            (86_400, "1d 0h"),
            (12 * 86_400 + 4 * 3600 + 59, "12d 4h"),
            (u64::MAX, "213503982334601d 7h"),
        ] {
            assert_eq!(span(seconds), expected);
        }
        for (milliseconds, expected) in [
            (0, "0.0 s"),
            (49, "0.0 s"),
            (50, "0.1 s"),
            (1000, "1.0 s"),
            (9949, "9.9 s"),
            (9950, "10 s"),
            (59_499, "59 s"),
            (25_000, "25 s"),
            (360_000, "6m"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected, "{milliseconds}");
        }
    }

    #[test]
    fn sizes_take_five_columns_at_most() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "0K"),
            (1024, "1K"),
            (38 << 20, "38M"),
            (212 << 20, "212M"),
            (999 << 20, "999M"),
            (1000 << 20, "0.9G"),
            (1536 << 20, "1.5G"),
            (20 << 30, "20G"),
            (u64::MAX, "16383P"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn an_end_is_a_code_or_a_signal() {
        assert_eq!(end(End::Code(1)), "exit 1");
        assert_eq!(end(End::Killed(11)), "killed by SEGV");
        assert_eq!(end(End::Killed(34)), "killed by signal 34");
    }

    #[test]
    fn moments_are_those_of_rfc_3339() {
        let moment =
            |seconds, micros: u32| rfc3339(Label::of_unix(Duration::new(seconds, micros * 1000)));
        assert_eq!(moment(0, 5).as_deref(), Some("1970-01-01T00:00:00.000005Z"));
        assert_eq!(moment(1_000_000_000, 999_999).as_deref(), Some("2001-09-09T01:46:40.999999Z"));
        assert_eq!(moment(253_402_300_800, 0), None);
        assert_eq!(rfc3339(Label::from_bytes([0; 12])), None);
        assert_eq!(rfc3339(Label::from_bytes([255; 12])), None);
    }
}
