//! The heap, and what happens if there is no memory. A command ends with a message; a daemon in its
//! main loop pauses and tries again; and a caller of [`ask`] gets an error. Rust's own way, an
//! abort, is never taken.
//!
//! The memory comes from the C library's allocator. What this adds costs next to nothing: a few
//! words of memory, and one test of each result.

use super::clock;
use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::alloc::System;
use std::collections::TryReserveError;
use std::sync::OnceLock;

/// The first pause between two tries. Each further one is twice as long, up to the longest.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a program does when there is no memory. Neither function may allocate.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Prints a message and ends the process.
    pub end: fn() -> !,
    /// Prints that the process waits for memory.
    pub wait: fn(),
}

struct Heap {
    hooks: OnceLock<Hooks>,
    /// Whether to repeat requests until they succeed.
    outlasts: AtomicBool,
    /// Whether the message that this process waits was printed.
    is_said: AtomicBool,
    /// How many calls of [`ask`] are running: their requests may be answered with null.
    takers_of_no: AtomicU32,
}

#[global_allocator]
static HEAP: Heap = Heap {
    hooks: OnceLock::new(),
    outlasts: AtomicBool::new(false),
    is_said: AtomicBool::new(false),
    takers_of_no: AtomicU32::new(0),
};

/// Sets what to do when there is no memory. Called once, before the first request.
pub fn set_hooks(hooks: Hooks) {
    let _ = HEAP.hooks.set(hooks);
}

/// From here on a request without memory is repeated until it succeeds. For a daemon that others
/// depend on, at the start of its main loop. While it waits it does nothing else, and notices only
/// signals that it does not block. Code that must go on in a shortage allocates by [`with_room`].
pub fn outlast_shortage() {
    HEAP.outlasts.store(true, Relaxed);
}

/// From here on this process ends if there is no memory. For the child of a fork, because the
/// parent may be waiting for it.
pub(super) fn end_in_shortage() {
    HEAP.outlasts.store(false, Relaxed);
}

/// Calls `ask`, whose requests fail if there is no memory. Only for functions whose names begin
/// with `try_`.
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

/// The result of a request: `given`, or what `again` gets in the end. Null inside a call of
/// [`ask`].
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
        // SAFETY: the caller keeps to the contract of this function.
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
