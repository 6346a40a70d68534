//! How a line is shown, and what is gathered before it is written.

use crate::output::{self, Ended};
use crate::text;
use daemontools_rs::sys::{descriptor, terminal};
use daemontools_rs::tai64n::{Label, TEXT};
use daemontools_rs::zone::date::Dates;
use daemontools_rs::zone::{Local, Zone};
use std::collections::VecDeque;
use std::rc::Rc;

/// How much is gathered before it is written.
const FULL: usize = 1 << 16;
/// How much a pipe always takes without blocking, once poll says that it is writable.
const SMALL: usize = 1 << 12;

/// How moments are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// In local time.
    Local,
    /// In UTC.
    Utc,
    /// As they are in the log.
    Raw,
}

/// Gathers lines, and writes them.
pub struct Printer {
    clock: Clock,
    dates: Dates<Box<dyn FnMut(i64) -> Local>>,
    is_terminal: bool,
    /// How many columns a line may have.
    columns: Option<usize>,
    gathered: Vec<u8>,
    /// How much of `gathered` was written.
    written: usize,
    /// How many of the last lines are kept, and where each begins.
    last: Option<(usize, VecDeque<usize>)>,
}

impl Printer {
    /// `cuts`: lines are cut to the width of the terminal. `last`: only so many lines are printed.
    #[must_use]
    pub fn new(clock: Clock, zone: Rc<Zone>, cuts: bool, last: Option<usize>) -> Self {
        let stdout = descriptor::standard(1);
        let columns = terminal::columns(stdout).map(usize::from);
        let local: Box<dyn FnMut(i64) -> Local> = match clock {
            Clock::Utc => Box::new(|moment| Zone::Utc.at(moment)),
            Clock::Local | Clock::Raw => Box::new(move |moment| zone.at(moment)),
        };
        Self {
            clock,
            dates: Dates::new(local),
            is_terminal: descriptor::is_terminal(stdout),
            columns: columns.filter(|_| cuts),
            gathered: Vec::with_capacity(FULL + SMALL),
            written: 0,
            last: last.map(|count| (count, VecDeque::new())),
        }
    }

    /// Adds a line of a service, whose label takes `head` bytes.
    pub fn add(&mut self, name: &str, line: &[u8], moment: Option<Label>, head: usize) {
        let begin = self.gathered.len();
        self.gathered.extend_from_slice(name.as_bytes());
        let (stamp, rest) = line.split_at_checked(head).unwrap_or((b"", line));
        // multilog's `T` wrote local time already.
        let is_shown = self.clock == Clock::Raw || self.clock == Clock::Local && head != TEXT;
        let moment = moment.filter(|_| head > 0 && !is_shown);
        if !moment.is_some_and(|moment| self.dates.write(moment, &mut self.gathered)) {
            self.gathered.extend_from_slice(stamp);
        }
        if !self.is_terminal {
            self.gathered.extend_from_slice(rest);
        } else if let Some(columns) = self.columns {
            let rest = text::line(rest).replace('\t', " ");
            let head = self.gathered.split_off(begin);
            let line = format!("{}{rest}", String::from_utf8_lossy(&head));
            self.gathered.extend_from_slice(text::cut(&line, columns).as_bytes());
        } else {
            self.gathered.extend_from_slice(text::line(rest).as_bytes());
        }
        self.gathered.push(b'\n');
        if let Some((count, begins)) = &mut self.last {
            begins.push_back(begin);
            if begins.len() > *count {
                begins.pop_front();
            }
        }
    }

    /// Drops all but the last lines that are wanted, once much is gathered.
    fn drop_first(&mut self, least: usize) {
        let Some((_, begins)) = &mut self.last else { return };
        let from = begins.front().copied().unwrap_or(self.gathered.len());
        if from > least {
            self.gathered.drain(..from);
            for begin in begins {
                *begin -= from;
            }
        }
    }

    /// Whether enough is gathered to be written.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.gathered.len() - self.written >= FULL
    }

    /// Whether anything is gathered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == self.gathered.len()
    }

    /// Writes what was gathered. While only the last lines are wanted, drops the others instead.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn flush(&mut self) -> Result<(), Ended> {
        if self.last.is_some() {
            self.drop_first(16 * FULL);
            return Ok(());
        }
        let result = output::put(self.gathered.get(self.written..).unwrap_or_default());
        self.gathered.clear();
        self.written = 0;
        result
    }

    /// Writes the last lines; from now on all are printed.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub fn end_of_last(&mut self) -> Result<(), Ended> {
        self.drop_first(0);
        self.last = None;
        self.flush()
    }

    /// Writes a small part, which never blocks once the reader takes anything.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub fn write_some(&mut self) -> Result<(), Ended> {
        let left = self.gathered.get(self.written..).unwrap_or_default();
        let some = left.get(..SMALL).unwrap_or(left);
        self.written += output::put_some(some)?;
        if self.is_empty() {
            self.gathered.clear();
            self.written = 0;
        }
        Ok(())
    }
}
