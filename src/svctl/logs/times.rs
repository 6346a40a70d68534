//! The times that `--since` and `--until` take. Pure: the caller knows the time of day and the
//! local zone.

use core::time::Duration;
use daemontools_rs::calendar::days_before_year;
use daemontools_rs::fill::fill;
use daemontools_rs::tai64n::Label;
use std::rc::Rc;

/// How many seconds local clocks are ahead of UTC at a moment.
pub type Ahead = Rc<dyn Fn(i64) -> i64>;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Which option the time is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The first line to show: a time of day is the last one that has passed.
    Since,
    /// The first line not to show: a time of day is today's.
    Until,
}

/// Reads a time; nothing if it is none.
#[must_use]
pub fn parse(text: &str, bound: Bound, now: Duration, ahead: &Ahead) -> Option<Label> {
    let text = text.trim();
    let seconds = i64::try_from(now.as_secs()).ok()?;
    let midnight = |days: i64| {
        let today = (seconds + ahead(seconds)).div_euclid(DAY);
        unix_of_local((today + days) * DAY, ahead)
    };
    match text {
        "now" => return Some(label(seconds, now.subsec_nanos())),
        "today" => return Some(label(midnight(0), 0)),
        "yesterday" => return Some(label(midnight(-1), 0)),
        _ => {}
    }
    if text.starts_with('@') {
        return text.as_bytes().try_into().ok().and_then(Label::of_text);
    }
    if let Some(ago) = ago(text) {
        return Some(label(seconds.checked_sub(ago)?, now.subsec_nanos()));
    }
    if let Some((of_day, nanos)) = time_of_day(text) {
        let today = (seconds + ahead(seconds)).div_euclid(DAY);
        let at = |days| unix_of_local((today + days) * DAY + of_day, ahead);
        let is_ahead = bound == Bound::Since && at(0) > seconds;
        return Some(label(at(if is_ahead { -1 } else { 0 }), nanos));
    }
    date_and_time(text, ahead)
}

/// A label with nanoseconds.
fn label(seconds: i64, nanoseconds: u32) -> Label {
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let mut bytes = Label::of_unix(whole).to_bytes();
    fill(bytes.get_mut(8..).unwrap_or_default(), nanoseconds.to_be_bytes());
    Label::from_bytes(bytes)
}

/// `N unit [ago]`: seconds.
fn ago(text: &str) -> Option<i64> {
    let end = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    let number: i64 = number.parse().ok()?;
    let unit = unit.strip_suffix("ago").unwrap_or(unit).trim();
    let length = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7 * DAY,
        _ => return None,
    };
    number.checked_mul(length)
}

/// `YYYY-MM-DD`, `YYYY-MM-DD HH:MM[:SS[.n]]`, or RFC 3339, which has a `T` in the middle and the
/// offset from UTC at the end.
fn date_and_time(text: &str, ahead: &Ahead) -> Option<Label> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = date_of(date)?;
    if rest.is_empty() {
        return Some(label(unix_of_local(days * DAY, ahead), 0));
    }
    let time = rest.strip_prefix(['T', 't', ' '])?.trim_start();
    let zone = time.find(|character: char| !matches!(character, '0'..='9' | ':' | '.'));
    let (time, zone) = time.split_at_checked(zone.unwrap_or(time.len()))?;
    let (of_day, nanos) = time_of_day(time)?;
    let local = days * DAY + of_day;
    let unix = match zone.trim() {
        "" => unix_of_local(local, ahead),
        zone => local - offset(zone)?,
    };
    Some(label(unix, nanos))
}

/// `YYYY-MM-DD`: days since 1970.
fn date_of(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (y, m, d) = text
        .split_once('-')
        .and_then(|(y, rest)| rest.split_once('-').map(|(m, d)| (y.len(), m.len(), d.len())))?;
    if (y, m, d) != (4, 2, 2) || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let is_leap = days_before_year(year + 1) - days_before_year(year) == 366;
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let before = match month {
        1 => 0,
        2 => 31,
        // From March on, the lengths of the months repeat.
        _ => (153 * (month - 3) + 2) / 5 + 59 + i64::from(is_leap),
    };
    (day <= length).then(|| days_before_year(year) + before + day - 1)
}

/// `HH:MM`, `HH:MM:SS`, `HH:MM:SS.n`: seconds and nanoseconds of the day.
fn time_of_day(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let parts: Vec<&str> = whole.split(':').collect();
    let (hour, minute, second) = match (&parts[..], fraction) {
        ([hour, minute], None) => (hour, minute, &"00"),
        ([hour, minute, second], _) => (hour, minute, second),
        _ => return None,
    };
    if minute.len() != 2 || second.len() != 2 || !(1..=2).contains(&hour.len()) {
        return None;
    }
    let (hour, minute, second) = (digits(hour)?, digits(minute)?, digits(second)?);
    // A leap second counts as the last second of its minute.
    let is_time = hour < 24 && minute < 60 && second <= 60;
    let nanos = match fraction {
        None => 0,
        Some(fraction) if (1..=9).contains(&fraction.len()) => {
            u32::try_from(digits(&format!("{fraction:0<9}"))?).ok()?
        }
        Some(_) => return None,
    };
    is_time.then_some((hour * HOUR + minute * MINUTE + second.min(59), nanos))
}

