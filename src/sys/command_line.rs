//! The entry: `main` as the kernel calls it, and the command line in the kernel's own memory.
//!
//! Rust's own start-up is left out on purpose: it ignores SIGPIPE (which an exec'd program would
//! inherit) and costs a resident process a few pages.

use std::ffi::{CStr, c_char};

/// The command line, `argv[0]` first. Not `Copy`: [`super::title::Title`] takes it by value and
/// writes to the last word, so no other view of the words may be left.
#[derive(Debug)]
pub struct Arguments {
    /// The words, with the kernel's null pointer at the end.
    words: &'static [*mut c_char],
}

impl Arguments {
    /// # Safety
    /// `count` and `words` are what the C runtime gave to `main`, taken once.
    #[must_use]
    pub unsafe fn from_main(count: i32, words: *mut *mut c_char) -> Self {
        let count = usize::try_from(count).unwrap_or(0);
        if words.is_null() {
            return Self { words: &[std::ptr::null_mut()] };
        }
        // SAFETY: argv holds argc pointers and a null pointer for the life of the process.
        let words = unsafe { std::slice::from_raw_parts(words, count + 1) };
        Self { words }
    }

    /// The word at `index`; 0 is the program's own name.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&CStr> {
        let word = self.words.get(index).filter(|_| index < self.count())?;
        // SAFETY: the words of argv are NUL-terminated and live as long as the process.
        Some(unsafe { CStr::from_ptr(*word) })
    }

    /// The word at `index` as bytes.
    #[must_use]
    pub fn bytes(&self, index: usize) -> Option<&[u8]> {
        self.get(index).map(CStr::to_bytes)
    }

    /// All words from `index` on.
    pub fn from(&self, index: usize) -> impl Iterator<Item = &CStr> {
        (index..self.count()).filter_map(|index| self.get(index))
    }

    /// How many words there are, the program's name included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.len() - 1
    }

    /// The same command line without its first word.
    #[must_use]
    pub fn without_first(self) -> Self {
        let rest = self.words.get(1..).filter(|rest| !rest.is_empty());
        Self { words: rest.unwrap_or(self.words) }
    }

    /// The words from `index` on, as execve(2) takes them: a null pointer ends them.
    pub(super) fn pointers_from(&self, index: usize) -> *const *const c_char {
        let end = self.words.get(self.count()..).unwrap_or_default();
        self.words.get(index..).unwrap_or(end).as_ptr().cast()
    }

    /// The last word's memory.
    pub(super) fn into_last(self) -> Option<*mut c_char> {
        let (_null, words) = self.words.split_last()?;
        words.last().copied()
    }
}

/// The path by which this program was executed, as the kernel recorded it (AT_EXECFN).
#[must_use]
pub fn program_path() -> Option<&'static CStr> {
    // SAFETY: getauxval reads the auxiliary vector; for AT_EXECFN it answers 0 or a string that
    // lives as long as the process.
    let address = unsafe { libc::getauxval(libc::AT_EXECFN) };
    let path = std::ptr::with_exposed_provenance::<c_char>(usize::try_from(address).ok()?);
    // SAFETY: see above; a null pointer is not followed.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })
}

/// Removes a variable from our environment. Returns its value, if it was set.
#[must_use]
pub fn take_variable(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: there is one thread, and the value's memory lives as long as the process.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: a NUL-terminated string of the environment; unsetenv does not touch its bytes.
    let value = unsafe { CStr::from_ptr(value) };
    // SAFETY: there is one thread.
    let _ = unsafe { libc::unsetenv(name.as_ptr()) };
    Some(value.to_bytes())
}

/// Our environment, string by string.
pub fn environment() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: reads libc's pointer; there is one thread.
    let mut place = unsafe { environ };
    std::iter::from_fn(move || {
        if place.is_null() {
            return None;
        }
        // SAFETY: the array ends in a null pointer, which ends the walk.
        let string = unsafe { *place };
        if string.is_null() {
            return None;
        }
        place = place.wrapping_add(1);
        // SAFETY: each string is NUL-terminated and is not changed by us.
        Some(unsafe { CStr::from_ptr(string) })
    })
}

unsafe extern "C" {
    pub(super) static environ: *const *const c_char;
}

/// Defines `main`, which hands the command line to `$run` and returns its exit code.
#[macro_export]
macro_rules! entry {
    ($run:path) => {
        /// The C entry point.
        ///
        /// # Safety
        /// Called by the C runtime, with the command line.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn main(
            count: ::core::ffi::c_int,
            words: *mut *mut ::core::ffi::c_char,
        ) -> ::core::ffi::c_int {
            // SAFETY: these are main's own arguments, used once.
            let arguments =
                unsafe { $crate::sys::command_line::Arguments::from_main(count, words) };
            $run(arguments)
        }
    };
}
