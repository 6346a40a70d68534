//! Cuts the blocks of logs into lines without copying any. Pure.
//!
//! multilog cuts a line in two that does not fit into a log. So a log may end without a newline,
//! and the line goes on in the next log, unless that begins with a label.

use super::stamp;
use memchr::{memchr, memrchr};

/// How much is read at a time.
const BLOCK: usize = 1 << 16;
/// A longer line is shown in pieces.
pub const LONGEST: usize = 1 << 20;

/// A block, and the current line in it.
#[derive(Debug)]
pub struct Lines {
    block: Vec<u8>,
    /// Where the current line begins and ends.
    start: usize,
    end: usize,
    /// Where the bytes begin that were not cut into lines yet, how far they were searched for a
    /// newline, and where they end.
    next: usize,
    seen: usize,
    filled: usize,
    /// Where the previous log ended in the middle of a line.
    seam: Option<usize>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { block: vec![0; BLOCK], start: 0, end: 0, next: 0, seen: 0, filled: 0, seam: None }
    }
}

impl Lines {
    /// The current line, without its newline.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        self.block.get(self.start..self.end).unwrap_or_default()
    }

    /// Goes on to the next line; false if more must be read first.
    pub fn step(&mut self) -> bool {
        if let Some(seam) = self.seam.filter(|&seam| seam < self.filled) {
            self.seam = None;
            if stamp::is_beginning(self.block.get(seam..self.filled).unwrap_or_default()) {
                self.take(seam, seam);
                return true;
            }
        }
        let unseen = self.block.get(self.seen..self.filled).unwrap_or_default();
        if let Some(length) = memchr(b'\n', unseen) {
            self.take(self.seen + length, self.seen + length + 1);
            return true;
        }
        self.seen = self.filled;
        if self.left() >= LONGEST {
            self.take(self.filled, self.filled);
            return true;
        }
        false
    }

    /// Skips the complete lines before the one in which `find` finds something. `find` returns an
    /// offset in the bytes that it gets.
    pub fn skip_to(&mut self, find: impl Fn(&[u8]) -> Option<usize>) {
        if self.seam.is_some() {
            return;
        }
        let left = self.block.get(self.next..self.filled).unwrap_or_default();
        let passed = left.get(..find(left).unwrap_or(left.len())).unwrap_or_default();
        if let Some(newline) = memrchr(b'\n', passed) {
            self.next += newline + 1;
            self.seen = self.seen.max(self.next);
        }
    }

    /// The current line ends at `end`; the rest begins at `next`.
    fn take(&mut self, end: usize, next: usize) {
        (self.start, self.end, self.next, self.seen) = (self.next, end, next, next);
    }

    /// How many bytes there are of a line whose newline was not read yet.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.filled - self.next
    }

    /// The buffer to read into. It overwrites the current line.
    pub fn room(&mut self) -> &mut [u8] {
        if self.next > 0 {
            self.block.copy_within(self.next..self.filled, 0);
            let gone = self.next;
            self.seam = self.seam.map(|seam| seam.saturating_sub(gone));
            (self.seen, self.filled) = (self.seen - gone, self.filled - gone);
            (self.start, self.end, self.next) = (0, 0, 0);
        }
        if self.filled == self.block.len() {
            self.block.resize(self.block.len() * 2, 0);
        }
        self.block.get_mut(self.filled..).unwrap_or_default()
    }

    /// Notes that so many bytes were read into it.
    pub fn fill(&mut self, count: usize) {
        self.filled = self.block.len().min(self.filled + count);
    }

    /// The log has ended. An unfinished line may go on in the next log.
    pub fn end_of_log(&mut self) {
        if self.left() > 0 {
            self.seam = Some(self.filled);
        }
    }

    /// Makes a line of the unfinished one; false if there is none.
    pub fn finish(&mut self) -> bool {
        let is_left = self.left() > 0;
        if is_left {
            self.seam = None;
            self.take(self.filled, self.filled);
        }
        is_left
    }

    /// Drops the last `count` bytes that were read, unless they were cut into lines already;
    /// whether it could.
    pub fn forget(&mut self, count: usize) -> bool {
        let is_left = count <= self.left();
        self.filled = if is_left { self.filled - count } else { self.next };
        self.seen = self.seen.min(self.filled);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of some logs, read in blocks of this size.
    fn lines(logs: &[&str], size: usize) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut take = |lines: &Lines| {
            found.push(String::from_utf8(lines.line().to_vec()).unwrap());
        };
        for log in logs {
            for piece in log.as_bytes().chunks(size) {
                lines.room()[..piece.len()].copy_from_slice(piece);
                lines.fill(piece.len());
                while lines.step() {
                    take(&lines);
                }
            }
            lines.end_of_log();
        }
        if lines.finish() {
            take(&lines);
        }
        found
    }

    #[test]
    fn lines_are_cut_however_they_are_read() {
        for size in [1, 2, 3, 7, 100] {
            assert_eq!(lines(&["one\ntwo\n\nthree\n"], size), ["one", "two", "", "three"]);
            assert_eq!(lines(&["one\ntw", "o\nthree"], size), ["one", "two", "three"]);
            assert_eq!(lines(&["", "\n", ""], size), [""]);
            assert!(lines(&[], size).is_empty());
        }
    }

    #[test]
    fn a_label_at_the_beginning_of_a_log_ends_what_the_log_before_left() {
        let label = "@4000000037c219c92ef02e94 two\n";
        assert_eq!(lines(&["one", label], 100), ["one", label.trim_end()]);
        let date = "1999-08-24 05:04:15.787492500 two\n";
        assert_eq!(lines(&["one", date], 100), ["one", date.trim_end()]);
        assert_eq!(lines(&["one ", "@2\n"], 100), ["one @2"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut_in_pieces() {
        let long = "x".repeat(LONGEST * 2 + 5);
        let lengths: Vec<usize> =
            lines(&[&long, "\ny\n"], 1 << 15).iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, 5, 1]);
    }

    #[test]
    fn lines_in_which_nothing_is_found_are_passed_over() {
        let mut lines = Lines::default();
        let text = b"one\ntwo x\nthree\nfour";
        lines.room()[..text.len()].copy_from_slice(text);
        lines.fill(text.len());
        let find = |text: &[u8]| memchr(b'x', text);
        lines.skip_to(find);
        assert!(lines.step());
        assert_eq!(lines.line(), b"two x");
        lines.skip_to(find);
        assert!(!lines.step() && lines.finish());
        assert_eq!(lines.line(), b"four");
    }

    #[test]
    fn what_was_taken_back_is_forgotten() {
        let mut lines = Lines::default();
        lines.room()[..7].copy_from_slice(b"one\ntwo");
        lines.fill(7);
        assert!(lines.step() && !lines.step());
        assert!(lines.forget(2));
        lines.room()[..2].copy_from_slice(b"o\n");
        lines.fill(2);
        assert!(lines.step());
        assert_eq!(lines.line(), b"to");
        assert!(!lines.forget(1));
    }
}
