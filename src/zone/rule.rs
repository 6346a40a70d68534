//! A zone as a rule of POSIX for `TZ`: `CET-1CEST,M3.5.0,M10.5.0/3`. Pure.

use crate::calendar::{Moment, days_before_year};

const DAY: i64 = 86_400;
/// The dates for a zone that has a summer time but gives no dates: those of the USA.
const DEFAULT: &[u8] = b",M3.2.0,M11.1.0";

/// A zone: its standard time, and its summer time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How many seconds ahead of UTC the standard time is.
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    /// How many seconds ahead of UTC.
    ahead: i64,
    begin: ClockChange,
    end: ClockChange,
}

/// A day of the year, and a time of that day, in seconds from midnight by the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClockChange {
    day: Day,
    time: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// From 1 to 365, 29 February never counted.
    Julian(i64),
    /// From 0 to 365.
    Plain(i64),
    /// A weekday of a month by its count; the fifth means the last.
    Weekday { month: i64, week: i64, weekday: i64 },
}

impl Rule {
    /// Parses `text`; `None` if it is no such rule.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut left = text;
        name(&mut left)?;
        let standard = -time(&mut left, 24)?;
        if left.is_empty() {
            return Some(Self { standard, summer: None });
        }
        name(&mut left)?;
        let ahead = match left.first() {
            None | Some(b',') => standard + 3600,
            Some(_) => -time(&mut left, 24)?,
        };
        if left.is_empty() {
            left = DEFAULT;
        }
        let begin = change(&mut left)?;
        let end = change(&mut left)?;
        let summer = Some(Summer { ahead, begin, end });
        left.is_empty().then_some(Self { standard, summer })
    }

    /// How many seconds ahead of UTC local clocks are at `moment`.
    #[must_use]
    pub fn ahead(&self, moment: i64) -> i64 {
        let Some(summer) = self.summer else { return self.standard };
        let year = Moment::of(moment.saturating_add(self.standard)).year();
        let begin = summer.begin.in_year(year) - self.standard;
        let end = summer.end.in_year(year) - summer.ahead;
        let is_summer = if begin <= end {
            (begin..end).contains(&moment)
        } else {
            // In the southern hemisphere summer time spans the new year.
            !(end..begin).contains(&moment)
        };
        if is_summer { summer.ahead } else { self.standard }
    }
}

