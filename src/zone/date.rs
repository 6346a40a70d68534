//! Labels as a local clock shows them: `YYYY-MM-DD HH:MM:SS.nnnnnnnnn` (contract.md, section 12).

use super::Local;
use crate::calendar::Moment;
use crate::tai64n::Label;

/// Over two thousand million years: the year of a time as far off as this cannot be printed.
const FARTHEST: u64 = 1 << 56;

/// Writes dates. `At` gives what the local clock shows at a time.
#[derive(Debug)]
pub struct Dates<At> {
    local: At,
    /// A cache, since many labels have the same second: the last second, and its text, which is
    /// empty if it has none.
    second: i64,
    text: Vec<u8>,
}

impl<At: FnMut(i64) -> Local> Dates<At> {
    /// Uses the local time that `local` gives.
    pub fn new(local: At) -> Self {
        let mut new = Self { local, second: 0, text: Vec::new() };
        new.look_up(0);
        new
    }

    /// Appends the local time of `label`. Appends nothing and returns false if it has none.
    #[must_use]
    pub fn write(&mut self, label: Label, output: &mut Vec<u8>) -> bool {
        let second = label.unix_time();
        if second != self.second {
            self.look_up(second);
        }
        if self.text.is_empty() {
            return false;
        }
        output.extend_from_slice(&self.text);
        output.push(b'.');
        write_nanoseconds(label.nanoseconds(), output);
        true
    }

    fn look_up(&mut self, second: i64) {
        self.second = second;
        self.text.clear();
        if second.unsigned_abs() > FARTHEST {
            return;
        }
        let local = (self.local)(second);
        let clock = Moment::of(second + local.ahead).with_leap(local.leap);
        if !clock.write(&mut self.text) {
            self.text.clear();
        }
    }
}

/// Nine digits, or ten: a label may have more nanoseconds than a second has.
fn write_nanoseconds(number: u32, output: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut left = number;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    let [first, others @ ..] = digits;
    if first != b'0' {
        output.push(first);
    }
    output.extend_from_slice(&others);
}
