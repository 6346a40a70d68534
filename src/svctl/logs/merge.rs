//! Merges the lines of several readers by their times. Lines of the same time keep the order of the
//! readers. A line without a time counts as of the time of the line before it.

use super::print::Printer;
use super::reader::{Reader, Step};
use crate::output::Ended;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A reader, and the name that its lines have before them.
#[derive(Debug)]
pub struct Source {
    /// The name and what separates it from the line; empty if there is only one service.
    pub name: String,
    /// Reads its logs.
    pub reader: Reader,
}

impl Source {
    /// Prints the current line.
    pub fn print(&self, printer: &mut Printer) {
        let reader = &self.reader;
        printer.add(&self.name, reader.line(), reader.moment(), reader.head());
    }

    /// Goes on to the next line; false if there is none. If the search takes long, what was
    /// gathered is written meanwhile.
    fn step(&mut self, printer: &mut Printer) -> Result<bool, Ended> {
        loop {
            match self.reader.step() {
                Step::Line => return Ok(true),
                Step::End => return Ok(false),
                Step::Nothing => printer.flush()?,
            }
        }
    }
}

/// Prints all lines.
///
/// # Errors
/// Why it cannot be written.
pub fn print_all(sources: &mut [Source], printer: &mut Printer) -> Result<(), Ended> {
    let mut heads = BinaryHeap::new();
    for (number, source) in sources.iter_mut().enumerate() {
        if source.step(printer)? {
            heads.push(Reverse((source.reader.moment(), number)));
        }
    }
    let mut is_first = true;
    while let Some(Reverse((_, number))) = heads.pop() {
        let Some(source) = sources.get_mut(number) else { break };
        source.print(printer);
        if printer.is_full() || std::mem::take(&mut is_first) {
            printer.flush()?;
        }
        if source.step(printer)? {
            heads.push(Reverse((source.reader.moment(), number)));
        }
    }
    Ok(())
}
