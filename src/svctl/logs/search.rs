//! Finds places in a plain log without reading it all: the first line of a time by bisection, and
//! the last lines from the end. Pure: the caller reads the log.

use super::lines::LONGEST;
use daemontools_rs::tai64n::Label;
use memchr::{memchr, memrchr};

/// How much is read at a time.
const BLOCK: usize = 1 << 16;
/// How much is read to find a label: more than most lines have. If no line begins in it, the search
/// gives up.
const PROBE: usize = 1 << 12;

/// Reads a log at a place, and returns how many bytes it has read: 0 at the end.
pub type ReadAt<'a, E> = &'a mut dyn FnMut(u64, &mut [u8]) -> Result<usize, E>;

/// Part of a log, as offsets in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first offset.
    pub from: u64,
    /// The offset after the last.
    pub end: u64,
}

/// What [`Halves::probe`] found.
enum Probe {
    /// A line with a label.
    Line(u64, Label),
    /// No line begins there before the end.
    Nothing,
    /// A line without a label, or one that is too long.
    Unlabelled,
}

/// Finds the place of a label by bisection.
pub struct Halves<'a, 'b, E> {
    /// Reads the log.
    pub read: ReadAt<'a, E>,
    /// The label that a line begins with.
    pub label: &'b mut dyn FnMut(&[u8]) -> Option<Label>,
}

impl<E> Halves<'_, '_, E> {
    /// A part of `span` that has every line from `since` on and before `until`, and few others.
    /// Nothing if labels are missing or run backwards.
    ///
    /// # Errors
    /// Those of reading.
    pub fn narrow(
        &mut self,
        span: Span,
        since: Option<Label>,
        until: Option<Label>,
    ) -> Result<Option<Span>, E> {
        let mut found = span;
        if let Some(since) = since {
            let Some((before, _)) = self.around(span, since)? else { return Ok(None) };
            found.from = before;
        }
        if let Some(until) = until {
            let span = Span { from: found.from, end: span.end };
            let Some((_, after)) = self.around(span, until)? else { return Ok(None) };
            found.end = after;
        }
        Ok(Some(found))
    }

    /// Two places close together at which lines begin: all lines before the first place are earlier
    /// than `bound`, and no line from the second place on is.
    fn around(&mut self, span: Span, bound: Label) -> Result<Option<(u64, u64)>, E> {
        let (mut low, mut low_label) = match self.probe(span.from, span, true)? {
            Probe::Line(_, label) if label >= bound => return Ok(Some((span.from, span.from))),
            Probe::Line(place, label) => (place, label),
            Probe::Nothing => return Ok(Some((span.from, span.end))),
            Probe::Unlabelled => return Ok(None),
        };
        // No line that begins between `low` and `high` was looked at; the next line begins at
        // `after`.
        let (mut high, mut after, mut high_label) = (span.end, span.end, None);
        while high.saturating_sub(low) > PROBE as u64 {
            let middle = low + (high - low) / 2;
            match self.probe(middle, Span { from: low, end: high }, false)? {
                Probe::Line(_, label)
                    if label < low_label || high_label.is_some_and(|high| label > high) =>
                {
                    return Ok(None);
                }
                Probe::Line(place, label) if label < bound => (low, low_label) = (place, label),
                Probe::Line(place, label) => {
                    (high, after, high_label) = (middle, place, Some(label));
                }
                Probe::Nothing => high = middle,
                Probe::Unlabelled => return Ok(None),
            }
        }
        Ok(Some((low, after)))
    }

