//! tai64nlocal: turns the TAI64N label before each line into local time. Contract:
//! tai64nlocal(8), contract.md, section 12.
//!
//! A label is `@` and exactly 24 lower-case hexadecimal digits at the beginning of a line.
//! Everything else, and a label whose time has no date, is copied unchanged.

use crate::args::Usage;
use crate::error::{Exit, Program};
use crate::filter::{self, Filter};
use crate::newlines::Newlines;
use crate::sys::command_line::Arguments;
use crate::tai64n::{Label, TEXT, is_digit};
use crate::zone::date::Dates;
use crate::zone::{Local, Zone};

/// How it is used. As in 0.76 it never prints that.
pub const USAGE: Usage = Usage::of(Program::command("tai64nlocal"), "tai64nlocal");

/// Runs tai64nlocal. Arguments are ignored.
#[must_use]
pub fn run(_: Arguments) -> Exit {
    let zone = Zone::of_environment();
    filter::run(&mut Localizer::new(|moment| zone.at(moment)))
}

/// The place of the next byte in its line.
#[derive(Debug)]
enum Place {
    Start,
    /// In a possible label, which is held back until that is decided.
    Label,
    Rest,
}

/// Turns labels into dates. `At` gives what the local clock shows at a time.
#[derive(Debug)]
pub struct Localizer<At> {
    dates: Dates<At>,
    place: Place,
    /// The beginning of a possible label.
    held: Vec<u8>,
}

impl<At: FnMut(i64) -> Local> Localizer<At> {
    /// Uses the local time that `local` gives.
    pub fn new(local: At) -> Self {
        let held = Vec::with_capacity(TEXT);
        Self { dates: Dates::new(local), place: Place::Start, held }
    }

    /// Appends the local time of `label`, or its text `bytes` if it has none.
    fn convert(&mut self, label: Label, bytes: &[u8], output: &mut Vec<u8>) {
        if !self.dates.write(label, output) {
            output.extend_from_slice(bytes);
        }
    }

    /// Appends what was held back, converted if it is a complete label.
    fn release(&mut self, is_complete: bool, output: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let label = <&[u8; TEXT]>::try_from(held.as_slice())
            .ok()
            .filter(|_| is_complete)
            .and_then(Label::of_text);
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
            match (&self.place, left.split_first_chunk()) {
                (Place::Start, _) if first != b'@' => self.place = Place::Rest,
                // The block has the whole possible label, and the byte after it.
                (Place::Start, Some((bytes, [next, ..]))) => {
                    self.place = Place::Rest;
                    // If it is no label, the line's newline may be among these bytes: only a label
                    // is taken here.
                    if let Some(label) = Label::of_text(bytes).filter(|_| !is_digit(*next)) {
                        self.convert(label, bytes, output);
                        left = left.get(TEXT..).unwrap_or_default();
                    }
                }
                (Place::Start, _) => {
                    self.place = Place::Label;
                    self.held.push(first);
                    left = after;
                }
                (Place::Label, _) if is_digit(first) && self.held.len() < TEXT => {
                    self.held.push(first);
                    left = after;
                }
                (Place::Label, _) => {
                    self.release(!is_digit(first), output);
                    self.place = Place::Rest;
                }
                (Place::Rest, _) => {
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
