//! The calendar: turns a number of seconds into a date and a time of day. Pure; the caller has
//! added the local clock's offset from UTC.

const DAY: i64 = 86_400;
/// The days of 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;
/// From 1 March of the year 0 to 1 January 1970.
const TO_1970: i64 = 719_468;

/// How many days 1 January of `year` is after that of 1970.
#[must_use]
pub const fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    let fourths = past.div_euclid(4);
    365 * past + fourths - fourths.div_euclid(25) + past.div_euclid(400) - 719_162
}

/// A date and a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Moment {
    /// The date and time `seconds` after the start of 1970, on the same clock.
    #[must_use]
    pub const fn of(seconds: i64) -> Self {
        let (days, within) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        // Here years begin with March, so that 29 February is the last day of a year.
        let days = days + TO_1970;
        let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 4 / 25);
        let month = (5 * day + 2) / 153;
        Self {
            year: 400 * cycle + year + month / 10,
            month: if month < 10 { month + 3 } else { month - 9 },
            day: day - (153 * month + 2) / 5 + 1,
            hour: within / 3600,
            minute: within / 60 % 60,
            second: within % 60,
        }
    }

    /// The year; 0 is the year before the year 1.
    #[must_use]
    pub const fn year(self) -> i64 {
        self.year
    }

    /// Adds leap seconds to the second of the minute, so that second 59 becomes 60.
    #[must_use]
    pub const fn with_leap(self, seconds: i64) -> Self {
        Self { second: self.second + seconds, ..self }
    }

    /// Appends `YYYY-MM-DD HH:MM:SS`, the year in as many digits as it takes. Appends nothing and
    /// returns false for a year that 0.76 cannot print: before 0 or of more than 31 bits.
    #[must_use]
    pub fn write(self, text: &mut Vec<u8>) -> bool {
        let Ok(year) = i32::try_from(self.year) else { return false };
        if year < 0 {
            return false;
        }
        text.extend_from_slice(year.to_string().as_bytes());
        let parts = [
            (b'-', self.month),
            (b'-', self.day),
            (b' ', self.hour),
            (b':', self.minute),
            (b':', self.second),
        ];
        for (before, number) in parts {
            text.extend([before, digit(number / 10), digit(number % 10)]);
        }
        true
    }
}

/// The decimal digit of a number below 10.
fn digit(number: i64) -> u8 {
    u8::try_from(number).map_or(b'?', |number| b'0' + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: i64) -> String {
        let mut text = Vec::new();
        assert!(Moment::of(seconds).write(&mut text), "{seconds}");
        String::from_utf8(text).unwrap()
    }

    /// Counts the days one by one, by the rules of the calendar.
    #[test]
    fn every_day_of_nine_hundred_years_is_the_one_after_the_day_before() {
        let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1500, 1, 1);
        // 1500-01-01 is 171,664 days before 1970-01-01.
        for number in -171_664..157_054 {
            let expected = format!("{year}-{month:02}-{day:02} 23:59:59");
            assert_eq!(text(number * DAY + DAY - 1), expected);
            let length = match month {
                2 => 28 + i64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (2400, 1, 1));
    }

    /// What 0.76 prints, and the limits beyond which its output makes no sense.
    #[test]
    fn years_are_numbered_from_0_to_the_last_of_31_bits() {
        assert_eq!(text(-1), "1969-12-31 23:59:59");
        assert_eq!(text(-62_167_219_200), "0-01-01 00:00:00");
        assert_eq!(text(1_000_000_000_000), "33658-09-27 01:46:40");
        assert_eq!(text(67_767_976_233_446_399), "2147483647-12-30 23:59:59");
        let mut none = Vec::new();
        for seconds in [-62_167_219_201, 67_767_976_233_532_800, i64::MIN, i64::MAX] {
            assert!(!Moment::of(seconds).write(&mut none), "{seconds}");
        }
        assert!(none.is_empty());
    }
}
