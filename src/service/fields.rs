//! Fields of a record on disk, little-endian, one behind the other, and their checksum. Pure.

/// FNV-1a, 64 bits: against torn writes, not against forgers.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    checksum_from(0xcbf2_9ce4_8422_2325, bytes)
}

/// The checksum of bytes that go on where `sum` is the checksum.
#[must_use]
pub fn checksum_from(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Puts fields one behind the other.
pub struct Writer<'a> {
    /// Where they go.
    pub bytes: &'a mut [u8],
    /// Where the next one goes.
    pub at: usize,
}

impl Writer<'_> {
    /// Puts bytes.
    pub fn put(&mut self, field: &[u8]) {
        for (byte, part) in self.bytes.iter_mut().skip(self.at).zip(field) {
            *byte = *part;
        }
        self.at += field.len();
    }

    /// Puts a number.
    pub fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    /// Puts the checksum of what was put since `from`.
    pub fn sum(&mut self, from: usize) {
        let sum = checksum(self.bytes.get(from..self.at).unwrap_or_default());
        self.number(sum);
    }
}

/// Takes fields one behind the other.
pub struct Reader<'a> {
    /// What is left.
    pub bytes: &'a [u8],
}

impl Reader<'_> {
    /// Takes so many bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*field)
    }

    /// Takes a number.
    pub fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
