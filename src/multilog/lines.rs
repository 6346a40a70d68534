//! Where lines begin and end in what was read, however it was cut (reference, section 10.2).
//!
//! The first [`WINDOW`] bytes of a line, its stamp included, decide what becomes of it: a line is
//! held until it ends or is longer, and the rest of a longer one goes straight on.

use crate::newlines::Newlines;
use memchr::{memchr, memrchr};

/// How many bytes of a line are looked at.
pub const WINDOW: usize = 1000;
/// How many bytes of stamped lines are appended at once; a longer line goes alone.
const PORTION: usize = 1 << 16;

/// What becomes of lines.
pub trait Take {
    /// A line begins with these bytes, at most [`WINDOW`]: all of it, or it is longer.
    fn begin(&mut self, head: &[u8]);
    /// Bytes of the line that was begun last, its newline the last of them. Where no line needs a
    /// look, any number of whole lines.
    fn append(&mut self, bytes: &[u8]);
}

/// The line that was not read to its end yet.
#[derive(Debug, Default)]
pub struct Lines {
    /// Its beginning, while it is held.
    window: Vec<u8>,
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

    /// Whether the last byte that was read was not the end of a line.
    #[must_use]
    pub fn is_mid_line(&self) -> bool {
        self.is_streaming || !self.window.is_empty()
    }

    /// Takes what was read; a line that begins in it gets `stamp` before it.
    pub fn feed(&mut self, mut bytes: &[u8], stamp: &[u8], sink: &mut impl Take) {
        while !bytes.is_empty() {
            if self.takes_all && !self.is_mid_line() {
                let whole = memrchr(b'\n', bytes).map_or(0, |last| last + 1);
                let (lines, rest) = bytes.split_at_checked(whole).unwrap_or((bytes, b""));
                if stamp.is_empty() && !lines.is_empty() {
                    sink.append(lines);
                } else {
                    self.stamp(lines, stamp, sink);
                }
                self.hold(rest, stamp, sink);
                return;
            }
            let end = memchr(b'\n', bytes);
            let length = end.map_or(bytes.len(), |end| end + 1);
            let (piece, rest) = bytes.split_at_checked(length).unwrap_or((bytes, b""));
            bytes = rest;
            if self.is_streaming {
                sink.append(piece);
                self.is_streaming = end.is_none();
            } else if end.is_none() {
                self.hold(piece, stamp, sink);
            } else if self.window.is_empty() && stamp.is_empty() {
                let line = piece.get(..length - 1).unwrap_or_default();
                sink.begin(line.get(..WINDOW).unwrap_or(line));
                sink.append(piece);
            } else {
                self.hold(piece, stamp, sink);
                if !self.is_streaming {
                    self.let_go(sink, self.window.len() - 1);
                }
                self.is_streaming = false;
            }
        }
    }

    /// At the end of the input: a last line that was not ended gets its newline.
    pub fn end(&mut self, sink: &mut impl Take) {
        if !self.window.is_empty() {
            self.let_go(sink, self.window.len());
            sink.append(b"\n");
        } else if self.is_streaming {
            sink.append(b"\n");
        }
        self.is_streaming = false;
    }

    /// Appends whole lines, each with `stamp` before it, in portions.
    fn stamp(&mut self, lines: &[u8], stamp: &[u8], sink: &mut impl Take) {
        let mut start = 0;
        for end in Newlines::of(lines) {
            let line = lines.get(start..=end).unwrap_or_default();
            start = end + 1;
            if self.stamped.len() + stamp.len() + line.len() > PORTION {
                sink.append(&self.stamped);
                self.stamped.clear();
            }
            self.stamped.extend_from_slice(stamp);
            self.stamped.extend_from_slice(line);
        }
        if !self.stamped.is_empty() {
            sink.append(&self.stamped);
            self.stamped.clear();
        }
    }

    /// Holds a piece of one line, or, if that makes it too long to hold, begins it.
    fn hold(&mut self, piece: &[u8], stamp: &[u8], sink: &mut impl Take) {
        if piece.is_empty() {
            return;
        }
        if self.window.is_empty() {
            self.window.extend_from_slice(stamp);
        }
        // The newline itself needs no room.
        let is_end = piece.last() == Some(&b'\n');
        let room = (WINDOW + usize::from(is_end)).saturating_sub(self.window.len());
        if piece.len() <= room {
            self.window.extend_from_slice(piece);
            return;
        }
        let room = WINDOW.saturating_sub(self.window.len());
        let (first, rest) = piece.split_at_checked(room).unwrap_or((piece, b""));
        self.window.extend_from_slice(first);
        self.let_go(sink, WINDOW);
        sink.append(rest);
        self.is_streaming = true;
    }

    /// Begins the held line, `length` bytes of which count as its head.
    fn let_go(&mut self, sink: &mut impl Take, length: usize) {
        sink.begin(self.window.get(..length).unwrap_or(&self.window));
        sink.append(&self.window);
        self.window.clear();
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
        fn begin(&mut self, head: &[u8]) {
            self.heads.push(head.to_vec());
        }
        fn append(&mut self, bytes: &[u8]) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn seen(pieces: &[&[u8]], stamp: &[u8]) -> Seen {
        let (mut lines, mut seen) = (Lines::default(), Seen::default());
        for piece in pieces {
            lines.feed(piece, stamp, &mut seen);
        }
        lines.end(&mut seen);
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
            lines.feed(one, stamp, &mut seen);
            assert_eq!(lines.is_mid_line(), !one.is_empty() && !one.ends_with(b"\n"));
            lines.feed(two, stamp, &mut seen);
            lines.end(&mut seen);
            assert_eq!(seen.bytes, expected, "at {cut}");
        }
    }
}
