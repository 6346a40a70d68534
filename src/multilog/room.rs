//! Memory for what multilog gathers. All of it is taken before the first read, and there may be
//! little (softlimit(8)): a smaller buffer means more system calls, and no more than that.

use crate::sys::heap;

/// The least that a buffer is worth.
const LEAST: usize = 4096;

/// An empty buffer that holds `most` bytes, or half of that, and so on.
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
