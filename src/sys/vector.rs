//! Sixteen bytes an instruction: SSE2, which every x86-64 has.

/// What is looked at in one go: a bit for each byte fits a u64.
pub const WORD: usize = 64;

/// A bit for each byte of `word` that is `wanted`; that of the first byte is the lowest.
#[cfg(target_arch = "x86_64")]
#[inline]
#[must_use]
pub fn equal_bytes(word: &[u8; WORD], wanted: u8) -> u64 {
    // SAFETY: the processor has SSE2: it is part of x86-64.
    unsafe { with_sse2(word, wanted) }
}

/// Elsewhere, byte by byte.
#[cfg(not(target_arch = "x86_64"))]
#[must_use]
pub fn equal_bytes(word: &[u8; WORD], wanted: u8) -> u64 {
    let bits = word.iter().zip(0..).map(|(byte, bit)| u64::from(*byte == wanted) << bit);
    bits.fold(0, |found, bit| found | bit)
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn with_sse2(word: &[u8; WORD], wanted: u8) -> u64 {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let wanted = _mm_set1_epi8(wanted.cast_signed());
    let (halves, _) = word.as_chunks::<8>();
    let (pairs, _) = halves.as_chunks::<2>();
    let mut found = 0;
    for (pair, shift) in pairs.iter().zip([0, 16, 32, 48]) {
        let [low, high] = pair.map(i64::from_le_bytes);
        let same = _mm_cmpeq_epi8(_mm_set_epi64x(high, low), wanted);
        found |= u64::from(_mm_movemask_epi8(same).cast_unsigned()) << shift;
    }
    found
}
