//! Compares sixteen bytes with one instruction: SSE2, which every x86-64 has.

/// How many bytes are compared in one call: one bit for each fits a u64.
pub const WORD: usize = 64;

/// Has a bit set for each byte of `word` that is `wanted`. The lowest bit is that of the first
/// byte.
#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe, reason = "before Rust 1.87 the instructions are unsafe to call")]
#[inline]
#[must_use]
pub fn equal_bytes(word: &[u8; WORD], wanted: u8) -> u64 {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    // SAFETY: the processor has SSE2: it is part of x86-64.
    let wanted = unsafe { _mm_set1_epi8(i8::from_ne_bytes([wanted])) };
    let mut found = 0;
    for (pair, shift) in word.chunks_exact(16).zip([0, 16, 32, 48]) {
        let (low, high) = pair.split_at(8);
        // SAFETY: as above.
        let pair = unsafe { _mm_set_epi64x(number(high), number(low)) };
        // SAFETY: as above.
        let same = unsafe { _mm_cmpeq_epi8(pair, wanted) };
        // SAFETY: as above.
        let bits = unsafe { _mm_movemask_epi8(same) };
        found |= u64::from(u32::from_ne_bytes(bits.to_ne_bytes())) << shift;
    }
    found
}

/// Eight bytes, in the order of memory.
#[cfg(target_arch = "x86_64")]
#[inline]
fn number(bytes: &[u8]) -> i64 {
    <[u8; 8]>::try_from(bytes).map_or(0, i64::from_le_bytes)
}

/// On other architectures, byte by byte.
#[cfg(not(target_arch = "x86_64"))]
#[must_use]
pub fn equal_bytes(word: &[u8; WORD], wanted: u8) -> u64 {
    let bits = word.iter().zip(0..).map(|(byte, bit)| u64::from(*byte == wanted) << bit);
    bits.fold(0, |found, bit| found | bit)
}
