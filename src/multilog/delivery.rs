//! Hands a block of input on to the outputs, and knows how much of it all of them have.
//!
//! A block is handed on in units. A unit ends at the end of the block, or before a log is rotated.
//! At that point all logs have the unit, and multilog takes it out of the pipe: if multilog is
//! killed later, the next one goes on after it. If a log cannot be written, multilog goes through
//! the unit again to find how much of it all logs have; the rest can stay in the pipe.

use super::input::Pipe;
use super::lines::{ByteOrigin, Lines, Stop, Take, WINDOW};
use super::logdir::LogDirectory;
use super::outputs::{Log, Outputs};
use super::script::Sink;
use super::trouble::{Attempt, MULTILOG, Trouble};
use crate::fill::fill;
use crate::sys::{Errno, descriptor};
use std::io::IoSlice;
use std::os::fd::AsFd;

/// The most bytes of a line that `e` shows.
const ALERT: usize = 200;
/// The size of a status file: the window and a newline.
const STATUS: usize = WINDOW + 1;

/// A block on its way to the outputs.
pub struct Delivery<'a, 'b> {
    outputs: &'a mut Outputs<'b>,
    block: &'a [u8],
    stamp: &'a [u8],
    /// The pipe that still has the block, if the input is a pipe.
    pipe: Option<&'a Pipe>,
    /// How many bytes of the line in which the block begins are in memory alone.
    held: usize,
    /// Offsets in the block: where the unit begins, how far it is handed on, where the present
    /// piece ends.
    start: usize,
    done: usize,
    limit: usize,
    /// How much of the block was taken out of the pipe.
    taken: usize,
    is_mid_line: bool,
    /// No more of the block is accepted. With `is_left`, gathered bytes are not written: the pipe
    /// has them.
    is_stopped: bool,
    is_left: bool,
}

impl<'a, 'b> Delivery<'a, 'b> {
    /// Begins to hand on `block`, which follows what `lines` has read. Each line gets `stamp`.
    pub fn new(
        outputs: &'a mut Outputs<'b>,
        lines: &Lines,
        (block, pipe): (&'a [u8], Option<&'a Pipe>),
        stamp: &'a [u8],
    ) -> Self {
        let held = lines.held();
        let may_stop = pipe.is_some() && held == 0;
        outputs.patience.has_bytes = !may_stop;
        let is_stopped = !outputs.look() && may_stop;
        outputs.before.stand_where(lines);
        let mut new = Self {
            outputs,
            block,
            stamp,
            pipe,
            held,
            start: 0,
            done: 0,
            limit: 0,
            taken: 0,
            is_mid_line: lines.is_mid_line(),
            is_stopped,
            is_left: false,
        };
        new.begin_unit();
        new
    }

