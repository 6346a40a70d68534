//! Where lines go: stderr, status files, log directories. For each log, how much it has of the unit
//! that is being handed on (see `delivery`).

use super::lines::{ByteOrigin, Lines, Stop, Take};
use super::logdir::LogDirectory;
use super::patience::Patience;
use super::script::{Script, Sink};
use super::trouble::Trouble;
use crate::error::Exit;
use crate::sys::clock;
use core::ops::Range;
use std::os::fd::OwnedFd;

/// All outputs of a script, open.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// The script.
    pub script: &'a Script,
    /// Has all waits.
    pub patience: Patience,
    /// The status files, in their order.
    pub statuses: Vec<OwnedFd>,
    /// The log directories, in their order.
    pub logs: Vec<Log<'a>>,
    /// The position in the input where the unit begins, perhaps inside a line.
    pub before: Lines,
    /// A copy of that position, used when we go through the unit again.
    pub again: Lines,
}

/// A log directory, and how much of the unit it has.
#[derive(Debug)]
pub struct Log<'a> {
    /// The directory.
    pub directory: LogDirectory<'a>,
    /// Whether it gets the line that was begun last.
    pub is_chosen: bool,
    /// Whether it got the line that the unit begins in.
    was_chosen: bool,
    /// How many bytes of the unit it has.
    pub written: usize,
    /// How many of these are in the present `current`.
    pub in_current: usize,
    /// Set once the log is given up, which gets no more: how many bytes of the input it lacks, and
    /// why.
    loss: Option<(usize, Trouble)>,
    /// What [`Outputs::measure`] has found so far.
    trial: Recount,
}

/// How much of a unit a log has, found by going through the unit again.
#[derive(Debug, Default)]
struct Recount {
    /// Whether it gets the line.
    is_chosen: bool,
    /// How many bytes it should have up to here.
    wanted: usize,
    /// How many of them it has, counting whole lines only.
    whole: usize,
    /// The offset in the block up to which it has all lines.
    reached: usize,
}

impl<'a> Log<'a> {
    /// A log that gets every line, until the script says otherwise.
    #[must_use]
    pub fn new(directory: LogDirectory<'a>) -> Self {
        Self {
            directory,
            is_chosen: true,
            was_chosen: true,
            written: 0,
            in_current: 0,
            loss: None,
            trial: Recount::default(),
        }
    }
}

impl<'a> Outputs<'a> {
    /// All outputs, before anything is written.
    #[must_use]
    pub fn new(
        script: &'a Script,
        patience: Patience,
        statuses: Vec<OwnedFd>,
        logs: Vec<Log<'a>>,
        [before, again]: [Lines; 2],
    ) -> Self {
        Self { script, patience, statuses, logs, before, again }
    }

    /// ALRM: rotates every log that has any bytes.
    pub fn rotate(&mut self) {
        for log in &mut self.logs {
            if log.directory.has_bytes() && log.directory.rotate(&mut self.patience).is_err() {
                log.directory.never_rotate();
            }
        }
    }

    /// Waits for input. Returns whether there is any. Meanwhile it checks the names of log
    /// directories that were written.
    pub fn wait_for_input(&mut self) -> bool {
        let due = self.logs.iter().filter_map(|log| log.directory.next_look()).min();
        let has_input = self.patience.wait_for_input(due);
        self.patience.has_bytes = false;
        if due.is_some_and(|due| clock::monotonic() >= due) {
            self.look();
        }
        has_input
    }

    /// Checks the names of directories whose last check is old. Returns whether all can be written;
    /// after TERM a lost one is not made again.
    pub fn look(&mut self) -> bool {
        let now = clock::monotonic();
        let mut all_stand = true;
        for log in &mut self.logs {
            if log.directory.is_due(now) {
                all_stand &= log.directory.look(&mut self.patience).is_ok();
            }
        }
        all_stand
    }

