//! Labels as a local clock shows them: `YYYY-MM-DD HH:MM:SS.nnnnnnnnn` (contract.md, section 12).

use super::Local;
use crate::calendar::Moment;
use crate::tai64n::Label;

/// Over two thousand million years: no moment as far off has a year to print.
const FARTHEST: u64 = 1 << 56;

/// Writes dates. `At` tells what the local clock shows at a moment.
#[derive(Debug)]
pub struct Dates<At> {
    local: At,
    /// The second that was last asked for, and its text, empty where it has none: labels come many
    /// to a second.
    second: i64,
    text: Vec<u8>,
}

impl<At: FnMut(i64) -> Local> Dates<At> {
    /// Local time as `local` has it.
    pub fn new(local: At) -> Self {
        let mut new = Self { local, second: 0, text: Vec::new() };
        new.look_up(0);
        new
    }

    /// Appends the local time of `label`; false, and nothing, where it has none.
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

/// Nine digits, or ten: labels may say more than a second's nanoseconds.
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
