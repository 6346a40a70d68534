//! fghack: stays in the foreground for a daemon that puts itself into the background. Contract:
//! fghack(8), contract.md, section 7.
//!
//! The daemon is every process that came from the child and holds the write end of fghack's pipe.
//! Unlike 0.76, fghack passes signals on to the topmost of these processes: those whose parent does
//! not hold the pipe (nginx's master, not its workers). A TERM or QUIT stays pending and is sent
//! once to each new topmost holder, because a start script may not have started the daemon yet.

use crate::args::Usage;
use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::sys::holders::{Holder, Kinship, holders};
use crate::sys::proc::Process;
use crate::sys::process::{self, End, Pid, Side};
use crate::sys::signal::{
    self, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
    SignalNumber, Signals,
};
use crate::sys::{Errno, clock, descriptor, heap, poll};
use crate::wrapper::{self, Child};
use core::time::Duration;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};

const FGHACK: Program = Program::command("fghack");
/// How it is used.
pub const USAGE: Usage = Usage::of(FGHACK, "fghack child");
/// How many extra copies of the write end the child gets, so that a daemon that closes a few
/// descriptors still holds one.
const COPIES: usize = 30;
/// The first pause between two looks for new holders while a TERM or QUIT is pending. Each further
/// one is twice as long, up to the longest.
const LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// The signals that are passed on, and SIGCHLD.
const HEARD: [SignalNumber; 10] =
    [SIGTERM, SIGHUP, SIGALRM, SIGINT, SIGCONT, SIGUSR1, SIGUSR2, SIGQUIT, SIGWINCH, SIGCHLD];

/// Runs fghack.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let Some(([], child)) = wrapper::words_and_child(&USAGE, &arguments, 1) else {
        return Exit::USAGE;
    };
    let (read, write) = match descriptor::pipe() {
        Ok(pipe) => pipe,
        Err(error) => return FGHACK.fatal_because(&[b"unable to create pipe"], error),
    };
    // Before the fork, so that every orphan becomes ours.
    let takes_orphans = process::take_orphans().is_ok();
    // Blocked before the fork, so that no signal is lost. The child gets our original mask.
    let mask = signal::block_all();
    let pid = match process::fork() {
        Ok(Side::Child) => {
            signal::restore(&mask);
            return become_child(child, read, write);
        }
        Ok(Side::Parent(pid)) => pid,
        Err(error) => return FGHACK.fatal_because(&[b"unable to fork"], error),
    };
    signal::hear_of_children();
    // Closed before we open the signalfd, which may then get this number.
    drop(write);
    // Do not end for want of memory: supervise would believe that the daemon has ended.
    heap::outlast_shortage();
    let signals = match Signals::block(&HEARD) {
        Ok(signals) => signals,
        Err(error) => return FGHACK.fatal_because(&[b"unable to listen for signals"], error),
    };
    let kinship = if takes_orphans { Kinship::Descent } else { Kinship::Likeness(pid) };
    let watch = ChildWatch {
        read: Some(read),
        signals,
        child: pid,
        end: None,
        kinship,
        pending: None,
        has_warned: false,
    };
    match watch.until_the_end() {
        Ok(End::Code(code)) => Exit::of_child(code),
        Ok(End::Killed(_)) => FGHACK.fatal(&[b"child crashed"]),
        Err(error) => FGHACK.fatal_because(&[b"wait failed"], error),
    }
}

fn become_child(child: Child<'_>, read: OwnedFd, write: OwnedFd) -> Exit {
    drop(read);
    for _ in 0..=COPIES {
        // Fewer copies if there are no more descriptors.
        if descriptor::leave_open_copy(write.as_fd()).is_err() {
            break;
        }
    }
    drop(write);
    child.start()
}

/// A signal to pass on, which may stay pending.
struct Pending {
    signal: SignalNumber,
    /// The processes that it was sent to, by pid and start time.
    reached: BTreeSet<(Pid, u64)>,
    /// How long to wait before the next look for new holders.
    look: Duration,
}

