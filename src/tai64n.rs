//! TAI64N labels: 12 bytes that stand for a time, as 0.76 writes them (contract.md, section 0.5).
//! Pure: the caller reads the clock.

use crate::fill::fill;
use core::time::Duration;

/// The second label of 1970-01-01 00:00:00 UTC: 2^62 seconds, and the ten seconds that TAI was
/// ahead. There is no leap-second table.
const EPOCH: u64 = (1 << 62) + 10;

/// The length of a label as text.
pub const TEXT: usize = 25;

/// A time, to the nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// TAI seconds, 2^62 at the start of 1970 TAI.
    seconds: u64,
    nanoseconds: u32,
}

impl Label {
    /// The label of a time of the wall clock. As in 0.76 it has the microsecond and adds half of
    /// one: every label ends in 500 nanoseconds.
    #[must_use]
    pub fn of_unix(time: Duration) -> Self {
        Self {
            seconds: EPOCH.wrapping_add(time.as_secs()),
            nanoseconds: time.subsec_micros() * 1000 + 500,
        }
    }

    /// `@` and 24 hexadecimal digits, as tai64n and multilog put before a line.
    #[must_use]
    pub fn text(self) -> [u8; TEXT] {
        let mut text = [b'@'; TEXT];
        let bytes = self.to_bytes().into_iter();
        let digits = bytes.flat_map(|byte| [byte >> 4, byte & 15]).map(digit);
        fill(text.get_mut(1..).unwrap_or_default(), digits);
        text
    }

    /// Parses `text`: `@` and 24 lower-case hexadecimal digits.
    #[must_use]
    pub fn of_text(text: &[u8; TEXT]) -> Option<Self> {
        let [b'@', digits @ ..] = text else { return None };
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = number(*high)? * 16 + number(*low)?;
        }
        Some(Self::from_bytes(bytes))
    }

    /// Big-endian seconds, then big-endian nanoseconds.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let (seconds, nanoseconds) = bytes.split_at_mut(8);
        seconds.copy_from_slice(&self.seconds.to_be_bytes());
        nanoseconds.copy_from_slice(&self.nanoseconds.to_be_bytes());
        bytes
    }

    /// Decodes 12 bytes. Any 12 bytes are a label.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            seconds: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            nanoseconds: u32::from_be_bytes([i, j, k, l]),
        }
    }

    /// The seconds since 1970 that this label stands for, nanoseconds ignored.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.seconds.saturating_sub(EPOCH)
    }

    /// The seconds since 1970 that this label stands for, as 0.76 computes them for any label:
    /// negative before 1970.
    #[must_use]
    pub const fn unix_time(self) -> i64 {
        i64::from_ne_bytes(self.seconds.wrapping_sub(EPOCH).to_ne_bytes())
    }

    /// The nanoseconds of the label, which may be more than a second.
    #[must_use]
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Whole seconds from this label to `now`, nanoseconds ignored; 0 for a label in the future.
    #[must_use]
    pub fn seconds_until(self, now: Self) -> u64 {
        now.seconds.saturating_sub(self.seconds)
    }
}

/// The lower-case hexadecimal digit of a number below 16.
const fn digit(number: u8) -> u8 {
    if number < 10 { b'0' + number } else { b'a' + number - 10 }
}

/// The number that a lower-case hexadecimal digit stands for.
const fn number(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Whether a byte is a digit of a label: hexadecimal, lower-case.
#[must_use]
pub const fn is_digit(byte: u8) -> bool {
    number(byte).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_0_76_writes() {
        let label = Label::of_unix(Duration::new(935_467_455, 787_492_999));
        assert_eq!(label.to_bytes(), *b"\x40\0\0\0\x37\xc2\x19\xc9\x2e\xf0\x2e\x94");
        assert_eq!(Label::from_bytes(label.to_bytes()), label);
        assert_eq!(&label.text(), b"@4000000037c219c92ef02e94");
    }

    #[test]
    fn a_text_is_a_label_or_none() {
        let label = Label::of_unix(Duration::new(935_467_455, 787_492_999));
        assert_eq!(Label::of_text(&label.text()), Some(label));
        assert_eq!(label.unix_time(), 935_467_455);
        assert_eq!(label.unix_seconds(), 935_467_455);
        assert_eq!(label.nanoseconds(), 787_492_500);
        let before = Label::of_text(b"@4000000000000009ffffffff").unwrap();
        assert_eq!((before.unix_time(), before.nanoseconds()), (-1, u32::MAX));
        for wrong in [b"@4000000037C219c92ef02e94", b"04000000037c219c92ef02e94"] {
            assert_eq!(Label::of_text(wrong), None);
        }
    }

    #[test]
    fn digits_are_hexadecimal_and_lower_case() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_digit(byte), b"0123456789abcdef".contains(&byte), "{byte}");
        }
        for value in 0..16 {
            assert_eq!(number(digit(value)), Some(value));
        }
    }

    #[test]
    fn a_label_in_the_future_is_no_seconds_away() {
        let early = Label::of_unix(Duration::from_secs(10));
        let late = Label::of_unix(Duration::from_secs(17));
        assert_eq!(early.seconds_until(late), 7);
        assert_eq!(late.seconds_until(early), 0);
    }
}