    /// The first line that begins at `place` or after it, and before the end of `span`.
    fn probe(&mut self, place: u64, span: Span, is_beginning: bool) -> Result<Probe, E> {
        // The newline that ends the line before may be the byte before `place`.
        let from = if is_beginning { place } else { place.saturating_sub(1) };
        let mut block = [0; 2 * PROBE];
        let mut filled = 0;
        while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
            let count = (self.read)(from + filled as u64, room)?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        let text = block.get(..filled).unwrap_or_default();
        let skipped = if is_beginning { Some(0) } else { memchr(b'\n', text).map(|at| at + 1) };
        let begun = from.saturating_add(skipped.unwrap_or(0) as u64);
        match skipped {
            None if from + filled as u64 >= span.end => return Ok(Probe::Nothing),
            None => return Ok(Probe::Unlabelled),
            Some(_) if begun >= span.end => return Ok(Probe::Nothing),
            Some(_) => {}
        }
        let line = text.get(skipped.unwrap_or(0)..).unwrap_or_default();
        let line = line.get(..memchr(b'\n', line).unwrap_or(line.len())).unwrap_or_default();
        Ok((self.label)(line).map_or(Probe::Unlabelled, |label| Probe::Line(begun, label)))
    }
}

/// Where the last lines of a log begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// How many lines there are, at most as many as wanted.
    pub count: usize,
    /// Where the first of them begins.
    pub from: u64,
}

/// Finds the last `wanted` lines of `span` that `counts` accepts. `is_growing`: bytes after the
/// last newline are no line yet.
///
/// # Errors
/// Those of reading.
pub fn last<E>(
    read: ReadAt<'_, E>,
    span: Span,
    wanted: usize,
    counts: &mut dyn FnMut(&[u8]) -> bool,
    is_growing: bool,
) -> Result<Tail, E> {
    let mut tail = Tail { count: 0, from: span.end };
    // Bytes that were read and not searched yet. They end with the end of a line.
    let mut text: Vec<u8> = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut place = span.end;
    // Whether we still look for the last newline.
    let mut is_behind = is_growing;
    while place > span.from {
        let is_first = place == span.end;
        let size = usize::try_from(place - span.from).unwrap_or(BLOCK).min(BLOCK);
        place -= size as u64;
        let filled = fill(read, place, block.get_mut(..size).unwrap_or_default())?;
        text.splice(0..0, block.get(..filled).unwrap_or_default().iter().copied());
        if is_behind {
            let Some(newline) = memrchr(b'\n', &text) else { continue };
            tail.from = place + newline as u64 + 1;
            text.truncate(newline);
            is_behind = false;
        } else if is_first && text.last() == Some(&b'\n') {
            text.pop();
        }
        if wanted == 0 {
            return Ok(tail);
        }
        loop {
            let newline = memrchr(b'\n', &text);
            if newline.is_none() && place > span.from && text.len() < LONGEST {
                break;
            }
            let start = newline.map_or(0, |newline| newline + 1);
            if counts(text.get(start..).unwrap_or_default()) {
                tail = Tail { count: tail.count + 1, from: place + start as u64 };
                if tail.count == wanted {
                    return Ok(tail);
                }
            }
            text.truncate(newline.unwrap_or(0));
            if newline.is_none() {
                break;
            }
        }
    }
    if is_behind {
        // There is no newline at all, so all of it is an unfinished line.
        tail.from = span.from;
    }
    Ok(tail)
}