    /// The block, to be passed to [`Lines::feed`].
    #[must_use]
    pub const fn block(&self) -> &'a [u8] {
        self.block
    }

    /// Ends the last unit, after `lines` is done with the block. Returns whether to read on.
    pub fn end(mut self, fed: Result<(), Stop>) -> bool {
        if fed.is_ok() {
            self.done = self.block.len();
        }
        let is_settled = !self.is_left && self.settle().is_ok();
        self.outputs.logs.iter_mut().for_each(|log| log.directory.buffer.clear());
        is_settled && fed.is_ok() && !self.outputs.has_lost()
    }

    fn begin_unit(&mut self) {
        self.start = self.done;
        self.outputs.logs.iter_mut().for_each(Log::begin_unit);
    }

    /// Ends the unit: writes what is gathered, then takes the unit out of the pipe.
    fn settle(&mut self) -> Result<(), Stop> {
        for number in 0..self.outputs.logs.len() {
            self.write_gathered(number)?;
        }
        self.take_out(self.done);
        Ok(())
    }

    fn take_out(&mut self, until: usize) {
        let Some(pipe) = self.pipe else { return };
        if until > self.taken {
            pipe.take_out(until - self.taken);
            self.taken = until;
        }
    }

    fn log(&mut self, number: usize) -> Option<&mut Log<'b>> {
        self.outputs.logs.get_mut(number)
    }

    /// Gathers bytes for a log, or writes them, if the log gets this line.
    fn give(&mut self, number: usize, bytes: &[u8]) -> Result<(), Stop> {
        let Some(log) = self.log(number).filter(|log| log.takes()) else { return Ok(()) };
        log.directory.note(bytes);
        let is_large = log.directory.is_large(bytes);
        if is_large || !log.directory.has_room(bytes) {
            self.write_gathered(number)?;
        }
        if is_large {
            return self.write(number, bytes);
        }
        if let Some(log) = self.log(number).filter(|log| !log.is_given_up()) {
            log.directory.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn write_gathered(&mut self, number: usize) -> Result<(), Stop> {
        let Some(log) = self.log(number).filter(|log| !log.directory.buffer.is_empty()) else {
            return Ok(());
        };
        let mut buffer = core::mem::take(&mut log.directory.buffer);
        let written = self.write(number, &buffer);
        buffer.clear();
        if let Some(log) = self.log(number) {
            log.directory.buffer = buffer;
        }
        written
    }

    /// Writes bytes to a log. In trouble it waits until they are written, or until the log is given
    /// up.
    fn write(&mut self, number: usize, bytes: &[u8]) -> Result<(), Stop> {
        let mut place = 0;
        let mut was_stale = false;
        while let Some(rest) = bytes.get(place..).filter(|rest| !rest.is_empty()) {
            let Some(log) = self.log(number).filter(|log| !log.is_given_up()) else {
                return Ok(());
            };
            let error = match log.directory.write(rest) {
                Ok(taken) => {
                    log.written += taken;
                    log.in_current += taken;
                    place += taken;
                    was_stale = false;
                    continue;
                }
                Err(error) => error,
            };
            if error == Errno::EFBIG && log.directory.has_bytes() {
                place -= self.end_at_line(number, bytes.get(..place).unwrap_or_default());
                let reached = self.measure();
                self.take_out(reached);
                if self.rotate_log(number) {
                    continue;
                }
            }
            if error == Errno::ESTALE && was_stale {
                let Outputs { logs, patience, .. } = &mut *self.outputs;
                if let Some(log) = logs.get_mut(number) {
                    if log.directory.enter_again(patience).is_ok() {
                        log.in_current = 0;
                        was_stale = false;
                        continue;
                    }
                }
            }
            was_stale = error == Errno::ESTALE;
            let trouble = Trouble { attempt: Attempt::on("write to ", "current"), error };
            self.pause(number, trouble)?;
        }
        Ok(())
    }

    /// Waits for trouble with a log to pass. First takes out of the pipe what all logs have.
    fn pause(&mut self, number: usize, trouble: Trouble) -> Result<(), Stop> {
        let reached = self.measure();
        self.take_out(reached);
        if reached > 0 {
            self.held = 0;
        }
        let Outputs { logs, patience, .. } = &mut *self.outputs;
        let Some(log) = logs.get_mut(number) else { return Ok(()) };
        patience.has_bytes = self.pipe.is_none() || self.held > 0;
        if patience.pause(|| trouble.pausing(log.directory.name())) {
            return Ok(());
        }
        // The wait is over without success. Cuts off a part of a line: a line is written whole or
        // not at all.
        log.take_back();
        let in_pipe = self.pipe.is_some();
        let lost = self.held + if in_pipe { 0 } else { self.block.len() - log.reached() };
        log.give_up(lost, trouble);
        (self.is_stopped, self.is_left) = (in_pipe, in_pipe);
        if in_pipe { Err(Stop) } else { Ok(()) }
    }

    /// At the limit on file sizes: cuts a part of a line off the end, if a whole line comes before
    /// it. Returns its length.
    fn end_at_line(&mut self, number: usize, written: &[u8]) -> usize {
        let part = written.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        let Some(log) = self.log(number).filter(|log| part < written.len().min(log.in_current))
        else {
            return 0;
        };
        if part == 0 || !log.directory.take_back(part) {
            return 0;
        }
        log.written -= part;
        part
    }

    /// Goes through the unit again. Returns how much of the block all logs have.
    fn measure(&mut self) -> usize {
        self.outputs.measure(self.block, self.stamp, self.start..self.limit)
    }

    /// Rotates a log. Returns whether that was done; it may fail after TERM.
    fn rotate_log(&mut self, number: usize) -> bool {
        let Outputs { logs, patience, .. } = &mut *self.outputs;
        let Some(log) = logs.get_mut(number) else { return false };
        patience.has_bytes = false;
        let is_rotated = log.directory.rotate(patience).is_ok();
        if !is_rotated {
            // Bytes in memory are safer in a log that is too long.
            log.directory.never_rotate();
        }
        log.in_current = 0;
        is_rotated
    }

    /// Ends the unit and rotates the chosen logs that are `due`. Inside a held line (`is_inside`)
    /// no unit can end.
    fn rotate(&mut self, due: fn(&LogDirectory<'_>) -> bool, is_inside: bool) -> Result<(), Stop> {
        self.settle()?;
        for number in 0..self.outputs.logs.len() {
            if self.log(number).is_some_and(|log| log.takes() && due(&log.directory)) {
                self.rotate_log(number);
            }
        }
        if !is_inside {
            self.outputs.before.stand(self.is_mid_line);
            self.held = 0;
            self.begin_unit();
        }
        let is_at_end = self.pipe.is_some() && !self.is_mid_line && !is_inside;
        if is_at_end && self.outputs.patience.is_late() {
            self.is_stopped = true;
            return Err(Stop);
        }
        Ok(())
    }

    /// Appends bytes, where they may fill a buffer or complete a log.
    #[inline(never)]
    fn append_to_the_end(
        &mut self,
        mut bytes: &[u8],
        origin: ByteOrigin,
        end: usize,
    ) -> Result<(), Stop> {
        if self.is_stopped {
            return Err(Stop);
        }
        while !bytes.is_empty() {
            let mut length = bytes.len();
            for log in self.outputs.logs.iter().filter(|log| log.takes()) {
                length = length.min(log.directory.room(bytes));
            }
            if length == 0 {
                self.rotate(|directory| directory.is_full(), origin == ByteOrigin::Held)?;
                continue;
            }
            let Some((now, later)) = bytes.split_at_checked(length) else { break };
            for number in 0..self.outputs.logs.len() {
                self.give(number, now)?;
            }
            self.is_mid_line = now.last() != Some(&b'\n');
            let left = origin.left(bytes, length);
            if let Some(left) = left {
                self.done = end - left;
            }
            bytes = later;
            let mut chosen = self.outputs.logs.iter().filter(|log| log.takes());
            if chosen.any(|log| log.directory.is_complete()) {
                self.rotate(|directory| directory.is_complete(), left.is_none())?;
            }
        }
        self.done = end;
        Ok(())
    }

    /// Whether the present line may stay in the pipe. It can if its beginning is in the pipe too.
    fn may_stop(&self) -> bool {
        self.pipe.is_some() && (self.held == 0 || self.done > 0)
    }
}

impl Take for Delivery<'_, '_> {
    #[inline]
    fn begin(&mut self, head: &[u8]) -> Result<(), Stop> {
        let script = self.outputs.script;
        script.walk(head, self);
        if self.is_stopped { Err(Stop) } else { Ok(()) }
    }

    #[inline]
    fn append(&mut self, bytes: &[u8], origin: ByteOrigin, end: usize) -> Result<(), Stop> {
        self.limit = end;
        let mut is_simple = !self.is_stopped;
        for log in self.outputs.logs.iter().filter(|log| log.takes()) {
            is_simple &= log.directory.has_plenty(bytes);
        }
        if !is_simple {
            return self.append_to_the_end(bytes, origin, end);
        }
        for log in self.outputs.logs.iter_mut().filter(|log| log.takes()) {
            log.directory.gather(bytes);
        }
        if let Some(last) = bytes.last() {
            self.is_mid_line = *last != b'\n';
        }
        self.done = end;
        Ok(())
    }
}

impl Sink for Delivery<'_, '_> {
    fn alert(&mut self, head: &[u8]) {
        if self.is_stopped {
            return;
        }
        let (head, ending) = match head.get(..ALERT).filter(|_| head.len() > ALERT) {
            Some(beginning) => (beginning, &b"...\n"[..]),
            None => (head, &b"\n"[..]),
        };
        let may_stop = self.may_stop();
        self.outputs.patience.has_bytes = !may_stop;
        if self.outputs.patience.wait_for_stderr() {
            let line = [IoSlice::new(head), IoSlice::new(ending)];
            // A failure of stderr itself cannot be reported.
            let _ = descriptor::write_parts(descriptor::standard(2), &line);
        } else {
            self.is_stopped = may_stop;
        }
    }

    fn status(&mut self, number: usize, head: &[u8]) {
        let may_stop = self.may_stop();
        let Outputs { script, patience, statuses, .. } = &mut *self.outputs;
        let (Some(file), Some(name)) = (statuses.get(number), script.statuses.get(number)) else {
            return;
        };
        let mut text = [b'\n'; STATUS];
        fill(&mut text, head.iter().copied());
        while !self.is_stopped {
            let (what, error): (&[u8], _) = match descriptor::write_at(file.as_fd(), &text, 0) {
                Ok(STATUS) => return,
                Ok(_) => (b"write ", Errno::ENOSPC),
                Err(Errno::ESPIPE) => (b"move to beginning of ", Errno::ESPIPE),
                Err(error) => (b"write ", error),
            };
            patience.has_bytes = !may_stop;
            let text: [&[u8]; 4] = [b"unable to ", what, name, b", pausing"];
            if !patience.pause(|| MULTILOG.warning_because(&text, error)) {
                // TERM: leave the line to the next multilog, or log it without the status file.
                self.is_stopped = may_stop;
                return;
            }
        }
    }

    #[inline]
    fn choose(&mut self, number: usize, is_selected: bool) {
        if let Some(log) = self.outputs.logs.get_mut(number) {
            log.is_chosen = is_selected;
        }
    }
}
