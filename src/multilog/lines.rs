//! Where lines begin and end in what was read, however it was cut (contract.md, section 10.2).
//!
//! The first [`WINDOW`] bytes of a line, its stamp included, decide what becomes of it: a line is
//! held until it ends or is longer, and the rest of a longer one goes straight on.

use crate::newlines::Newlines;
use memchr::{memchr, memrchr};

/// How many bytes of a line are looked at.
pub const WINDOW: usize = 1000;
/// How many bytes of stamped lines are appended at once; a longer line goes alone.
pub const PORTION: usize = 1 << 16;
/// The most that is held of a line: the window, with its newline.
pub const HELD: usize = WINDOW + 1;

/// What becomes of lines.
pub trait Take {
    /// A line begins with these bytes, at most [`WINDOW`]: all of it, or it is longer.
    ///
    /// # Errors
    /// [`Stop`]: the line was not begun.
    fn begin(&mut self, head: &[u8]) -> Result<(), Stop>;
    /// Bytes of the line that was begun last, its newline the last of them. Where no line needs a
    /// look, any number of whole lines. With them, the first `end` bytes of what is fed are done.
    ///
    /// # Errors
    /// [`Stop`]: some of the bytes were not taken.
    fn append(&mut self, bytes: &[u8], origin: Origin, end: usize) -> Result<(), Stop>;
}

/// No more is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Where appended bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Straight from what is fed.
    Fed,
    /// From what is fed, with this many bytes before each line.
    Stamped(usize),
    /// From memory, the beginning of a line that was held.
    Held,
}

impl Origin {
    /// How many bytes of what is fed the rest of `bytes` stands for, when the first `done` of them
    /// are appended; nothing where that cannot be said.
    #[must_use]
    pub fn left(self, bytes: &[u8], done: usize) -> Option<usize> {
        let (before, rest) = bytes.split_at_checked(done)?;
        match self {
            _ if rest.is_empty() => Some(0),
            Self::Fed => Some(rest.len()),
            Self::Held => None,
            Self::Stamped(stamp) => {
                let inside = memrchr(b'\n', before).map_or(done, |last| done - last - 1);
                let (_, but_the_last) = rest.split_last()?;
                let begun = Newlines::of(but_the_last).count() + usize::from(inside == 0);
                let cut = if inside == 0 { 0 } else { stamp.saturating_sub(inside) };
                Some(rest.len().saturating_sub(begun * stamp + cut))
            }
        }
    }
}

/// The line that was not read to its end yet.
#[derive(Debug, Default)]
pub struct Lines {
    /// Its beginning, while it is held.
    window: Vec<u8>,
    /// How much of that is its stamp.
    stamp: usize,
    /// Whether it was begun, and goes straight on.
    is_streaming: bool,
    /// Whether no line needs a look.
    takes_all: bool,
    /// Room for lines with their stamps.
    stamped: Vec<u8>,
}

impl Lines {
    /// For lines that need a look, or none of which does.
    #[must_use]
    pub fn new(takes_all: bool) -> Self {
        Self { takes_all, ..Self::default() }
    }

    /// Works in this memory, and needs no more: for [`HELD`] bytes, and for lines with their stamps.
    #[must_use]
    pub fn within(self, window: Vec<u8>, stamped: Vec<u8>) -> Self {
        Self { window, stamped, ..self }
    }

    /// Whether the last byte that was read was not the end of a line.
    #[must_use]
    pub fn is_mid_line(&self) -> bool {
        self.is_streaming || !self.window.is_empty()
    }

    /// How many bytes of what was read are in memory alone.
    #[must_use]
    pub fn held(&self) -> usize {
        self.window.len().saturating_sub(self.stamp)
    }

    /// Stands where `other` does, each line with a look.
    pub fn stand_where(&mut self, other: &Self) {
        self.window.clone_from(&other.window);
        self.stamp = other.stamp;
        self.is_streaming = other.is_streaming;
    }

    /// Stands between two lines, or in one that goes straight on.
    pub fn stand(&mut self, is_mid_line: bool) {
        self.window.clear();
        self.is_streaming = is_mid_line;
    }