struct ChildWatch {
    /// The read end, until it meets the end of file.
    read: Option<OwnedFd>,
    signals: Signals,
    /// The direct child.
    child: Pid,
    /// How it ended. Under [`Kinship::Likeness`] it is reaped last, since other processes are
    /// compared with it.
    end: Option<End>,
    kinship: Kinship,
    pending: Option<Pending>,
    /// Whether a warning was printed.
    has_warned: bool,
}

impl ChildWatch {
    /// Runs until no process holds the pipe and the child has ended. Returns how it ended.
    fn until_the_end(mut self) -> Result<End, Errno> {
        loop {
            self.reap()?;
            if let (None, Some(end)) = (&self.read, self.end) {
                return Ok(end);
            }
            self.wait();
            while let Some(signal) = self.signals.next() {
                if signal != SIGCHLD {
                    self.pass_on(signal);
                }
            }
            if let Some(mut pending) = self.pending.take() {
                self.reach(&mut pending);
                self.pending = Some(pending);
            }
        }
    }

    /// Notes the child's end, and reaps the orphans that became our children.
    fn reap(&mut self) -> Result<(), Errno> {
        if self.kinship == Kinship::Descent {
            while let Some((pid, end)) = process::reap_any() {
                if pid == self.child {
                    self.end = Some(end);
                }
            }
        }
        if self.read.is_none() && self.end.is_none() {
            self.end = process::try_wait(self.child)?;
        }
        Ok(())
    }

    /// Waits for a signal, the end of file, or the next look for new holders.
    fn wait(&mut self) {
        // A new holder comes soon after the signal or, most likely, not at all.
        let look = self.pending.as_mut().map(|pending| {
            let look = pending.look;
            pending.look = (look * 2).min(LONGEST_LOOK);
            look
        });
        let until = look.map(|look| clock::monotonic().saturating_add(look));
        let read = self.read.as_ref().map(AsFd::as_fd);
        let signals = self.signals.as_fd();
        let mut watched = [poll::readable(signals), poll::readable(read.unwrap_or(signals))];
        if poll::wait(&mut watched, until).is_err() {
            poll::pause(LOOK);
        }
        if let Some(read) = read.filter(|_| watched.get(1).is_some_and(poll::found)) {
            if !matches!(descriptor::read(read, &mut [0; 1024]), Ok(1..)) {
                self.read = None;
            }
        }
    }

    fn pass_on(&mut self, signal: SignalNumber) {
        let mut pending = Pending { signal, reached: BTreeSet::new(), look: LOOK };
        self.reach(&mut pending);
        if pending.reached.is_empty() && self.is_held() {
            self.warn(b"unable to find a process of the daemon that could have the signal");
        }
        if matches!(signal, SIGTERM | SIGQUIT) {
            self.pending = Some(pending);
        }
    }

    /// Sends the signal to each topmost holder that has not had it. Without a holder, or without
    /// /proc, sends it to the child.
    fn reach(&mut self, pending: &mut Pending) {
        let read = self.read.as_ref().map(AsFd::as_fd);
        let found = read.map(|read| holders(read, self.kinship)).transpose();
        let (found, unreadable) = found.ok().flatten().unwrap_or_default();
        if unreadable {
            self.warn(b"unable to look into every process: some may miss the signal");
        }
        let is_holder = |pid| found.iter().any(|holder: &Holder| holder.pid == pid);
        for holder in found.iter().filter(|holder| !is_holder(holder.parent)) {
            if pending.reached.insert((holder.pid, holder.start)) {
                holder.send(pending.signal);
            }
        }
        // Until it is reaped no other process has its number.
        if found.is_empty() && self.end.is_none() {
            let child = Process::read(self.child).ok();
            let is_alive = child.is_none_or(|child| child.is_alive());
            let start = child.map_or(0, |child| child.start);
            if is_alive && pending.reached.insert((self.child, start)) {
                let _ = process::kill(self.child, pending.signal);
            }
        }
    }

    /// Whether any process holds the write end.
    fn is_held(&self) -> bool {
        let Some(read) = &self.read else { return false };
        !poll::is_ready(poll::broken(read.as_fd()))
    }

    /// Prints a warning, but only the first time.
    fn warn(&mut self, text: &[u8]) {
        if !std::mem::replace(&mut self.has_warned, true) {
            FGHACK.warning(&[text]);
        }
    }
}
