//! How the benchmark waits: until a signal ends it, and no longer than it has patience.

use crate::Fallible;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take before the benchmark gives up. 0.76 finds a new link in 5 s.
pub const PATIENCE: Duration = Duration::from_secs(15);

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From here on INT and TERM end every wait with an error.
pub fn end_at_signals() -> Fallible<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))?;
    }
    Ok(())
}

/// Sleeps until `file` is readable, or has lost its last writer, or the time is over.
pub fn wait(file: &File, time: Duration) -> Fallible<PollFlags> {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, time)?;
    Ok(fds[0].revents().unwrap_or(PollFlags::empty()))
}

/// Sleeps, but not through an interrupt.
pub fn nap(time: Duration) -> Fallible<()> {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        // Poll counts in whole milliseconds, rounded down.
        poll(&mut [], left + Duration::from_millis(1))?;
    }
    Ok(())
}

fn poll(fds: &mut [PollFd], time: Duration) -> Fallible<()> {
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    match nix::poll::poll(fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err("interrupted".into());
    }
    Ok(())
}

/// The end of patience.
pub struct Deadline {
    until: Instant,
    what: String,
}

impl Deadline {
    pub fn new(what: &str) -> Self {
        Self { until: Instant::now() + PATIENCE, what: what.to_owned() }
    }

    pub fn left(&self) -> Fallible<Duration> {
        let left = self.until.checked_duration_since(Instant::now());
        Ok(left.ok_or_else(|| format!("waited in vain for {}", self.what))?)
    }
}