    /// Takes what was read; a line that begins in it gets `stamp` before it.
    ///
    /// # Errors
    /// [`Stop`], where `sink` takes no more.
    pub fn feed(&mut self, fed: &[u8], stamp: &[u8], sink: &mut impl Take) -> Result<(), Stop> {
        let mut bytes = fed;
        while !bytes.is_empty() {
            let begin = fed.len() - bytes.len();
            if self.takes_all && !self.is_mid_line() {
                let whole = memrchr(b'\n', bytes).map_or(0, |last| last + 1);
                let (lines, rest) = bytes.split_at_checked(whole).unwrap_or((bytes, b""));
                if stamp.is_empty() {
                    sink.append(lines, Origin::Fed, begin + whole)?;
                } else {
                    self.stamp(lines, stamp, begin, sink)?;
                }
                return self.hold(rest, stamp, fed.len(), sink);
            }
            let end = memchr(b'\n', bytes);
            let length = end.map_or(bytes.len(), |end| end + 1);
            let (piece, rest) = bytes.split_at_checked(length).unwrap_or((bytes, b""));
            bytes = rest;
            let done = begin + length;
            if self.is_streaming {
                sink.append(piece, Origin::Fed, done)?;
                self.is_streaming = end.is_none();
            } else if end.is_none() {
                self.hold(piece, stamp, done, sink)?;
            } else if self.window.is_empty() && stamp.is_empty() {
                let line = piece.get(..length - 1).unwrap_or_default();
                sink.begin(line.get(..WINDOW).unwrap_or(line))?;
                sink.append(piece, Origin::Fed, done)?;
            } else {
                self.hold(piece, stamp, done, sink)?;
                if !self.is_streaming {
                    self.let_go(sink, self.window.len() - 1, done)?;
                }
                self.is_streaming = false;
            }
        }
        Ok(())
    }

