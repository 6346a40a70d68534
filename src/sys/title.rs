//! The last word of the command line as writable memory: what `ps` shows of us.

use super::command_line::Arguments;

/// The bytes of the last command-line word, its closing NUL left out.
#[derive(Debug)]
pub struct Title {
    bytes: &'static mut [u8],
}

impl Title {
    /// Takes the command line by value, so that nothing else uses these bytes from now on.
    #[must_use]
    pub fn take(arguments: Arguments) -> Option<Self> {
        let word = arguments.into_last()?;
        // SAFETY: argv's words are NUL-terminated.
        let length = unsafe { libc::strlen(word) };
        // SAFETY: argv's memory is ours to write (the C standard says so) and lives as long as
        // the process; `Arguments` was the only way to it and is gone.
        let bytes = unsafe { std::slice::from_raw_parts_mut(word.cast::<u8>(), length) };
        Some(Self { bytes })
    }

    /// The bytes, to read and to write.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.bytes
    }
}