impl ClockChange {
    /// This moment of `year`, in seconds since 1970 by the local clock.
    fn in_year(self, year: i64) -> i64 {
        let start = days_before_year(year);
        let is_leap = i64::from(days_before_year(year + 1) - start == 366);
        let day = match self.day {
            Day::Julian(day) => start + day - 1 + if day >= 60 { is_leap } else { 0 },
            Day::Plain(day) => start + day,
            Day::Weekday { month, week, weekday } => {
                // The lengths of the months from March on follow a pattern; the first two do not.
                let before = match month {
                    1 => 0,
                    2 => 31,
                    _ => (153 * (month - 3) + 2) / 5 + 59 + is_leap,
                };
                let length = match month {
                    2 => 28 + is_leap,
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                let first = start + before;
                // 1970 began on a Thursday.
                let day = (weekday - first - 4).rem_euclid(7) + 7 * (week - 1);
                first + if day < length { day } else { day - 7 }
            }
        };
        day * DAY + self.time
    }
}

/// Reads the name of a time: three letters or more, or in angle brackets digits and signs as well.
fn name(left: &mut &[u8]) -> Option<()> {
    let quoted = left.strip_prefix(b"<");
    let letters = quoted.unwrap_or(left);
    let end = match quoted {
        Some(_) => letters.iter().position(|byte| *byte == b'>')?,
        None => letters.iter().take_while(|byte| byte.is_ascii_alphabetic()).count(),
    };
    let after = if quoted.is_some() { end + 1 } else { end };
    *left = letters.get(after..)?;
    (end >= 3).then_some(())
}

/// Reads `[+-]h[:m[:s]]` of at most `hours` hours. Returns seconds.
fn time(left: &mut &[u8], hours: i64) -> Option<i64> {
    let sign = match left.split_first() {
        Some((b'-', rest)) => {
            *left = rest;
            -1
        }
        Some((b'+', rest)) => {
            *left = rest;
            1
        }
        _ => 1,
    };
    let mut seconds = number(left, 0, hours)? * 3600;
    for unit in [60, 1] {
        let Some(rest) = left.strip_prefix(b":") else { break };
        *left = rest;
        seconds += number(left, 0, 59)? * unit;
    }
    Some(sign * seconds)
}

/// Reads a comma, a day and perhaps a time. Without a time it is two in the morning.
fn change(left: &mut &[u8]) -> Option<ClockChange> {
    let mut taken = left.strip_prefix(b",")?;
    let day = match taken.split_first()? {
        (b'J', rest) => {
            taken = rest;
            Day::Julian(number(&mut taken, 1, 365)?)
        }
        (b'M', rest) => {
            taken = rest;
            let month = number(&mut taken, 1, 12)?;
            taken = taken.strip_prefix(b".")?;
            let week = number(&mut taken, 1, 5)?;
            taken = taken.strip_prefix(b".")?;
            Day::Weekday { month, week, weekday: number(&mut taken, 0, 6)? }
        }
        _ => Day::Plain(number(&mut taken, 0, 365)?),
    };
    let mut time_of_day = 2 * 3600;
    if let Some(rest) = taken.strip_prefix(b"/") {
        taken = rest;
        time_of_day = time(&mut taken, 167)?;
    }
    *left = taken;
    Some(ClockChange { day, time: time_of_day })
}

/// Reads a decimal number within these bounds.
fn number(left: &mut &[u8], least: i64, most: i64) -> Option<i64> {
    let end = left.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(left.len());
    let (digits, rest) = left.split_at_checked(end)?;
    let value: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    *left = rest;
    (least..=most).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_understood_whole_or_not_at_all() {
        let ahead = |text: &str| Rule::parse(text.as_bytes()).map(|rule| rule.ahead(1_000_000_000));
        for (text, expected) in [
            ("UTC0", 0),
            ("<-03>3", -10_800),
            ("LMT-0:53:28", 3208),
            ("EST5EDT", -14_400),
            ("EST+5EDT4:30,M3.2.0,M11.1.0", -16_200),
            ("XXX3EDT4,0/0,J365/23", -14_400),
        ] {
            assert_eq!(ahead(text), Some(expected), "{text}");
        }
        let wrong = "|ab|UTC|U0|UTCx|UTC25|UTC0:60|UTC0 |<ab>0|<abc0|UTC0XY|UTC0XYZ,|UTC0XYZ,M1.1.1|\
                     UTC0XYZ,M13.1.0,M1.1.0|UTC0XYZ,M1.6.0,M1.1.0|UTC0XYZ,M1.1.7,M1.1.0|UTC0XYZ,J0,J1|\
                     UTC0XYZ,366,1|UTC0XYZ,1/168,2|UTC0XYZ,1,2,3|UTC-+1";
        for text in wrong.split('|').map(str::trim_start) {
            assert_eq!(ahead(text), None, "{text}");
        }
    }

    /// Every day that a rule may name, in a common year and in a leap year.
    #[test]
    fn the_days_of_a_year_are_found() {
        let day = |text: &str, year| {
            let mut left = text.as_bytes();
            let change = change(&mut left).unwrap();
            let mut shown = Vec::new();
            assert!(Moment::of(change.in_year(year)).write(&mut shown));
            String::from_utf8(shown).unwrap()
        };
        assert_eq!(day(",J59/0", 2024), "2024-02-28 00:00:00");
        assert_eq!(day(",J60/0", 2024), "2024-03-01 00:00:00");
        assert_eq!(day(",J365", 2024), "2024-12-31 02:00:00");
        assert_eq!(day(",0/-1", 2024), "2023-12-31 23:00:00");
        assert_eq!(day(",59/0", 2024), "2024-02-29 00:00:00");
        // The weekdays on which the months of 2024 begin.
        let firsts = [1, 4, 5, 1, 3, 6, 1, 4, 0, 2, 5, 0].into_iter().zip(1..);
        for (weekday, month) in firsts {
            let expected = format!("2024-{month:02}-01 02:00:00");
            assert_eq!(day(&format!(",M{month}.1.{weekday}"), 2024), expected);
        }
        assert_eq!(day(",M2.5.4/24", 2024), "2024-03-01 00:00:00");
        assert_eq!(day(",M2.5.5", 2025), "2025-02-28 02:00:00");
        assert_eq!(day(",M3.2.0", 2026), "2026-03-08 02:00:00");
        assert_eq!(day(",M10.5.0/3", 2026), "2026-10-25 03:00:00");
        assert_eq!(day(",M3.4.4/26", 2026), "2026-03-27 02:00:00");
    }
}
