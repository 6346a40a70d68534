//! Reads the logs of a directory one after another, line by line, and returns the lines that are
//! asked for.

use super::lines::Lines;
use super::needle::Needle;
use super::stamp::Stamps;
use crate::look::files::{Body, Identity};
use crate::look::moment::Log;
use crate::{SVCTL, text};
use daemontools_rs::error::Exit;
use daemontools_rs::sys::file;
use daemontools_rs::tai64n::Label;
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// Which lines are asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Lines from this time on.
    pub since: Option<Label>,
    /// Lines before this time.
    pub until: Option<Label>,
    /// Lines with these bytes.
    pub needle: Option<Needle>,
}

impl Filter {
    /// Whether a time is asked for.
    #[must_use]
    pub const fn has_bounds(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a line of this time and text is asked for. A line without a time counts as within
    /// the times asked for, as its log was chosen by its name.
    #[must_use]
    pub fn takes(&self, moment: Option<Label>, text: &[u8]) -> bool {
        let is_within = moment.is_none_or(|moment| {
            self.since.is_none_or(|since| moment >= since)
                && self.until.is_none_or(|until| moment < until)
        });
        is_within && self.has_needle(text)
    }

    /// Whether a text has the bytes of `--grep`.
    fn has_needle(&self, text: &[u8]) -> bool {
        self.needle.as_ref().is_none_or(|needle| needle.is_in(text))
    }
}

/// A log in the queue of a reader.
#[derive(Debug)]
pub struct Part {
    /// Its name.
    pub log: Log,
    /// The open log, if it was opened.
    pub body: Option<Body>,
    /// Whether its first line that is asked for was found.
    pub is_placed: bool,
    /// How many matching lines to skip.
    pub skip: usize,
    /// Whether multilog still writes it.
    pub is_growing: bool,
}

impl Part {
    /// A whole log.
    #[must_use]
    pub const fn of(log: Log, body: Option<Body>) -> Self {
        Self { log, body, is_placed: false, skip: 0, is_growing: false }
    }
}

/// The result of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is another line.
    Line,
    /// Much was read, and no matching line found.
    Nothing,
    /// There is no further line, at least for now.
    End,
}

/// After how many blocks without a matching line a step returns [`Step::Nothing`].
const BLOCKS: usize = 16;

/// Reads the logs of one directory.
#[derive(Debug)]
pub struct Reader {
    /// Its path, for messages.
    pub path: Vec<u8>,
    /// The directory.
    pub place: Rc<OwnedFd>,
    /// What is still to be read.
    pub queue: VecDeque<Part>,
    /// Whether more logs may come.
    pub is_followed: bool,
    /// The exit code so far.
    pub exit: Exit,
    /// Whether lines without the bytes of `--grep` may be passed over: nothing needs their times.
    pub may_skip: bool,
    pub(super) filter: Rc<Filter>,
    pub(super) stamps: Stamps,
    lines: Lines,
    /// The log that is being read.
    part: Option<(Part, Body)>,
    /// The log that was read before it, and how far.
    left: Option<(Identity, u64)>,
    /// The time of the current line, or of a line before it.
    moment: Option<Label>,
    /// The same, but only from lines of this log.
    moment_here: Option<Label>,
    /// How many bytes of the current line are its label.
    head: usize,
    /// How many logs multilog has removed before they were opened, and no message has counted yet.
    pub(super) pruned: usize,
    /// Whether it was reported that lines have no labels.
    has_complained: bool,
}

impl Reader {
    /// A reader with no logs in its queue.
    #[must_use]
    pub fn new(path: &[u8], place: Rc<OwnedFd>, filter: Rc<Filter>, stamps: Stamps) -> Self {
        Self {
            path: path.to_vec(),
            place,
            queue: VecDeque::new(),
            is_followed: false,
            exit: Exit::SUCCESS,
            may_skip: !filter.has_bounds(),
            filter,
            stamps,
            lines: Lines::default(),
            part: None,
            left: None,
            moment: None,
            moment_here: None,
            head: 0,
            pruned: 0,
            has_complained: false,
        }
    }

