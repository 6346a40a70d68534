//! The timestamp before a line: a TAI64N label (multilog's `t`), or local time (our multilog's
//! `T`). Other products write a `T` with other digits, which counts as text here. Pure.

use super::times::{self, Ahead};
use core::fmt;
use core::time::Duration;
use daemontools_rs::tai64n::{Label, TEXT, is_digit};

/// The length of `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`.
pub const DATE: usize = 29;
/// How much of it changes only once a second.
const SECOND: usize = 19;

/// Reads the timestamps before lines.
#[derive(Clone)]
pub struct Stamps {
    ahead: Ahead,
    /// Whether a date before a line counts as a timestamp.
    reads_dates: bool,
    /// The last date that was read, to the second, and its time.
    second: [u8; SECOND],
    unix: i64,
}

impl fmt::Debug for Stamps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stamps").field("reads_dates", &self.reads_dates).finish()
    }
}

impl Stamps {
    /// `ahead`: by how much local clocks are ahead of UTC at a time.
    #[must_use]
    pub const fn new(ahead: Ahead, reads_dates: bool) -> Self {
        Self { ahead, reads_dates, second: [0; SECOND], unix: 0 }
    }

    /// The time before a line, and how many bytes its timestamp takes.
    pub fn of(&mut self, line: &[u8]) -> Option<(Label, usize)> {
        match line.first()? {
            b'@' => label(line).map(|label| (label, TEXT)),
            b'0'..=b'9' if self.reads_dates => self.date(line).map(|label| (label, DATE)),
            _ => None,
        }
    }

    fn date(&mut self, line: &[u8]) -> Option<Label> {
        let micros = micros(line)?;
        let second = line.first_chunk()?;
        if *second != self.second {
            let text = std::str::from_utf8(second).ok()?;
            self.unix = times::unix_of_local(times::civil(text)?, &self.ahead);
            self.second = *second;
        }
        let seconds = u64::try_from(self.unix).ok()?;
        Some(Label::of_unix(Duration::new(seconds, micros * 1000)))
    }
}

/// Whether a timestamp stands here, so that a line begins here.
#[must_use]
pub fn is_beginning(text: &[u8]) -> bool {
    label(text).is_some() || micros(text).is_some()
}

/// The label before a line, as tai64nlocal recognizes it.
fn label(line: &[u8]) -> Option<Label> {
    let (text, rest) = line.split_first_chunk::<TEXT>()?;
    if rest.first().is_some_and(|&byte| is_digit(byte)) { None } else { Label::of_text(text) }
}

/// The microseconds of the date before a line, if our multilog wrote it: nine digits that end in
/// 500, and a space.
fn micros(line: &[u8]) -> Option<u32> {
    const SHAPE: &[u8; DATE + 1] = b"0000-00-00 00:00:00.000000500 ";
    let text = line.first_chunk::<{ DATE + 1 }>()?;
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    };
    if !text.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let digits = text.get(SECOND + 1..SECOND + 7)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    fn of(line: &str, reads_dates: bool) -> Option<(u64, u32, usize)> {
        let mut stamps = Stamps::new(Rc::new(|_| 3600), reads_dates);
        let (label, length) = stamps.of(line.as_bytes())?;
        Some((label.unix_seconds(), label.nanoseconds(), length))
    }

    #[test]
    fn labels_and_our_dates_are_read_and_no_others() {
        let label = "@4000000037c219c92ef02e94";
        assert_eq!(of(&format!("{label} text"), false), Some((935_467_455, 787_492_500, 25)));
        assert_eq!(of(label, false), Some((935_467_455, 787_492_500, 25)));
        assert_eq!(of(&format!("{label}0"), false), None);
        assert_eq!(of("@4000000037c219c92ef02e9", false), None);
        let date = "1999-08-24 05:04:15.787492500 ";
        assert_eq!(of(&format!("{date}x"), true), Some((935_467_455, 787_492_500, 29)));
        assert_eq!(of(date, false), None);
        for other in [
            // s6 writes all nine digits, encore five.
            "1999-08-24 05:04:15.787492123  x",
            "1999-08-24 05:04:15.78749 x",
            "1999-08-24T05:04:15.787492500 x",
            "1999-08-24 05:04:15.787492500",
            "1999-13-24 05:04:15.787492500 x",
            "",
        ] {
            assert_eq!(of(other, true), None, "{other}");
        }
        assert!(is_beginning(date.as_bytes()) && is_beginning(label.as_bytes()));
        assert!(!is_beginning(b"text") && !is_beginning(b""));
    }
}
