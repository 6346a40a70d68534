//! Signals: numbers, the mask, dispositions, and reading blocked signals from a descriptor.
//!
//! The daemons block what they listen for and read it from a signalfd; no handler is installed
//! anywhere. A child gets default dispositions and an empty mask before it execs.

use super::Errno;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal as Name, signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::consts;
use std::os::fd::{AsFd, BorrowedFd};

/// A signal number, as kill(2) takes it.
pub type Signal = i32;

pub use consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGSTOP, SIGTERM,
    SIGUSR1, SIGUSR2, SIGWINCH,
};

/// Blocked signals, read one at a time.
#[derive(Debug)]
pub struct Signals {
    descriptor: SignalFd,
}

impl Signals {
    /// Blocks `wanted`, unblocks all others, and opens a signalfd for them. SIGCHLD's
    /// disposition is set to default: an inherited "ignore" would make wait fail.
    ///
    /// # Errors
    /// Those of sigprocmask(2) and signalfd4(2).
    pub fn listen(wanted: &[Signal]) -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        for &number in wanted {
            set.add(Name::try_from(number)?);
            set_disposition(number, SigHandler::SigDfl);
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&set), None)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&set, flags).map(|descriptor| Self { descriptor })
    }

    /// The next signal that waits, if any.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let waiting = self.descriptor.read_signal().ok()??;
        Signal::try_from(waiting.ssi_signo).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Blocks every signal, for the moments around a fork; gives back the mask to restore.
#[must_use]
pub fn block_all() -> SigSet {
    let mut before = SigSet::empty();
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
    before
}

/// Puts back the mask that [`block_all`] found.
pub fn restore(mask: &SigSet) {
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None);
}

/// Default disposition for every signal, then an empty mask: what a program we start gets.
pub fn all_default() {
    for number in 1..=libc::SIGRTMAX() {
        set_disposition(number, SigHandler::SigDfl);
    }
    restore(&SigSet::empty());
}

/// Ignores SIGPIPE: a lost reader of our messages must not end a daemon, or svc.
pub fn ignore_broken_pipes() {
    set_disposition(SIGPIPE, SigHandler::SigIgn);
}

fn set_disposition(number: Signal, handler: SigHandler) {
    if let Ok(name) = Name::try_from(number) {
        // SAFETY: SIG_DFL and SIG_IGN run no code of ours in a handler.
        let _ = unsafe { signal(name, handler) };
    } else if number >= 32 {
        let default = libc::SIG_DFL;
        // SAFETY: as above; nix has no name for real-time signals.
        let _ = unsafe { libc::signal(number, default) };
    }
}
