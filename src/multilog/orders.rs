//! What signals ask of multilog: TERM to end at the next newline, ALRM to rotate. They are blocked
//! and read where they are wanted: at the read of stdin, and in a pause for a failed processor.

use crate::sys::signal::{SIGALRM, SIGTERM, Signals};
use crate::sys::{Errno, clock, descriptor, poll};
use core::time::Duration;
use std::os::fd::AsFd;

/// The signals that were read so far.
#[derive(Debug)]
pub struct Orders {
    signals: Signals,
    is_told_to_end: bool,
    is_told_to_rotate: bool,
}

impl Orders {
    /// Listens from here on.
    ///
    /// # Errors
    /// Those of signalfd4(2).
    pub fn listen() -> Result<Self, Errno> {
        let signals = Signals::listen(&[SIGTERM, SIGALRM])?;
        Ok(Self { signals, is_told_to_end: false, is_told_to_rotate: false })
    }

    /// Whether TERM has come.
    #[must_use]
    pub fn is_told_to_end(&self) -> bool {
        self.is_told_to_end
    }

    /// Whether ALRM has come since this was asked last.
    pub fn take_rotate(&mut self) -> bool {
        core::mem::take(&mut self.is_told_to_rotate)
    }

    /// Waits until stdin can be read, or a signal has come; whether stdin can.
    pub fn wait_for_input(&mut self) -> bool {
        if self.is_told_to_end {
            return false;
        }
        let mut watched =
            [poll::readable(descriptor::standard(0)), poll::readable(self.signals.as_fd())];
        if poll::wait(&mut watched, None).is_err() {
            // Only for want of memory: the read itself waits too.
            return true;
        }
        let [input, signals] = &watched;
        let (has_input, has_signal) = (poll::found(input), poll::found(signals));
        if has_signal {
            self.read();
        }
        has_input && !self.is_told_to_end && !self.is_told_to_rotate
    }

    /// Waits so long, or until TERM comes.
    pub fn pause(&mut self, length: Duration) {
        let until = clock::monotonic().saturating_add(length);
        while !self.is_told_to_end && clock::monotonic() < until {
            let mut watched = [poll::readable(self.signals.as_fd())];
            let _ = poll::wait(&mut watched, Some(until));
            self.read();
        }
    }

    fn read(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                SIGTERM => self.is_told_to_end = true,
                SIGALRM => self.is_told_to_rotate = true,
                _ => {}
            }
        }
    }
}