/// `Z`, `+HH:MM`, `-HHMM`: seconds ahead of UTC.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z" | "UTC") {
        return Some(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let text = text.get(1..)?;
    let (hours, minutes) = match text.split_once(':') {
        Some(parts) => parts,
        None => text.split_at_checked(2)?,
    };
    let is_offset = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (is_offset && hours < 24 && minutes < 60).then(|| sign * (hours * HOUR + minutes * MINUTE))
}

fn digits(text: &str) -> Option<i64> {
    let are_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| text.parse().ok()).flatten()
}

/// The seconds that a local clock would show, were it UTC's, of `YYYY-MM-DD HH:MM:SS`.
#[must_use]
pub fn civil(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    Some(date_of(date)? * DAY + time_of_day(time)?.0)
}

/// The time at which a local clock shows `civil`. If it shows it twice, this is the first time; if
/// it skips it, as long after the skip.
#[must_use]
pub fn unix_of_local(civil: i64, ahead: &Ahead) -> i64 {
    let around = [ahead(civil - DAY), ahead(civil + DAY)];
    let early = around.into_iter().map(|ahead| civil - ahead);
    let mut found = early.filter(|&unix| unix + ahead(unix) == civil);
    let [before, _] = around;
    found.next().unwrap_or(civil - before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemontools_rs::calendar::Moment;

    fn date_text(unix: i64) -> String {
        let mut text = Vec::new();
        assert!(Moment::of(unix).write(&mut text));
        String::from_utf8(text).unwrap()
    }

    /// 2026-11-26 21:17:37.5 UTC.
    const NOW: Duration = Duration::new(1_795_727_857, 500_000_000);

    fn at(text: &str, bound: Bound) -> Option<String> {
        // One hour ahead of UTC; two from 2026-03-29 to 2026-10-25, 01:00 UTC.
        let summer = 1_774_746_000..1_792_890_000;
        let ahead: Ahead = Rc::new(move |unix| if summer.contains(&unix) { 7200 } else { 3600 });
        let label = parse(text, bound, NOW, &ahead)?;
        Some(format!("{}.{:09}", date_text(label.unix_time()), label.nanoseconds()))
    }

    #[test]
    fn moments_are_understood() {
        let since = |text: &str| at(text, Bound::Since).unwrap_or_else(|| panic!("{text}"));
        for (text, expected) in [
            ("now", "2026-11-26 21:17:37.500000000"),
            ("10 s ago", "2026-11-26 21:17:27.500000000"),
            ("5 min", "2026-11-26 21:12:37.500000000"),
            ("5m", "2026-11-26 21:12:37.500000000"),
            ("2 hours ago", "2026-11-26 19:17:37.500000000"),
            ("1 day ago", "2026-11-25 21:17:37.500000000"),
            ("3 weeks", "2026-11-05 21:17:37.500000000"),
            ("today", "2026-11-25 23:00:00.000000000"),
            ("yesterday", "2026-11-24 23:00:00.000000000"),
            ("20:15", "2026-11-26 19:15:00.000000000"),
            ("22:17:37", "2026-11-26 21:17:37.000000000"),
            // That time of day is yet to come today: it means yesterday's.
            ("23:00", "2026-11-25 22:00:00.000000000"),
            ("2026-11-01", "2026-10-31 23:00:00.000000000"),
            ("2026-07-01 12:00", "2026-07-01 10:00:00.000000000"),
            ("2026-07-01 12:00:01.25", "2026-07-01 10:00:01.250000000"),
            ("2026-07-01T12:00:01Z", "2026-07-01 12:00:01.000000000"),
            ("2026-07-01T12:00:01.000000001-05:30", "2026-07-01 17:30:01.000000001"),
            ("2026-07-01 12:00:01 +0100", "2026-07-01 11:00:01.000000000"),
            ("2016-12-31T23:59:60Z", "2016-12-31 23:59:59.000000000"),
            // The clock skips it in spring, and shows it twice in autumn.
            ("2026-03-29 02:30", "2026-03-29 01:30:00.000000000"),
            ("2026-10-25 02:30", "2026-10-25 00:30:00.000000000"),
            ("@4000000037c219c92ef02e94", "1999-08-24 04:04:15.787492500"),
            ("2024-02-29", "2024-02-28 23:00:00.000000000"),
        ] {
            assert_eq!(since(text), expected, "{text}");
        }
        assert_eq!(at("23:00", Bound::Until).unwrap(), "2026-11-26 22:00:00.000000000");
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "x",
            "5",
            "5 parsecs",
            "-5 min",
            "ago",
            "24:00",
            "12:60",
            "1:2",
            "12",
            "2026-13-01",
            "2026-02-29",
            "2026-1-1",
            "2026-01-32",
            "2026-01-00",
            "2026-01-01 25:00",
            "2026-01-01x",
            "2026-01-01 12",
            "2026-01-01T12:00X",
            "2026-01-01T12:00+1",
            "@40",
            "12:00.5",
            "99999999999999999999 s",
            "9223372036854775807 w",
            "2026-01-01 12:00:00.",
            "ü026-01-01",
        ] {
            assert_eq!(at(text, Bound::Since), None, "{text}");
        }
    }

    #[test]
    fn the_days_are_those_of_the_calendar() {
        let utc: Ahead = Rc::new(|_| 0);
        for day in (-1000..40_000).step_by(7) {
            let shown = date_text(day * DAY);
            assert_eq!(civil(&shown), Some(day * DAY), "{shown}");
            assert_eq!(unix_of_local(day * DAY, &utc), day * DAY);
        }
    }
}
