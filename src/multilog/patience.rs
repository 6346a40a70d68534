//! Every wait of multilog: for input, for a processor, for stderr to take a message, and for
//! trouble to pass. Each of them notices TERM and ALRM, which are blocked and read from a
//! descriptor. No other file of multilog waits; `tests/house` checks that.
//!
//! After TERM: input that can stay in the pipe stays there. multilog tries for 10 seconds more to
//! write bytes that would be lost, and gives a processor 30 seconds to end. After a second TERM,
//! which an orderly stop may send, it has 5 seconds for all of that.

use super::trouble::{Attempt, Trouble};
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::{SIGALRM, SIGCHLD, SIGCONT, SIGKILL, SIGTERM, Signals};
use crate::sys::{Errno, clock, descriptor, poll};
use core::time::Duration;
use std::os::fd::AsFd;

/// Time between two tries while there is trouble.
const PAUSE: Duration = Duration::from_secs(5);
/// Time between two tries after TERM.
const AGAIN: Duration = Duration::from_secs(1);
/// How long after TERM multilog goes on with a block. Later it stops where a log is rotated, if the
/// rest of the block can stay in the pipe.
const SOON: Duration = Duration::from_secs(1);
/// How long after TERM to try to write bytes that would be lost.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait for the rest of a line, counted from TERM and again from its last byte.
const LINE: Duration = Duration::from_secs(10);
/// How long a processor may go on after TERM.
const PROCESSOR: Duration = Duration::from_secs(30);
/// How long all of this may take after a second TERM.
const HURRY: Duration = Duration::from_secs(5);
/// The time between TERM and KILL for a processor, and then the time to wait for its end.
const MERCY: Duration = Duration::from_secs(2);
/// How long the beginning of a line stays in the pipe to wait for more: in this time a writer that
/// waits for room fills the pipe.
const MOMENT: Duration = Duration::from_micros(50);

/// The signals so far, and what may still be waited for.
#[derive(Debug)]
pub struct Patience {
    signals: Signals,
    /// When the first TERM came.
    told: Option<Duration>,
    /// When the second TERM came.
    hurried: Option<Duration>,
    is_told_to_rotate: bool,
    /// Whether to wait for trouble to pass. If not, the caller gets it at once.
    is_patient: bool,
    /// Whether multilog has bytes in memory that are nowhere else.
    pub has_bytes: bool,
    /// Until when to try to write them.
    grace: Option<Duration>,
}

impl Patience {
    /// Listens to signals from here on. At the start the caller gets all trouble at once.
    ///
    /// # Errors
    /// Those of signalfd4(2).
    pub fn listen() -> Result<Self, Errno> {
        let signals = Signals::listen(&[SIGTERM, SIGALRM, SIGCHLD])?;
        Ok(Self {
            signals,
            told: None,
            hurried: None,
            is_told_to_rotate: false,
            is_patient: false,
            has_bytes: false,
            grace: None,
        })
    }

    /// The start is over: from now on multilog waits for trouble to pass.
    pub fn begin(&mut self) {
        self.is_patient = true;
    }

    /// Whether multilog waits for trouble to pass: after the start.
    #[must_use]
    pub const fn is_patient(&self) -> bool {
        self.is_patient
    }

