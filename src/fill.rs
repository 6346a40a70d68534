//! Fills an array value by value. The slices' own copy_from_slice ends the process where the
//! lengths differ, which a supervise must not risk; this one puts in what fits.

/// Puts `values` into `room` from its beginning on, as many as fit. The rest of `room` stays as it
/// is.
#[inline]
pub fn fill<T>(room: &mut [T], values: impl IntoIterator<Item = T>) {
    for (place, value) in room.iter_mut().zip(values) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_what_is_not_filled_stays() {
        let mut room = [0; 3];
        fill(&mut room, [1, 2, 3, 4]);
        assert_eq!(room, [1, 2, 3]);
        fill(&mut room, [9]);
        assert_eq!(room, [9, 2, 3]);
        fill(room.get_mut(1..).unwrap_or_default(), [7, 8]);
        assert_eq!(room, [9, 7, 8]);
    }
}
