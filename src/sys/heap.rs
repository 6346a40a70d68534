//! The heap, and what becomes of a request that it cannot meet: the end of the command, with a line
//! of its own; in the main loop of a daemon another try, after a pause; and for a caller who asked
//! for it, the answer "no". Rust's own answer, an abort, is given to nobody.
//!
//! The memory is the C library's. What this adds costs a resident process nothing: a few words that
//! are written at the start, and a look at each answer.

use super::clock;
use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::alloc::System;
use std::collections::TryReserveError;
use std::sync::OnceLock;

/// Between two tries: twice as long each time, up to the longest.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a program does when there is no memory. Neither may ask for any.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Says that this is the end, and ends the process.
    pub end: fn() -> !,
    /// Says that it waits for memory.
    pub wait: fn(),
}

struct Heap {
    hooks: OnceLock<Hooks>,
    /// Whether requests are repeated until they can be met.
    outlasts: AtomicBool,
    /// Whether it was said that this process waits.
    is_said: AtomicBool,
    /// How many callers take "no" for an answer.
    takers_of_no: AtomicU32,
}

#[global_allocator]
static HEAP: Heap = Heap {
    hooks: OnceLock::new(),
    outlasts: AtomicBool::new(false),
    is_said: AtomicBool::new(false),
    takers_of_no: AtomicU32::new(0),
};

/// Sets what is done when there is no memory, once, before the first request.
pub fn set_hooks(hooks: Hooks) {
    let _ = HEAP.hooks.set(hooks);
}

/// From here on a request that cannot be met is repeated until it can: for a process that others
/// depend on, whose main loop begins. It stands still meanwhile, deaf to all but the signals that it
/// does not block; what is worth hearing in a shortage asks for memory by [`with_room`].
pub fn outlast_shortage() {
    HEAP.outlasts.store(true, Relaxed);
}

/// The child of a fork does not wait, whatever its parent does: its parent may wait for it.
pub(super) fn end_in_shortage() {
    HEAP.outlasts.store(false, Relaxed);
}

/// Calls `ask`, whose requests are answered with "no" when they cannot be met: for the functions
/// that begin with `try_`, and for nothing else.
///
/// # Errors
/// Those of `ask`.
pub fn ask<T>(ask: impl FnOnce() -> Result<T, TryReserveError>) -> Result<T, TryReserveError> {
    HEAP.takers_of_no.fetch_add(1, Relaxed);
    let answer = ask();
    HEAP.takers_of_no.fetch_sub(1, Relaxed);
    answer
}

/// An empty vector with room for so many, if there is memory for it.
#[must_use]
pub fn with_room<T>(count: usize) -> Option<Vec<T>> {
    let mut vector = Vec::new();
    ask(|| vector.try_reserve_exact(count)).ok()?;
    Some(vector)
}

/// What a request came to: `given`, or what `again` gets in the end; null for who takes a "no".
fn answer(given: *mut u8, mut again: impl FnMut() -> *mut u8) -> *mut u8 {
    if given.is_null() { in_shortage(&mut again) } else { given }
}

#[cold]
fn in_shortage(again: &mut dyn FnMut() -> *mut u8) -> *mut u8 {
    let Some(hooks) = HEAP.hooks.get().filter(|_| HEAP.takers_of_no.load(Relaxed) == 0) else {
        return std::ptr::null_mut();
    };
    let mut pause = PAUSE;
    loop {
        if !HEAP.outlasts.load(Relaxed) {
            (hooks.end)();
        }
        if !HEAP.is_said.swap(true, Relaxed) {
            (hooks.wait)();
        }
        clock::rest(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
        let given = again();
        if !given.is_null() {
            return given;
        }
    }
}

// SAFETY: every answer is the system allocator's own for the same request, or null.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of this very function.
        let ask = || unsafe { System.alloc(layout) };
        answer(ask(), ask)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let ask = || unsafe { System.alloc_zeroed(layout) };
        answer(ask(), ask)
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; a request that failed has left the old memory as it was.
        let ask = || unsafe { System.realloc(old, layout, size) };
        answer(ask(), ask)
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_beyond_all_memory_is_answered_with_no() {
        assert!(with_room::<u8>(1 << 62).is_none());
        assert!(with_room::<u8>(1 << 10).is_some_and(|room| room.capacity() >= 1 << 10));
    }
}
