//! Memory for multilog's buffers. All of it is allocated before the first read. There may be little
//! (softlimit(8)); smaller buffers only mean more system calls.

use crate::sys::heap;

/// The smallest useful buffer.
const LEAST: usize = 4096;

/// An empty buffer that holds `most` bytes or, if there is no memory for so many, half of that, and
/// so on. `None` if there is none for [`LEAST`].
#[must_use]
pub fn at_most(most: usize) -> Option<Vec<u8>> {
    let mut size = most;
    while size >= LEAST {
        if let Some(buffer) = heap::with_room(size) {
            return Some(buffer);
        }
        size /= 2;
    }
    None
}
