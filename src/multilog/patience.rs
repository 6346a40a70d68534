//! Every wait of multilog: for input, for a processor, for room behind stderr, and for trouble to
//! pass. All of them listen to TERM and ALRM, which are blocked and read from a descriptor; no
//! other file of this room waits for anything (`tests/house` holds it to that).
//!
//! TERM does not end a wait for ever: what can stay in the input stays there at once, what would be
//! lost is tried for [`GRACE`] longer, and a processor has [`PROCESSOR`] to come to its end. A
//! second TERM, as an orderly stop may send it, leaves [`HURRY`] for all of that.

use super::trouble::{Attempt, Trouble};
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::{SIGALRM, SIGCHLD, SIGCONT, SIGKILL, SIGTERM, Signals};
use crate::sys::{Errno, clock, descriptor, poll};
use core::time::Duration;
use std::os::fd::AsFd;

/// Between two tries while there is trouble.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two tries after TERM.
const AGAIN: Duration = Duration::from_secs(1);
/// How long, after TERM, what was looked at is still handed on as if nothing had come.
const SOON: Duration = Duration::from_secs(1);
/// How long, after TERM, what would be lost is tried.
const GRACE: Duration = Duration::from_secs(10);
/// How long, after TERM and after its last byte, the rest of a line is waited for.
const LINE: Duration = Duration::from_secs(10);
/// How long a processor may go on after TERM.
const PROCESSOR: Duration = Duration::from_secs(30);
/// The same, and all the rest, after a second TERM.
const HURRY: Duration = Duration::from_secs(5);
/// How long a processor has between its TERM and its KILL, and we have to see its end after that.
const MERCY: Duration = Duration::from_secs(2);
/// How long the beginning of a line waits in the pipe for more: a writer that was waiting for room
/// has filled the pipe by then.
const MOMENT: Duration = Duration::from_micros(50);

/// What was heard so far, and what may be waited for.
#[derive(Debug)]
pub struct Patience {
    signals: Signals,
    /// Since when TERM has been heard.
    told: Option<Duration>,
    /// Since when it has been heard again.
    hurried: Option<Duration>,
    is_told_to_rotate: bool,
    /// Whether trouble is waited out, or is the caller's at once.
    is_patient: bool,
    /// Whether multilog holds bytes that are nowhere else.
    pub has_bytes: bool,
    /// Until when they are tried.
    grace: Option<Duration>,
}

impl Patience {
    /// Listens from here on. Trouble is the caller's at once: this is the start.
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

    /// The start is over: from now on trouble is waited out.
    pub fn begin(&mut self) {
        self.is_patient = true;
    }

    /// Whether trouble is waited out: not at the start.
    #[must_use]
    pub const fn is_patient(&self) -> bool {
        self.is_patient
    }

    /// Has `work` done without a pause: its trouble is the caller's at once.
    pub fn at_once<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let was_patient = core::mem::take(&mut self.is_patient);
        let done = work(self);
        self.is_patient = was_patient;
        done
    }

    /// Whether TERM was heard.
    #[must_use]
    pub const fn is_told_to_end(&self) -> bool {
        self.told.is_some()
    }

    /// Whether TERM has come a while ago: what was begun then would have been done by now.
    pub fn is_late(&mut self) -> bool {
        self.hear();
        self.told.is_some_and(|told| clock::monotonic() >= told.saturating_add(SOON))
    }

    /// Whether ALRM has come since this was asked last.
    pub fn take_rotate(&mut self) -> bool {
        core::mem::take(&mut self.is_told_to_rotate)
    }

    /// Waits until stdin can be read, a signal has come, or it is `until`; whether stdin can be.
    pub fn wait_for_input(&mut self, until: Option<Duration>) -> bool {
        if self.is_told_to_end() {
            return false;
        }
        self.look_for_input(until) && self.told.is_none() && !self.is_told_to_rotate
    }

    /// Waits, after TERM, for more of a line that was begun; whether there is any.
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
            // For want of memory: a look at the input does not wait.
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

    /// Waits for a moment, too short for a signal to matter.
    pub fn moment(&self) {
        clock::rest(MOMENT);
    }

    /// Tries until it succeeds, with a warning and a pause each time it does not.
    ///
    /// # Errors
    /// The trouble, where it is not to be waited out, or not any longer: TERM has come. An ESTALE
    /// that is there again after a pause will not pass.
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

    /// Says what the trouble is and pauses; false where it is not to be waited out (any longer).
    /// TERM ends the pause, and one more try is the caller's.
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

    /// Waits until stderr takes a short message; false where TERM came first.
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
            let _ = poll::wait(&mut watched, until);
            if watched.iter().take(1).any(poll::found) {
                return true;
            }
            if until.is_some_and(|until| clock::monotonic() >= until) {
                return false;
            }
            self.hear();
        }
    }

    /// Whether there is time for a processor: after TERM, as long as it may be left.
    pub fn has_time_for_processor(&mut self) -> bool {
        self.hear();
        self.processor_until().is_none_or(|until| clock::monotonic() < until)
    }

    /// Waits for the end of a processor, which leads a process group of its own. When its time is
    /// over the group gets TERM, and two seconds later KILL.
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
                // What it had started goes with it. Its number is its own while it is unreaped.
                let _ = process::kill_group(processor, SIGKILL);
            }
            if let Some(end) = process::try_wait(processor)? {
                return Ok(end);
            }
            if is_over {
                let Some(signal) = signals.next() else {
                    // Not even KILL: the kernel has it in a call that does not end.
                    return Ok(End::Killed(u8::try_from(SIGKILL).unwrap_or(u8::MAX)));
                };
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

    /// That moment, or an earlier one after a second TERM.
    fn hurry(&self, until: Duration) -> Duration {
        self.hurried.map_or(until, |since| until.min(since.saturating_add(HURRY)))
    }

    /// Waits so long, whatever is heard.
    fn rest(&mut self, length: Duration) {
        let until = clock::monotonic().saturating_add(length);
        while clock::monotonic() < until {
            self.listen_for(Some(until));
        }
    }

    /// Waits until something is heard, or it is `until`.
    fn listen_for(&mut self, until: Option<Duration>) {
        let mut watched = [poll::readable(self.signals.as_fd())];
        let _ = poll::wait(&mut watched, until);
        self.hear();
    }

    /// Reads what has come.
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
