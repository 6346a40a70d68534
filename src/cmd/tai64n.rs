//! tai64n: puts a TAI64N label before each line. Contract: tai64n(8), contract.md, section 11.

use crate::args::Usage;
use crate::error::{Exit, Program};
use crate::fill::fill;
use crate::filter::{self, Filter};
use crate::newlines::Newlines;
use crate::sys::clock;
use crate::sys::command_line::Arguments;
use crate::tai64n::{Label, TEXT};

/// How it is used. As in 0.76 it never prints that.
pub const USAGE: Usage = Usage::of(Program::command("tai64n"), "tai64n");

/// Runs tai64n. Arguments are ignored.
#[must_use]
pub fn run(_: Arguments) -> Exit {
    filter::run(&mut Stamper::new(|| Label::of_unix(clock::wall())))
}

/// Labels the lines of its input. A line begins with its first byte: after the last newline there
/// is no line until a byte comes.
#[derive(Debug)]
pub struct Stamper<Clock> {
    clock: Clock,
    /// The label of the present block, and a space.
    stamp: [u8; TEXT + 1],
    at_start: bool,
}

impl<Clock: FnMut() -> Label> Stamper<Clock> {
    /// Labels lines with the time of `clock` when their block was read.
    pub fn new(clock: Clock) -> Self {
        Self { clock, stamp: [b' '; TEXT + 1], at_start: true }
    }
}

impl<Clock: FnMut() -> Label> Filter for Stamper<Clock> {
    /// All lines that begin in a block get one label: the time at which they were read.
    fn begin_block(&mut self) {
        let text = (self.clock)().text();
        fill(&mut self.stamp, text);
    }

    fn take(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let mut start = 0;
        for newline in Newlines::of(piece) {
            if self.at_start {
                output.extend_from_slice(&self.stamp);
            }
            output.extend_from_slice(piece.get(start..=newline).unwrap_or_default());
            start = newline + 1;
            self.at_start = true;
        }
        let rest = piece.get(start..).unwrap_or_default();
        if !rest.is_empty() {
            if self.at_start {
                output.extend_from_slice(&self.stamp);
            }
            output.extend_from_slice(rest);
            self.at_start = false;
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
