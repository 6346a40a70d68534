//! The logs that a directory has when svctl starts: chosen by the times asked for, and, with `-n`,
//! cut to their last lines.

use super::reader::{Part, Reader, Step};
use super::search::{self, Span};
use super::stamp::Stamps;
use crate::look::files::{self, Body, Identity};
use crate::look::moment::{CURRENT, Log};
use daemontools_rs::sys::{Errno, file};
use daemontools_rs::tai64n::Label;
use std::collections::VecDeque;
use std::os::fd::AsFd;

/// The logs that have no final name yet, as far as they exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unnamed {
    /// `previous` or `processed`
    pub waiting: Option<(&'static [u8], Identity)>,
    /// `current`
    pub current: Option<Identity>,
}

/// Queues all logs of the directory for reading, `current` last.
///
/// # Errors
/// Those of reading the directory.
pub fn take(reader: &mut Reader) -> Result<Unnamed, Errno> {
    let moment = files::look(reader.place.as_fd())?;
    let mut unnamed = Unnamed::default();
    reader.queue = moment.finished.into_iter().map(|log| Part::of(log, None)).collect();
    // It is about to be renamed, so it was opened already.
    if let Some((name, opened)) = moment.waiting {
        let opened = opened.ok();
        unnamed.waiting = opened.as_ref().map(|(_, facts)| (name, Identity::of(facts)));
        let body = opened.map(|(body, _)| body);
        reader.queue.push_back(Part::of(Log::named(name), body));
    }
    match moment.current {
        Some(Ok((mut body, facts))) => {
            if let Body::Plain { end, .. } = &mut body {
                *end = Some(facts.size);
            }
            let mut part = Part::of(Log::named(CURRENT), Some(body));
            part.is_growing = reader.is_followed;
            reader.queue.push_back(part);
            unnamed.current = Some(Identity::of(&facts));
        }
        Some(Err(error)) => reader.complain(CURRENT, &files::Trouble::System(error)),
        None => {}
    }
    Ok(unnamed)
}

/// Drops the logs that cannot have a line within the times asked for. A log's name says when it
/// ended.
pub fn choose(reader: &mut Reader) {
    let filter = reader.filter();
    let Some(first) = first_from(reader.queue.iter().map(|part| part.log.end), filter.since) else {
        reader.queue.clear();
        return;
    };
    reader.queue.drain(..first);
    let Some(until) = filter.until else { return };
    let ends: Vec<Option<Label>> = reader.queue.iter().map(|part| part.log.end).collect();
    let mut count =
        first_from(ends.iter().copied(), Some(until)).map_or(ends.len(), |last| last + 1);
    // A line's label may be older than the log it is in, as lines wait for a moment before they are
    // written: look into the next logs too, until one begins later.
    while let Some(mut part) = reader.queue.remove(count) {
        let body = reader.open(&mut part);
        let first = body.as_ref().and_then(|body| reader.first_label(body));
        part.body = body;
        let is_later = first.is_none_or(|first| first >= until);
        let has_body = part.body.is_some();
        if has_body && is_later {
            break;
        }
        if has_body {
            reader.queue.insert(count, part);
            count += 1;
        }
    }
    reader.queue.truncate(count);
}

/// The position of the first log that ends at `bound` or later, or whose end is not known.
fn first_from(
    mut ends: impl Iterator<Item = Option<Label>>,
    bound: Option<Label>,
) -> Option<usize> {
    let Some(bound) = bound else { return Some(0) };
    ends.position(|end| end.is_none_or(|end| end >= bound))
}

/// Keeps only the last `wanted` of the lines that are asked for.
pub fn keep_last(reader: &mut Reader, wanted: usize) {
    let mut left = wanted;
    let mut kept = VecDeque::new();
    while let Some(mut part) = reader.queue.pop_back() {
        if left == 0 && !part.is_growing {
            break;
        }
        let Some(mut body) = reader.open(&mut part) else { continue };
        let is_exact = reader.narrow(&part.log.name, &mut body);
        let count = match (&mut body, is_exact) {
            (Body::Plain { file, at, end }, true) => {
                let size = file::facts_of(file.as_fd()).map_or(0, |facts| facts.size);
                let span = Span { from: *at, end: end.unwrap_or(size) };
                count_from_the_end(reader, file, span, left, part.is_growing).map(|tail| {
                    *at = tail.from;
                    tail.count
                })
            }
            _ => {
                let count = count_all(reader, &part, &body);
                part.skip = count.saturating_sub(left);
                Ok(count)
            }
        };
        match count {
            Ok(count) => left = left.saturating_sub(count),
            Err(error) => reader.complain(&part.log.name, &files::Trouble::System(error)),
        }
        let is_first = left == 0 && part.skip == 0 || part.is_growing || part.log.end.is_none();
        part.is_placed = is_first;
        // The others are opened again later: a process may not have so many files open.
        part.body = is_first.then_some(body);
        kept.push_front(part);
    }
    reader.queue = kept;
}

fn count_from_the_end(
    reader: &Reader,
    file: &std::os::fd::OwnedFd,
    span: Span,
    wanted: usize,
    is_growing: bool,
) -> Result<search::Tail, Errno> {
    let filter = reader.filter();
    let mut stamps: Stamps = reader.stamps();
    let mut counts = |line: &[u8]| {
        let head = stamps.of(line);
        let text = line.get(head.map_or(0, |(_, length)| length)..).unwrap_or_default();
        filter.takes(head.map(|(moment, _)| moment), text)
    };
    let mut read = |place, room: &mut [u8]| files::read_at(file, place, room);
    search::last(&mut read, span, wanted, &mut counts, is_growing)
}

/// How many lines of a log match, found by reading it.
fn count_all(reader: &Reader, part: &Part, body: &Body) -> usize {
    let again = match body {
        Body::Plain { file, at, end } => {
            file.try_clone().ok().map(|file| Body::Plain { file, at: *at, end: *end })
        }
        Body::Packed(_) => None,
    };
    let again = Part { is_growing: part.is_growing, ..Part::of(part.log.clone(), again) };
    let mut one = reader.of_one(again, reader.stamps());
    one.is_followed = part.is_growing;
    let mut count = 0;
    loop {
        match one.step() {
            Step::Line => count += 1,
            Step::Nothing => {}
            Step::End => return count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_log_is_chosen_by_the_end_that_its_name_has() {
        let at = |second| Label::of_unix(Duration::from_secs(second));
        let ends = || [Some(at(10)), Some(at(20)), Some(at(30)), None].into_iter();
        assert_eq!(first_from(ends(), None), Some(0));
        assert_eq!(first_from(ends(), Some(at(5))), Some(0));
        assert_eq!(first_from(ends(), Some(at(20))), Some(1));
        assert_eq!(first_from(ends(), Some(at(21))), Some(2));
        assert_eq!(first_from(ends(), Some(at(31))), Some(3));
        assert_eq!(first_from([Some(at(1))].into_iter(), Some(at(2))), None);
    }
}