    /// Whether a given-up log lacks bytes of the input.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.logs.iter().any(|log| log.loss.is_some_and(|(bytes, _)| bytes > 0))
    }

    /// Goes again through a unit, which is this `part` of a block. Returns the offset up to which
    /// all logs have the block.
    pub fn measure(&mut self, block: &[u8], stamp: &[u8], part: Range<usize>) -> usize {
        let Self { script, logs, before, again, .. } = self;
        let start = part.start;
        again.stand_where(before);
        for log in logs.iter_mut() {
            log.trial = Recount { is_chosen: log.was_chosen, reached: start, ..Recount::default() };
        }
        let (mut place, mut reached) = (start, start);
        let unit = block.get(part).unwrap_or_default();
        for line in unit.split_inclusive(|byte| *byte == b'\n') {
            // Counting never stops.
            let _ = again.feed(line, stamp, &mut Count { script, logs });
            if again.is_mid_line() {
                break;
            }
            place += line.len();
            let mut have_all = true;
            for log in logs.iter_mut() {
                let has_it = log.trial.wanted <= log.written;
                if has_it {
                    (log.trial.whole, log.trial.reached) = (log.trial.wanted, place);
                }
                have_all &= has_it || log.loss.is_some();
            }
            if have_all {
                reached = place;
            }
        }
        reached
    }

    /// Closes all logs in order.
    pub fn close(mut self) -> Exit {
        let mut exit = Exit::SUCCESS;
        for log in self.logs {
            let name = log.directory.name();
            if let Err(trouble) = log.directory.close(&mut self.patience) {
                trouble.warn(name);
            }
            if let Some((bytes, trouble)) = log.loss.filter(|(bytes, _)| *bytes > 0) {
                exit = trouble.giving_up(name, bytes);
            }
        }
        exit
    }
}

impl Log<'_> {
    /// Whether it gets the present line.
    #[inline]
    #[must_use]
    pub const fn takes(&self) -> bool {
        self.is_chosen && self.loss.is_none()
    }

    /// A unit begins, of which the log has nothing yet.
    pub const fn begin_unit(&mut self) {
        self.was_chosen = self.is_chosen;
        (self.written, self.in_current) = (0, 0);
    }

    /// Gives the log up: it gets nothing more, and lacks so many bytes of the input.
    pub const fn give_up(&mut self, bytes: usize, why: Trouble) {
        self.loss = Some((bytes, why));
    }

    /// Whether it was given up.
    #[must_use]
    pub const fn is_given_up(&self) -> bool {
        self.loss.is_some()
    }

    /// The offset in the block up to which it has all lines, as last measured.
    #[must_use]
    pub const fn reached(&self) -> usize {
        self.trial.reached
    }

    /// Cuts a part of a line, found by the last measurement, off `current`.
    pub fn take_back(&mut self) {
        let part = self.written - self.trial.whole;
        if part > 0 && part <= self.in_current && self.directory.take_back(part) {
            self.written -= part;
            self.in_current -= part;
        }
    }
}

/// Counts lines instead of writing them.
struct Count<'a, 'b> {
    script: &'a Script,
    logs: &'a mut [Log<'b>],
}

impl Take for Count<'_, '_> {
    fn begin(&mut self, head: &[u8]) -> Result<(), Stop> {
        let script = self.script;
        script.walk(head, self);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8], _: ByteOrigin, _: usize) -> Result<(), Stop> {
        for log in self.logs.iter_mut().filter(|log| log.trial.is_chosen) {
            log.trial.wanted += bytes.len();
        }
        Ok(())
    }
}

impl Sink for Count<'_, '_> {
    fn alert(&mut self, _: &[u8]) {}

    fn status(&mut self, _: usize, _: &[u8]) {}

    fn choose(&mut self, number: usize, is_selected: bool) {
        if let Some(log) = self.logs.get_mut(number) {
            log.trial.is_chosen = is_selected;
        }
    }
}
