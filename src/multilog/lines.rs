//! Finds where lines begin and end in the input, however it is cut into blocks (contract.md,
//! section 10.2).
//!
//! The first [`WINDOW`] bytes of a line, with its stamp, decide where it goes. So a line is held in
//! memory until it ends or has more bytes than that; the rest of a longer line is handed on as it
//! comes.

use crate::newlines::Newlines;
use memchr::{memchr, memrchr};

/// How many bytes of a line the script sees.
pub const WINDOW: usize = 1000;
/// How many bytes of stamped lines are appended at once. A longer line is appended alone.
pub const PORTION: usize = 1 << 16;
/// The most bytes of a line that are held: the window, with its newline.
pub const HELD: usize = WINDOW + 1;

/// Receives the lines.
pub trait Take {
    /// A line begins. `head` is the whole line, or the first [`WINDOW`] bytes of a longer one.
    ///
    /// # Errors
    /// [`Stop`]: the line was not begun.
    fn begin(&mut self, head: &[u8]) -> Result<(), Stop>;
    /// Bytes of the line that began last; if its newline is among them, it is the last byte. If no
    /// line needs a look, `bytes` is any number of whole lines. After this call the first `end`
    /// bytes of the block are done.
    ///
    /// # Errors
    /// [`Stop`]: some of the bytes were not taken.
    fn append(&mut self, bytes: &[u8], origin: ByteOrigin, end: usize) -> Result<(), Stop>;
}

/// The receiver accepts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Where appended bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrigin {
    /// A part of the block.
    Fed,
    /// A part of the block, with a stamp of this many bytes before each line.
    Stamped(usize),
    /// A held beginning of a line, from memory.
    Held,
}

impl ByteOrigin {
    /// When the first `done` of `bytes` are appended: how many bytes of the block the rest of them
    /// are. `None` for held bytes, which are not in the block.
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

/// Cuts blocks into lines, and keeps the line that has not ended yet.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of that line, while it is held.
    window: Vec<u8>,
    /// How much of that is its stamp.
    stamp: usize,
    /// Whether that line has begun, and is handed on as it comes.
    is_streaming: bool,
    /// Whether the script need not see any line: all go to all logs.
    takes_all: bool,
    /// Buffer for lines with their stamps.
    stamped: Vec<u8>,
}

impl Lines {
    /// `takes_all`: whether the script need not see any line.
    #[must_use]
    pub fn new(takes_all: bool) -> Self {
        Self { takes_all, ..Self::default() }
    }

    /// Uses these buffers alone: one for [`HELD`] bytes, one for stamped lines.
    #[must_use]
    pub fn within(self, window: Vec<u8>, stamped: Vec<u8>) -> Self {
        Self { window, stamped, ..self }
    }

    /// Whether the input read so far ends inside a line.
    #[must_use]
    pub fn is_mid_line(&self) -> bool {
        self.is_streaming || !self.window.is_empty()
    }

    /// How many bytes of the input are in memory alone.
    #[must_use]
    pub fn held(&self) -> usize {
        self.window.len().saturating_sub(self.stamp)
    }

    /// Takes the position of `other` in the input. The script sees each line.
    pub fn stand_where(&mut self, other: &Self) {
        self.window.clone_from(&other.window);
        self.stamp = other.stamp;
        self.is_streaming = other.is_streaming;
    }

    /// Sets the position: between two lines, or inside one that is handed on as it comes.
    pub fn stand(&mut self, is_mid_line: bool) {
        self.window.clear();
        self.is_streaming = is_mid_line;
    }

    /// Cuts a block into lines. A line that begins in it gets `stamp` before it.
    ///
    /// # Errors
    /// [`Stop`], if `sink` accepts no more.
    pub fn feed(&mut self, fed: &[u8], stamp: &[u8], sink: &mut impl Take) -> Result<(), Stop> {
        let mut bytes = fed;
        while !bytes.is_empty() {
            let begin = fed.len() - bytes.len();
            if self.takes_all && !self.is_mid_line() {
                let whole = memrchr(b'\n', bytes).map_or(0, |last| last + 1);
                let (lines, rest) = bytes.split_at_checked(whole).unwrap_or((bytes, b""));
                if stamp.is_empty() {
                    sink.append(lines, ByteOrigin::Fed, begin + whole)?;
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
                sink.append(piece, ByteOrigin::Fed, done)?;
                self.is_streaming = end.is_none();
            } else if end.is_none() {
                self.hold(piece, stamp, done, sink)?;
            } else if self.window.is_empty() && stamp.is_empty() {
                let line = piece.get(..length - 1).unwrap_or_default();
                sink.begin(line.get(..WINDOW).unwrap_or(line))?;
                sink.append(piece, ByteOrigin::Fed, done)?;
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

    /// At the end of the input: adds the newline to a last line without one.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn end(&mut self, sink: &mut impl Take) -> Result<(), Stop> {
        if !self.window.is_empty() {
            self.let_go(sink, self.window.len(), 0)?;
            sink.append(b"\n", ByteOrigin::Held, 0)?;
        } else if self.is_streaming {
            sink.append(b"\n", ByteOrigin::Held, 0)?;
        }
        self.is_streaming = false;
        Ok(())
    }

    /// Appends whole lines, each after `stamp`, in portions. They begin at offset `begin` of the
    /// block.
    fn stamp(
        &mut self,
        lines: &[u8],
        stamp: &[u8],
        begin: usize,
        sink: &mut impl Take,
    ) -> Result<(), Stop> {
        let portion = if self.stamped.capacity() == 0 { PORTION } else { self.stamped.capacity() };
        let origin = ByteOrigin::Stamped(stamp.len());
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
                // Too long for a portion: stamp and beginning fill one, and the rest is not copied.
                self.hand_on(origin, begin + start - rest.len(), sink)?;
                sink.append(rest, ByteOrigin::Fed, begin + start)?;
            }
        }
        self.hand_on(origin, begin + lines.len(), sink)
    }

    fn hand_on(
        &mut self,
        origin: ByteOrigin,
        end: usize,
        sink: &mut impl Take,
    ) -> Result<(), Stop> {
        if self.stamped.is_empty() {
            return Ok(());
        }
        let taken = sink.append(&self.stamped, origin, end);
        self.stamped.clear();
        taken
    }

    /// Holds a piece of a line that ends at offset `done`, or begins a line too long to hold.
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
        // The newline is not part of the window.
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
        sink.append(rest, ByteOrigin::Fed, done)?;
        self.is_streaming = true;
        Ok(())
    }

    /// Begins the held line. Its head is `length` bytes.
    fn let_go(&mut self, sink: &mut impl Take, length: usize, done: usize) -> Result<(), Stop> {
        sink.begin(self.window.get(..length).unwrap_or(&self.window))?;
        let taken = sink.append(&self.window, ByteOrigin::Held, done);
        self.window.clear();
        taken
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