fn fill<E>(read: ReadAt<'_, E>, place: u64, room: &mut [u8]) -> Result<usize, E> {
    let mut filled = 0;
    while let Some(left) = room.get_mut(filled..).filter(|left| !left.is_empty()) {
        match read(place + filled as u64, left)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    type Nothing = core::convert::Infallible;

    fn reader(text: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<usize, Nothing> {
        move |place, room| {
            let rest = text.get(usize::try_from(place).unwrap()..).unwrap_or_default();
            // Short reads, as read(2) may give.
            let count = rest.len().min(room.len()).min(1000);
            room[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    fn whole(text: &[u8]) -> Span {
        Span { from: 0, end: text.len() as u64 }
    }

    fn label(second: u64) -> Label {
        Label::of_unix(Duration::from_secs(second))
    }

    /// A log of lines of these lengths, each a second after the line before.
    fn log(seconds: impl Iterator<Item = u64>, length: impl Fn(u64) -> usize) -> Vec<u8> {
        let line = |second| {
            let text = label(second).text();
            [&text[..], b" ", &b"x".repeat(length(second)), b"\n"].concat()
        };
        seconds.flat_map(line).collect()
    }

    fn narrow(text: &[u8], since: Option<u64>, until: Option<u64>) -> Option<Span> {
        let mut label_of = |line: &[u8]| line.first_chunk().and_then(Label::of_text);
        let mut halves = Halves { read: &mut reader(text), label: &mut label_of };
        let (since, until) = (since.map(label), until.map(label));
        halves.narrow(whole(text), since, until).unwrap()
    }

    #[test]
    fn the_lines_of_a_moment_are_found_by_halves() {
        let text = log(1000..9000, |second| usize::try_from(second * 7 % 300).unwrap());
        for (since, until) in
            [(0, 99_999), (1000, 1001), (5000, 5001), (8999, 9000), (0, 1000), (9000, 9001), (3, 3)]
        {
            let span = narrow(&text, Some(since), Some(until)).unwrap();
            let found =
                &text[usize::try_from(span.from).unwrap()..usize::try_from(span.end).unwrap()];
            let expected = log(since.max(1000)..until.clamp(1000, 9000), |second| {
                usize::try_from(second * 7 % 300).unwrap()
            });
            let is_there = found.windows(expected.len().max(1)).any(|window| window == expected);
            assert!(is_there || expected.is_empty(), "{since} {until}");
            // It reads a few lines more than wanted, and no more than that.
            assert!(found.len() <= expected.len() + 3 * PROBE, "{since} {until}");
        }
        assert_eq!(narrow(b"", Some(1), None), Some(Span { from: 0, end: 0 }));
    }

    #[test]
    fn what_cannot_be_told_by_halves_is_not() {
        let middle = Some(5000);
        let in_order = log(1000..9000, |_| 80);
        assert!(narrow(&in_order, middle, None).is_some());
        let backwards = [log(5000..9000, |_| 80), log(1000..5000, |_| 80)].concat();
        assert_eq!(narrow(&backwards, Some(5500), None), None);
        let unlabelled = b"no label here\n".repeat(10_000);
        assert_eq!(narrow(&unlabelled, middle, None), None);
        let partly = [&in_order[..], &unlabelled].concat();
        assert_eq!(narrow(&partly, Some(8999), None), None);
        let one_line = [&in_order[..], &b"y".repeat(1 << 20), b"\n"].concat();
        assert_eq!(narrow(&one_line, Some(8999), None), None);
    }

    #[test]
    fn the_last_lines_are_those_that_are_found_from_the_front() {
        let long = "z".repeat(BLOCK + 17);
        let texts = [
            String::new(),
            "\n".to_owned(),
            "a".to_owned(),
            "a\nb\n\nc".to_owned(),
            format!("one\n{long}\ntwo\n{long}three\n\n"),
            "0123456\n".repeat(50_000),
            format!("{long}{long}\nrest"),
        ];
        for text in &texts {
            for is_growing in [false, true] {
                for (wanted, needle) in
                    [(0, ""), (1, ""), (2, ""), (3, "t"), (20_000, ""), (99_999, "")]
                {
                    let mut counts = |line: &[u8]| {
                        line.windows(needle.len().max(1)).any(|part| part == needle.as_bytes())
                            || needle.is_empty()
                    };
                    let found = last(
                        &mut reader(text.as_bytes()),
                        whole(text.as_bytes()),
                        wanted,
                        &mut counts,
                        is_growing,
                    )
                    .unwrap();
                    // The offset of each line.
                    let mut lines = Vec::new();
                    let mut place = 0;
                    for line in text.split_inclusive('\n') {
                        if line.ends_with('\n') || !is_growing {
                            lines.push((place, line.trim_end_matches('\n')));
                        }
                        place += line.len();
                    }
                    let end = if is_growing {
                        text.rfind('\n').map_or(0, |at| at + 1)
                    } else {
                        text.len()
                    };
                    lines.retain(|(_, line)| line.contains(needle));
                    let first = lines.len().saturating_sub(wanted);
                    let from = lines.get(first).map_or(end, |(place, _)| *place);
                    let count = lines.len() - first;
                    assert_eq!(found, Tail { count, from: from as u64 }, "{wanted} {is_growing}");
                }
            }
        }
    }
}
