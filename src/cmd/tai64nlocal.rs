//! tai64nlocal: turns the TAI64N label before each line into local time. Contract:
//! tai64nlocal(8), reference section 12.
//!
//! What is no label stays as it is: anything but `@` and exactly 24 lower-case hexadecimal digits
//! at the beginning of a line, or a time that has no date.

use crate::calendar::Moment;
use crate::error::Exit;
use crate::filter::{self, Filter};
use crate::newlines::Newlines;
use crate::sys::start::Arguments;
use crate::tai64n::{Label, TEXT, is_digit};
use crate::zone::{Local, Zone};

/// Runs tai64nlocal. Arguments are ignored.
#[must_use]
pub fn run(_: Arguments) -> Exit {
    let zone = Zone::of_environment();
    filter::run(&mut Localizer::new(|moment| zone.at(moment)))
}

/// Over two thousand million years: no moment as far off has a year to print.
const FARTHEST: u64 = 1 << 56;

/// Where in a line the next byte is.
#[derive(Debug)]
enum Place {
    Start,
    /// In what may become a label, which is held back until that is known.
    Label,
    Rest,
}

/// Turns labels into dates. `At` tells what the local clock shows at a moment.
#[derive(Debug)]
pub struct Localizer<At> {
    local: At,
    place: Place,
    held: Vec<u8>,
    /// The second that was last asked for, and its text, empty where it has none: lines come many
    /// to a second.
    second: i64,
    text: Vec<u8>,
}

impl<At: FnMut(i64) -> Local> Localizer<At> {
    /// Local time as `local` has it.
    pub fn new(local: At) -> Self {
        let held = Vec::with_capacity(TEXT);
        let mut new = Self { local, place: Place::Start, held, second: 0, text: Vec::new() };
        new.look_up(0);
        new
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

    /// Appends the local time of `label`; its text, `bytes`, where it has none.
    fn convert(&mut self, label: Label, bytes: &[u8], output: &mut Vec<u8>) {
        let second = label.unix_time();
        if second != self.second {
            self.look_up(second);
        }
        if self.text.is_empty() {
            return output.extend_from_slice(bytes);
        }
        output.extend_from_slice(&self.text);
        output.push(b'.');
        write_nanoseconds(label.nanoseconds(), output);
    }

    /// Gives out what was held back, now that it is known whether a label is complete.
    fn release(&mut self, is_complete: bool, output: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let label = held.as_array().filter(|_| is_complete).and_then(Label::of_text);
        match label {
            Some(label) => self.convert(label, &held, output),
            None => output.extend_from_slice(&held),
        }
        self.held = held;
        self.held.clear();
    }
}

impl<At: FnMut(i64) -> Local> Filter for Localizer<At> {
    fn take(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let mut left = piece;
        while let Some((&first, after)) = left.split_first() {
            match self.place {
                Place::Start if first != b'@' => self.place = Place::Rest,
                // The label and what ends it, all at hand.
                Place::Start if let Some((bytes, [next, ..])) = left.split_first_chunk() => {
                    self.place = Place::Rest;
                    // Of what is no label, the newline may be among these bytes.
                    if let Some(label) = Label::of_text(bytes)
                        && !is_digit(*next)
                    {
                        self.convert(label, bytes, output);
                        left = left.get(TEXT..).unwrap_or_default();
                    }
                }
                Place::Start => {
                    self.place = Place::Label;
                    self.held.push(first);
                    left = after;
                }
                Place::Label if is_digit(first) && self.held.len() < TEXT => {
                    self.held.push(first);
                    left = after;
                }
                Place::Label => {
                    self.release(!is_digit(first), output);
                    self.place = Place::Rest;
                }
                Place::Rest => {
                    let end = Newlines::of(left).next();
                    let (line, others) = left.split_at(end.map_or(left.len(), |end| end + 1));
                    output.extend_from_slice(line);
                    left = others;
                    if end.is_some() {
                        self.place = Place::Start;
                    }
                }
            }
        }
    }

    fn finish(&mut self, output: &mut Vec<u8>) {
        self.release(true, output);
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