    /// The current line, without its newline.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        self.lines.line()
    }

    /// The time of the current line: its own, or that of the line before.
    #[must_use]
    pub const fn moment(&self) -> Option<Label> {
        self.moment
    }

    /// How many bytes of the current line are its label.
    #[must_use]
    pub const fn head(&self) -> usize {
        self.head
    }

    /// Goes on to the next line that is asked for.
    pub fn step(&mut self) -> Step {
        let mut blocks = 0;
        loop {
            while self.next_line() {
                if self.takes() {
                    return Step::Line;
                }
            }
            if self.part.is_none() && !self.begin() {
                let is_last = !self.is_followed && self.lines.finish();
                return if is_last && self.takes() { Step::Line } else { Step::End };
            }
            let Some((part, body)) = &mut self.part else { continue };
            match body.read(self.lines.room()) {
                Ok(0) if part.is_growing => {
                    if !self.is_cut_back() {
                        return Step::End;
                    }
                }
                Ok(0) => {
                    if self.end() && self.takes() {
                        return Step::Line;
                    }
                }
                Ok(count) => self.lines.fill(count),
                Err(trouble) => {
                    let name = part.log.name.clone();
                    self.complain(&name, &trouble);
                    if self.end() && self.takes() {
                        return Step::Line;
                    }
                }
            }
            blocks += 1;
            if blocks == BLOCKS {
                return Step::Nothing;
            }
        }
    }

    /// Goes on to the next line; or, if times do not matter, to the next line with the bytes of
    /// `--grep`.
    fn next_line(&mut self) -> bool {
        if let (true, Some(needle)) = (self.may_skip, &self.filter.needle) {
            self.lines.skip_to(|text| needle.find(text));
        }
        self.lines.step()
    }

    /// Whether the current line is asked for.
    fn takes(&mut self) -> bool {
        let line = self.lines.line();
        let stamp = self.stamps.of(line);
        self.head = stamp.map_or(0, |(_, length)| length);
        if let Some((moment, _)) = stamp {
            self.moment = Some(moment);
            self.moment_here = Some(moment);
        }
        let text = line.get(self.head..).unwrap_or_default();
        if !self.filter.takes(self.moment_here, text) {
            return false;
        }
        if self.moment_here.is_none() && self.filter.has_bounds() && !self.has_complained {
            self.has_complained = true;
            let path = text::name(&self.path);
            SVCTL.warning(&[b"lines in ", path.as_bytes(), b" have no labels: cut by file only"]);
        }
        match &mut self.part {
            Some((part, _)) if part.skip > 0 => {
                part.skip -= 1;
                false
            }
            _ => true,
        }
    }

    /// Begins the next log that can be read; false if there is none.
    fn begin(&mut self) -> bool {
        while let Some(mut part) = self.queue.pop_front() {
            let Some(mut body) = self.open(&mut part) else { continue };
            if !part.is_placed {
                let _ = self.narrow(&part.log.name, &mut body);
            }
            self.moment_here = None;
            self.part = Some((part, body));
            return true;
        }
        false
    }

    /// The current log has ended; whether the bytes that are left count as a line.
    fn end(&mut self) -> bool {
        let Some((part, body)) = self.part.take() else { return false };
        self.left = body.place();
        self.lines.end_of_log();
        // A killed multilog has lost the rest of the line: the next log does not continue it.
        part.log.is_cut() && self.lines.finish()
    }

    /// Whether the current log is shorter now than what was read of it; then reading goes on from
    /// its new end. A multilog that starts removes an unfinished line, other programs empty the
    /// file.
    fn is_cut_back(&mut self) -> bool {
        let Some((_, Body::Plain { file, at, end: None })) = &mut self.part else { return false };
        let size = file::facts_of(file.as_fd()).map_or(*at, |facts| facts.size);
        let Some(gone) = at.checked_sub(size).filter(|&gone| gone > 0) else { return false };
        let is_line = self.lines.forget(usize::try_from(gone).unwrap_or(usize::MAX));
        *at = if is_line { size } else { 0 };
        true
    }

    /// Whether the last log was read to its end, and no other is known.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.queue.is_empty() && self.part.is_none()
    }

    /// From now on the current log is read to its end.
    pub fn read_on(&mut self) {
        let parts = self.part.iter_mut().map(|(part, body)| (part.is_growing, body));
        let ahead =
            self.queue.iter_mut().filter_map(|part| Some((part.is_growing, part.body.as_mut()?)));
        for (is_growing, body) in parts.chain(ahead) {
            if let (true, Body::Plain { end, .. }) = (is_growing, body) {
                *end = None;
            }
        }
    }

    /// Where to read on in the log that was read last, if it has more bytes by now, and nothing is
    /// being read.
    #[must_use]
    pub fn rest(&self, log: Identity, size: u64) -> Option<u64> {
        let left = self.left.filter(|_| self.is_at_end());
        left.filter(|(left, at)| *left == log && *at < size).map(|(_, at)| at)
    }

    /// The log that was still written will not grow any more.
    pub fn has_stopped_growing(&mut self) {
        let _ = self.is_cut_back();
        let parts = self.part.iter_mut().map(|(part, _)| part);
        for part in parts.chain(&mut self.queue) {
            part.is_growing = false;
        }
    }

    /// A reader of the same directory for one log only.
    #[must_use]
    pub fn of_one(&self, part: Part, stamps: Stamps) -> Self {
        let mut one =
            Self::new(&self.path, Rc::clone(&self.place), Rc::clone(&self.filter), stamps);
        // Complaints come when the log is read in its turn.
        one.has_complained = true;
        one.queue.push_back(part);
        one
    }

    /// What is asked for.
    #[must_use]
    pub fn filter(&self) -> Rc<Filter> {
        Rc::clone(&self.filter)
    }

    /// A new reader of stamps with the same zone.
    #[must_use]
    pub fn stamps(&self) -> Stamps {
        self.stamps.clone()
    }
}
