//! Signals: numbers, the mask, dispositions, and reading blocked signals from a descriptor.
//!
//! The daemons block the signals that they listen for and read them from a signalfd; no handler is
//! installed anywhere. A child gets default dispositions and an empty mask before it executes a
//! program.

use super::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Name, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::consts;
use std::os::fd::{AsFd, BorrowedFd};

/// A signal number, as kill(2) takes it.
pub type SignalNumber = i32;

pub use consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGSTOP, SIGTERM,
    SIGUSR1, SIGUSR2, SIGWINCH, SIGXFSZ,
};

/// "The power fails": signal-hook has no name for it.
pub const SIGPWR: SignalNumber = libc::SIGPWR;

/// Blocked signals, read one at a time.
#[derive(Debug)]
pub struct Signals {
    descriptor: SignalFd,
}

impl Signals {
    /// Blocks `wanted`, unblocks all other signals, and opens a signalfd for `wanted`. Their
    /// dispositions are set to default: with an inherited "ignore" of SIGCHLD, wait would fail.
    ///
    /// # Errors
    /// Those of sigprocmask(2) and signalfd4(2).
    pub fn listen(wanted: &[SignalNumber]) -> Result<Self, Errno> {
        for &number in wanted {
            set_disposition(number, Disposition::Default);
        }
        Self::block(wanted)
    }

    /// Blocks `wanted`, unblocks all other signals, and opens a signalfd for `wanted`. Dispositions
    /// stay as they are, for a child that is to get them.
    ///
    /// # Errors
    /// Those of sigprocmask(2) and signalfd4(2).
    pub fn block(wanted: &[SignalNumber]) -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        for &number in wanted {
            set.add(Name::try_from(number)?);
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&set), None)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&set, flags).map(|descriptor| Self { descriptor })
    }

    /// The next signal that waits, if any.
    #[must_use]
    pub fn next(&self) -> Option<SignalNumber> {
        self.next_with_sender().map(|(signal, _)| signal)
    }

    /// As [`Self::next`], with the pid of the sender; 0 for the kernel, and for a process that we
    /// cannot see.
    #[must_use]
    pub fn next_with_sender(&self) -> Option<(SignalNumber, u32)> {
        let waiting = self.descriptor.read_signal().ok()??;
        Some((SignalNumber::try_from(waiting.ssi_signo).ok()?, waiting.ssi_pid))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Blocks every signal, for the time around a fork. Returns the old mask, for [`restore`].
#[must_use]
pub fn block_all() -> SigSet {
    let mut before = SigSet::empty();
    // sigprocmask fails for wrong arguments alone.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
    before
}

/// Restores the mask that [`block_all`] returned.
pub fn restore(mask: &SigSet) {
    // As above.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None);
}

/// Default disposition for every signal.
pub fn reset_dispositions() {
    for number in 1..=LAST {
        set_disposition(number, Disposition::Default);
    }
}

/// Default disposition for every signal, then an empty mask: for a program that we start.
pub fn all_default() {
    reset_dispositions();
    restore(&SigSet::empty());
}

/// As [`all_default`], but one signal stays blocked: it stays pending until the program that we
/// start listens for it.
pub fn all_default_but(blocked: SignalNumber) {
    reset_dispositions();
    let mut mask = SigSet::empty();
    // The caller names a signal that has a name.
    let _ = Name::try_from(blocked).map(|name| mask.add(name));
    restore(&mask);
}

/// SIGPIPE at its default, undoing [`ignore_broken_pipes`], and then an empty mask: for a program
/// that gets all other dispositions as they are.
pub fn ready_for_exec() {
    set_disposition(SIGPIPE, Disposition::Default);
    restore(&SigSet::empty());
}

/// Ignores SIGPIPE: a daemon, or svc, must not die because the reader of its messages is gone.
pub fn ignore_broken_pipes() {
    set_disposition(SIGPIPE, Disposition::Ignore);
}

/// Sets SIGCHLD to its default: with an inherited "ignore" we would not learn of a child's end.
pub fn hear_of_children() {
    set_disposition(SIGCHLD, Disposition::Default);
}

/// Ignores SIGXFSZ, or sets it to its default. While it is ignored, write(2) fails with EFBIG at
/// the limit on file sizes.
pub fn ignore_size_limit(ignore: bool) {
    set_disposition(SIGXFSZ, if ignore { Disposition::Ignore } else { Disposition::Default });
}

/// The highest signal number of Linux on x86-64.
pub const LAST: SignalNumber = 64;

/// The signal of a name, with or without `SIG`, in any case.
#[must_use]
pub fn by_name(name: &str) -> Option<SignalNumber> {
    let name = name.to_ascii_uppercase();
    let name = if name.starts_with("SIG") { name } else { format!("SIG{name}") };
    name.parse::<Name>().ok().map(|name| name as SignalNumber)
}

/// The name of a signal without its `SIG`; none for those that have only a number.
#[must_use]
pub fn name(number: SignalNumber) -> Option<&'static str> {
    let name = Name::try_from(number).ok()?.as_str();
    Some(name.strip_prefix("SIG").unwrap_or(name))
}

enum Disposition {
    Default,
    Ignore,
}

fn set_disposition(number: SignalNumber, handler: Disposition) {
    // The kernel's own structure: handler, flags, restorer, mask. The C library reserves two
    // signals for itself and would leave an inherited "ignore" on them.
    let handler: usize = match handler {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    let action: [usize; 4] = [handler, 0, 0, 0];
    let no_old = std::ptr::null_mut::<[usize; 4]>();
    let mask_size: usize = 8;
    let call = libc::SYS_rt_sigaction;
    // SAFETY: `action` is a whole kernel sigaction; no code of ours runs in a handler.
    let _ = unsafe { libc::syscall(call, number, &raw const action, no_old, mask_size) };
}