    /// At the end of the input: a last line that was not ended gets its newline.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn end(&mut self, sink: &mut impl Take) -> Result<(), Stop> {
        if !self.window.is_empty() {
            self.let_go(sink, self.window.len(), 0)?;
            sink.append(b"\n", Origin::Held, 0)?;
        } else if self.is_streaming {
            sink.append(b"\n", Origin::Held, 0)?;
        }
        self.is_streaming = false;
        Ok(())
    }

    /// Appends whole lines, each with `stamp` before it, in portions. They begin `begin` bytes into
    /// what is fed.
    fn stamp(
        &mut self,
        lines: &[u8],
        stamp: &[u8],
        begin: usize,
        sink: &mut impl Take,
    ) -> Result<(), Stop> {
        let portion = if self.stamped.capacity() == 0 { PORTION } else { self.stamped.capacity() };
        let origin = Origin::Stamped(stamp.len());
        let mut start = 0;
        for end in Newlines::of(lines) {
            let line = lines.get(start..=end).unwrap_or_default();
            if self.stamped.len() + stamp.len() + line.len() > portion {
                self.hand_on(origin, begin + start, sink)?;
            }
            start = end + 1;
            self.stamped.extend_from_slice(stamp);
            let room = portion.saturating_sub(self.stamped.len());
            let (first, rest) = line.split_at_checked(room).unwrap_or((line, b""));
            self.stamped.extend_from_slice(first);
            if !rest.is_empty() {
                // Too long for a portion: its beginning is one, and the rest needs no copy.
                self.hand_on(origin, begin + start - rest.len(), sink)?;
                sink.append(rest, Origin::Fed, begin + start)?;
            }
        }
        self.hand_on(origin, begin + lines.len(), sink)
    }

    fn hand_on(&mut self, origin: Origin, end: usize, sink: &mut impl Take) -> Result<(), Stop> {
        if self.stamped.is_empty() {
            return Ok(());
        }
        let taken = sink.append(&self.stamped, origin, end);
        self.stamped.clear();
        taken
    }

    /// Holds a piece of one line, or, if that makes it too long to hold, begins it. The piece ends
    /// `done` bytes into what is fed.
    fn hold(
        &mut self,
        piece: &[u8],
        stamp: &[u8],
        done: usize,
        sink: &mut impl Take,
    ) -> Result<(), Stop> {
        if piece.is_empty() {
            return Ok(());
        }
        if self.window.is_empty() {
            self.window.extend_from_slice(stamp);
            self.stamp = stamp.len();
        }
        // The newline itself needs no room.
        let is_end = piece.last() == Some(&b'\n');
        let room = (WINDOW + usize::from(is_end)).saturating_sub(self.window.len());
        if piece.len() <= room {
            self.window.extend_from_slice(piece);
            return Ok(());
        }
        let room = WINDOW.saturating_sub(self.window.len());
        let (first, rest) = piece.split_at_checked(room).unwrap_or((piece, b""));
        self.window.extend_from_slice(first);
        self.let_go(sink, WINDOW, done - rest.len())?;
        sink.append(rest, Origin::Fed, done)?;
        self.is_streaming = true;
        Ok(())
    }

    /// Begins the held line, `length` bytes of which count as its head.
    fn let_go(&mut self, sink: &mut impl Take, length: usize, done: usize) -> Result<(), Stop> {
        sink.begin(self.window.get(..length).unwrap_or(&self.window))?;
        let taken = sink.append(&self.window, Origin::Held, done);
        self.window.clear();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line's head and the whole of it.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Seen {
        heads: Vec<Vec<u8>>,
        bytes: Vec<u8>,
    }

    impl Take for Seen {
        fn begin(&mut self, head: &[u8]) -> Result<(), Stop> {
            self.heads.push(head.to_vec());
            Ok(())
        }
        fn append(&mut self, bytes: &[u8], _: Origin, _: usize) -> Result<(), Stop> {
            self.bytes.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn seen(pieces: &[&[u8]], stamp: &[u8]) -> Seen {
        let (mut lines, mut seen) = (Lines::default(), Seen::default());
        for piece in pieces {
            lines.feed(piece, stamp, &mut seen).unwrap();
        }
        lines.end(&mut seen).unwrap();
        seen
    }

    /// The rule, without regard for pieces.
    fn naive(bytes: &[u8], stamp: &[u8]) -> Seen {
        let ended = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut expected = Seen::default();
        if bytes.is_empty() {
            return expected;
        }
        for line in ended.split(|&byte| byte == b'\n') {
            let line = [stamp, line].concat();
            expected.heads.push(line[..line.len().min(WINDOW)].to_vec());
            expected.bytes.extend_from_slice(&line);
            expected.bytes.push(b'\n');
        }
        expected
    }

    #[test]
    fn every_cut_gives_the_same_lines() {
        let line = |length: usize| vec![b'x'; length];
        for stamp in [&b""[..], b"@stamp "] {
            for lengths in
                [[0, 1, 3], [998, 1, 999], [992, 993, 994], [1000, 1001, 0], [2500, 0, 1]]
            {
                for is_ended in [true, false] {
                    let mut bytes = Vec::new();
                    for length in lengths {
                        bytes.extend(line(length));
                        bytes.push(b'\n');
                    }
                    if !is_ended {
                        bytes.extend(line(lengths[0]));
                    }
                    let expected = naive(&bytes, stamp);
                    for cut in 0..=bytes.len() {
                        let (one, two) = bytes.split_at(cut);
                        assert_eq!(seen(&[one, two], stamp), expected, "{lengths:?} at {cut}");
                    }
                    let single: Vec<&[u8]> = bytes.chunks(1).collect();
                    assert_eq!(seen(&single, stamp), expected);
                }
            }
        }
    }

    #[test]
    fn where_no_line_needs_a_look_the_bytes_are_the_same() {
        let bytes = [&b"a\n\nb\n"[..], &vec![b'x'; 3000], b"\nc\nlast"].concat();
        for (stamp, cut) in [&b""[..], b"@stamp "]
            .into_iter()
            .flat_map(|stamp| (0..bytes.len()).map(move |cut| (stamp, cut)))
        {
            let expected = naive(&bytes, stamp).bytes;
            let (mut lines, mut seen) = (Lines::new(true), Seen::default());
            let (one, two) = bytes.split_at(cut);
            lines.feed(one, stamp, &mut seen).unwrap();
            assert_eq!(lines.is_mid_line(), !one.is_empty() && !one.ends_with(b"\n"));
            lines.feed(two, stamp, &mut seen).unwrap();
            lines.end(&mut seen).unwrap();
            assert_eq!(seen.bytes, expected, "at {cut}");
        }
    }

    /// How the bytes came, piece by piece.
    #[derive(Debug, Default)]
    struct Pieces(Vec<Vec<u8>>);

    impl Take for Pieces {
        fn begin(&mut self, head: &[u8]) -> Result<(), Stop> {
            self.0.push([b"begin ", head].concat());
            Ok(())
        }
        fn append(&mut self, bytes: &[u8], _: Origin, _: usize) -> Result<(), Stop> {
            self.0.push(bytes.to_vec());
            Ok(())
        }
    }

    #[test]
    fn whole_lines_go_on_at_once_in_portions_that_are_as_large_as_can_be() {
        let (mut lines, mut pieces) = (Lines::new(true), Pieces::default());
        lines.feed(b"a\nb\nc", b"", &mut pieces).unwrap();
        assert_eq!(pieces.0, [b"a\nb\n"], "what is not ended is held");
        let stamp = b"@stamp ";
        let line = [vec![b'x'; 64 - stamp.len() - 1], b"\n".to_vec()].concat();
        for (count, sizes) in [(1024, vec![PORTION]), (1025, vec![PORTION, 64])] {
            let (mut lines, mut pieces) = (Lines::new(true), Pieces::default());
            lines.feed(&line.repeat(count), stamp, &mut pieces).unwrap();
            assert_eq!(pieces.0.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        }
    }

    #[test]
    fn a_line_is_held_until_it_ends_or_is_too_long() {
        let (mut lines, mut pieces) = (Lines::default(), Pieces::default());
        assert!(!lines.is_mid_line());
        lines.feed(&[b'x'; WINDOW], b"", &mut pieces).unwrap();
        assert!(pieces.0.is_empty() && lines.is_mid_line());
        lines.feed(b"y", b"", &mut pieces).unwrap();
        let begun = [b"begin ", &[b'x'; WINDOW][..]].concat();
        assert_eq!(pieces.0, [begun, vec![b'x'; WINDOW], b"y".to_vec()]);
        assert!(lines.is_mid_line(), "it goes straight on");
        lines.feed(b"\nz\n", b"", &mut pieces).unwrap();
        assert_eq!(pieces.0.split_off(3), [&b"\n"[..], b"begin z", b"z\n"]);
        assert!(!lines.is_mid_line());
        lines.end(&mut pieces).unwrap();
        assert_eq!(pieces.0.len(), 3, "nothing is left to end");
    }
}
