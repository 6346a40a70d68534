//! Finds the newlines of a block, 64 bytes at a time.

use crate::fill::fill;
use crate::sys::vector::{WORD, equal_bytes};

/// Iterates over the offsets of the newlines in a block.
#[derive(Debug)]
pub struct Newlines<'a> {
    /// The bytes after the present word of 64 bytes, and their offset.
    rest: &'a [u8],
    next: usize,
    /// The offset of the present word.
    place: usize,
    /// A bit for each newline in the present word that was not returned yet.
    found: u64,
}

impl<'a> Newlines<'a> {
    /// The newlines of `block`.
    #[inline]
    #[must_use]
    pub fn of(block: &'a [u8]) -> Self {
        Self { rest: block, next: 0, place: 0, found: 0 }
    }

    /// Takes the next word. Returns false at the end of the block.
    #[inline]
    fn look_on(&mut self) -> bool {
        self.place = self.next;
        self.next += WORD;
        if let Some((word, rest)) = self.rest.split_first_chunk() {
            self.found = equal_bytes(word, b'\n');
            self.rest = rest;
            return true;
        }
        // The last few bytes, filled up with bytes that are no newlines.
        let mut word = [0; WORD];
        fill(&mut word, self.rest.iter().copied());
        self.found = equal_bytes(&word, b'\n');
        !std::mem::take(&mut self.rest).is_empty()
    }
}

impl Iterator for Newlines<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            if !self.look_on() {
                return None;
            }
        }
        let bit = usize::try_from(self.found.trailing_zeros()).ok()?;
        self.found &= self.found - 1;
        Some(self.place + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_newline_is_found_and_nothing_else() {
        let others = [b'\n', 0, 0x0b, 0x09, 0x8a, 0xff];
        for length in 0..=150 {
            for seed in 0..6_usize.pow(3) {
                let other = |at: usize| others[(seed + at * at) / [1, 6, 36][at % 3] % 6];
                let block: Vec<u8> = (0..length).map(other).collect();
                let naive = block.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                let naive: Vec<usize> = naive.map(|(at, _)| at).collect();
                assert_eq!(Newlines::of(&block).collect::<Vec<_>>(), naive, "{block:?}");
            }
        }
    }
}