    /// Does `work` without pauses: the caller gets the trouble at once.
    pub fn at_once<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let was_patient = core::mem::take(&mut self.is_patient);
        let done = work(self);
        self.is_patient = was_patient;
        done
    }

    /// Whether TERM has come.
    #[must_use]
    pub const fn is_told_to_end(&self) -> bool {
        self.told.is_some()
    }

    /// Whether TERM came more than a second ago.
    pub fn is_late(&mut self) -> bool {
        self.hear();
        self.told.is_some_and(|told| clock::monotonic() >= told.saturating_add(SOON))
    }

    /// Whether ALRM has come since the last call.
    pub fn take_rotate(&mut self) -> bool {
        core::mem::take(&mut self.is_told_to_rotate)
    }

    /// Waits until stdin can be read, a signal comes, or the time is `until`. Returns whether stdin
    /// can be read.
    pub fn wait_for_input(&mut self, until: Option<Duration>) -> bool {
        if self.is_told_to_end() {
            return false;
        }
        self.look_for_input(until) && self.told.is_none() && !self.is_told_to_rotate
    }

    /// After TERM, waits for more of the present line. Returns whether there is more.
    pub fn wait_for_rest(&mut self) -> bool {
        let until = clock::monotonic().saturating_add(LINE);
        loop {
            if self.look_for_input(Some(self.hurry(until))) {
                return true;
            }
            if clock::monotonic() >= self.hurry(until) {
                return false;
            }
        }
    }

    fn look_for_input(&mut self, until: Option<Duration>) -> bool {
        let mut watched =
            [poll::readable(descriptor::standard(0)), poll::readable(self.signals.as_fd())];
        if poll::wait(&mut watched, until).is_err() {
            // poll failed for want of memory: rest a moment, then read without waiting.
            self.rest(MOMENT);
            return true;
        }
        let [input, signals] = &watched;
        let (has_input, has_signal) = (poll::found(input), poll::found(signals));
        if has_signal {
            self.hear();
        }
        has_input
    }

    /// Waits for a moment, too short for a signal to matter: for more input, or after poll(2)
    /// failed for want of memory.
    pub fn moment(&self) {
        clock::rest(MOMENT);
    }

    /// Tries until it succeeds. Warns and pauses after each failure.
    ///
    /// # Errors
    /// The trouble, at the start, or when the time after TERM is over. Also an ESTALE that is still
    /// there after a pause, since that will not pass.
    pub fn insist<T>(
        &mut self,
        directory: &[u8],
        attempt: Attempt,
        mut call: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Trouble> {
        let mut was_stale = false;
        loop {
            let error = match call() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let trouble = Trouble { attempt, error };
            let is_stale = error == Errno::ESTALE;
            if is_stale && was_stale || !self.pause(|| trouble.pausing(directory)) {
                return Err(trouble);
            }
            was_stale = is_stale;
        }
    }

    /// Warns of trouble and pauses. Returns false if the caller must not try again. TERM ends the
    /// pause, and the caller may try once more.
    pub fn pause(&mut self, say: impl FnOnce()) -> bool {
        if !self.is_patient {
            return false;
        }
        self.hear();
        if self.told.is_none() {
            say();
            let until = clock::monotonic().saturating_add(PAUSE);
            while self.told.is_none() && clock::monotonic() < until {
                self.listen_for(Some(until));
            }
            return true;
        }
        if !self.has_bytes {
            return false;
        }
        let now = clock::monotonic();
        if self.grace.is_none() {
            say();
        }
        let until = *self.grace.get_or_insert(now.saturating_add(GRACE));
        if now >= self.hurry(until) {
            return false;
        }
        self.rest(AGAIN);
        true
    }

    /// Waits until stderr takes a short message. Returns false if TERM came first.
    pub fn wait_for_stderr(&mut self) -> bool {
        loop {
            let until = match self.told {
                None => None,
                Some(_) if !self.has_bytes => Some(Duration::ZERO),
                Some(told) => {
                    let until = *self.grace.get_or_insert(told.saturating_add(GRACE));
                    Some(self.hurry(until))
                }
            };
            let mut watched =
                [poll::writable(descriptor::standard(2)), poll::readable(self.signals.as_fd())];
            if poll::wait(&mut watched, until).is_err() {
                self.moment();
            }
            if watched.iter().take(1).any(poll::found) {
                return true;
            }
            if until.is_some_and(|until| clock::monotonic() >= until) {
                return false;
            }
            self.hear();
        }
    }

    /// Whether there is still time for a processor. After TERM that time is limited.
    pub fn has_time_for_processor(&mut self) -> bool {
        self.hear();
        self.processor_until().is_none_or(|until| clock::monotonic() < until)
    }

    /// Waits for the end of a processor, which leads a process group of its own. When its time is
    /// over, the group is sent TERM, and two seconds later KILL.
    ///
    /// # Errors
    /// Those of waitpid(2).
    pub fn wait_for_processor(&mut self, processor: Pid) -> Result<End, Errno> {
        let mut killed_at = None;
        let mut signals = [SIGTERM, SIGKILL].into_iter();
        loop {
            let until = killed_at.map_or_else(
                || self.processor_until(),
                |at: Duration| Some(at.saturating_add(MERCY)),
            );
            let is_over = until.is_some_and(|until| clock::monotonic() >= until);
            if killed_at.is_some() && process::has_ended(processor) {
                // Kill what it has started too. While it is not reaped, no other group has its
                // number.
                let _ = process::kill_group(processor, SIGKILL);
            }
            if let Some(end) = process::try_wait(processor)? {
                return Ok(end);
            }
            if is_over {
                let Some(signal) = signals.next() else {
                    // Even KILL did not end it: it is in a system call that does not return.
                    return Ok(End::Killed(u8::try_from(SIGKILL).unwrap_or(u8::MAX)));
                };
                // It may have ended by now.
                let _ = process::kill_group(processor, signal);
                let _ = process::kill_group(processor, SIGCONT);
                killed_at = Some(clock::monotonic());
                continue;
            }
            self.listen_for(until);
        }
    }

    fn processor_until(&self) -> Option<Duration> {
        self.told.map(|told| self.hurry(told.saturating_add(PROCESSOR)))
    }

    /// `until`, or an earlier time after a second TERM.
    fn hurry(&self, until: Duration) -> Duration {
        self.hurried.map_or(until, |since| until.min(since.saturating_add(HURRY)))
    }

    /// Waits so long, even if signals come.
    fn rest(&mut self, length: Duration) {
        let until = clock::monotonic().saturating_add(length);
        while clock::monotonic() < until {
            self.listen_for(Some(until));
        }
    }

    /// Waits until a signal comes, or the time is `until`.
    fn listen_for(&mut self, until: Option<Duration>) {
        let mut watched = [poll::readable(self.signals.as_fd())];
        if poll::wait(&mut watched, until).is_err() {
            self.moment();
        }
        self.hear();
    }

    /// Reads the signals that have come.
    fn hear(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                SIGTERM if self.told.is_some() => {
                    self.hurried.get_or_insert_with(clock::monotonic);
                }
                SIGTERM => self.told = Some(clock::monotonic()),
                SIGALRM => self.is_told_to_rotate = true,
                _ => {}
            }
        }
    }
}
