//! Fields of a record on disk, little-endian, one after the other, and their checksum. Pure.

use crate::fill::fill;

/// FNV-1a, 64 bits. It detects torn writes; it does not protect against forgery.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    checksum_from(0xcbf2_9ce4_8422_2325, bytes)
}

/// The checksum of `bytes` after other bytes whose checksum is `sum`.
#[must_use]
pub fn checksum_from(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Writes fields one after the other.
pub struct Writer<'a> {
    /// The bytes to write into.
    pub bytes: &'a mut [u8],
    /// The offset of the next field.
    pub at: usize,
}

impl Writer<'_> {
    /// Writes bytes.
    pub fn put(&mut self, field: &[u8]) {
        fill(self.bytes.get_mut(self.at..).unwrap_or_default(), field.iter().copied());
        self.at += field.len();
    }

    /// Writes a number.
    pub fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    /// Writes the checksum of the bytes from `from` on.
    pub fn sum(&mut self, from: usize) {
        let sum = checksum(self.bytes.get(from..self.at).unwrap_or_default());
        self.number(sum);
    }
}

/// Reads fields one after the other.
pub struct Reader<'a> {
    /// What is left.
    pub bytes: &'a [u8],
}

impl Reader<'_> {
    /// Reads `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*field)
    }

    /// Reads a number.
    pub fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
