//! How a reader opens its logs, and its messages about logs that it cannot read.

use super::reader::{Part, Reader};
use super::search::{Halves, Span};
use crate::look::files::{self, Body, Trouble};
use crate::{SVCTL, text};
use daemontools_rs::error::Exit;
use daemontools_rs::sys::{Errno, file};
use daemontools_rs::tai64n::Label;
use std::os::fd::AsFd;

impl Reader {
    /// Opens a log, unless it is open already; nothing if it cannot be opened, after a message, or
    /// counted as pruned.
    pub fn open(&mut self, part: &mut Part) -> Option<Body> {
        if let Some(body) = part.body.take() {
            return Some(body);
        }
        match Body::open(self.place.as_fd(), &part.log.name) {
            Ok((body, _)) => Some(body),
            Err(Errno::ENOENT) => {
                self.pruned += 1;
                None
            }
            Err(error) => {
                self.complain(&part.log.name, &Trouble::System(error));
                None
            }
        }
    }

    /// Moves the beginning and the end of a plain log to the lines within the times asked for,
    /// which it finds by their labels; whether that could be told.
    pub fn narrow(&mut self, name: &[u8], body: &mut Body) -> bool {
        let Body::Plain { file, at, end } = body else { return false };
        let (since, until) = (self.filter.since, self.filter.until);
        if !self.filter.has_bounds() {
            return true;
        }
        let size = file::facts_of(file.as_fd()).map_or(0, |facts| facts.size);
        let span = Span { from: *at, end: end.unwrap_or(size) };
        let stamps = &mut self.stamps;
        let mut halves = Halves {
            read: &mut |place, room| files::read_at(file, place, room),
            label: &mut |line| stamps.of(line).map(|(label, _)| label),
        };
        match halves.narrow(span, since, until) {
            Ok(Some(found)) => {
                *at = found.from;
                if until.is_some() {
                    *end = Some(found.end);
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.complain(name, &Trouble::System(error));
                false
            }
        }
    }

    /// The label of a log's first line.
    pub fn first_label(&mut self, body: &Body) -> Option<Label> {
        let Body::Plain { file, at, .. } = body else { return None };
        let mut block = [0; 64];
        let count = files::read_at(file, *at, &mut block).ok()?;
        self.stamps.of(block.get(..count)?).map(|(label, _)| label)
    }

    /// Counts logs that were removed before they were opened.
    pub fn note_pruned(&mut self, count: usize) {
        self.pruned += count;
    }

    /// Reports how many logs multilog has removed before they were opened.
    pub fn say_pruned(&mut self) {
        let (count, verb) = match std::mem::take(&mut self.pruned) {
            0 => return,
            1 => ("1 file".to_owned(), " was"),
            count => (format!("{count} files"), " were"),
        };
        let path = text::name(&self.path);
        SVCTL.warning(&[count.as_bytes(), verb.as_bytes(), b" pruned unread in ", path.as_bytes()]);
    }

    /// Reports that the directory has no log, as if another directory were meant.
    pub fn say_empty(&self) {
        if self.queue.is_empty() && self.exit == Exit::SUCCESS {
            let path = text::name(&self.path);
            SVCTL.warning(&[b"there is no log in ", path.as_bytes()]);
        }
    }

    /// Reports why a log cannot be read.
    pub fn complain(&mut self, name: &[u8], trouble: &Trouble) {
        let path = text::name(&[&self.path[..], b"/", name].concat());
        SVCTL.warning(&[b"unable to read ", path.as_bytes(), b": ", trouble.words().as_bytes()]);
        self.exit = self.exit.max(Exit::SYSTEM);
    }
}
