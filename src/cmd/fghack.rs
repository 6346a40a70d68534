//! fghack: stays in the foreground for a daemon that puts itself into the background. Contract:
//! fghack(8), reference section 7.
//!
//! The daemon is whoever holds the write end of fghack's pipe. Beyond 0.76, signals are passed on
//! to the topmost of them: those whose parent holds none (nginx's master, not its workers). A
//! TERM or QUIT stays pending and goes once to each new topmost holder, for the start script may
//! still be on its way to launch one.

use crate::error::{Exit, Program};
use crate::exec;
use crate::sys::holders::{Holder, holders};
use crate::sys::process::{self, End, Environment, Side};
use crate::sys::signal::{
    self, SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, Signal,
    Signals,
};
use crate::sys::start::Arguments;
use crate::sys::{clock, descriptor, heap, poll};
use core::time::Duration;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const FGHACK: Program = Program::command("fghack");
/// How many more copies of the write end the child gets: a daemon that closes a few descriptors
/// still holds one.
const COPIES: usize = 30;
/// Between two looks for new holders while a TERM or QUIT is pending: twice as long each time, up
/// to the longest.
const LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(2);
const PASSED_ON: [Signal; 9] =
    [SIGTERM, SIGHUP, SIGALRM, SIGINT, SIGCONT, SIGUSR1, SIGUSR2, SIGQUIT, SIGWINCH];

/// Runs fghack.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if arguments.count() < 2 {
        return FGHACK.usage("fghack child");
    }
    let (read, write) = match descriptor::pipe() {
        Ok(pipe) => pipe,
        Err(error) => return FGHACK.fatal_because(&[b"unable to create pipe"], error),
    };
    // Listened for before the fork: a signal that comes meanwhile is not lost. The child gets
    // back what we were given.
    let mask = signal::block_all();
    let signals = Signals::block(&PASSED_ON);
    let child = match process::fork() {
        Ok(Side::Child) => {
            signal::restore(&mask);
            return become_child(&arguments, read, write);
        }
        Ok(Side::Parent(pid)) => pid,
        Err(error) => return FGHACK.fatal_because(&[b"unable to fork"], error),
    };
    drop(write);
    // To end would be to leave the daemon alone, and supervise with the belief that it ended.
    heap::outlast_shortage();
    match signals {
        Ok(signals) => {
            let mut passing = Passing { read: read.as_fd(), signals, pending: None, warned: false };
            passing.until_end_of_file();
        }
        Err(error) => return FGHACK.fatal_because(&[b"unable to listen for signals"], error),
    }
    match process::wait_for(child) {
        Ok(End::Code(code)) => Exit::of_child(code),
        Ok(End::Killed(_)) => FGHACK.fatal(&[b"child crashed"]),
        Err(error) => FGHACK.fatal_because(&[b"wait failed"], error),
    }
}

fn become_child(arguments: &Arguments, read: OwnedFd, write: OwnedFd) -> Exit {
    drop(read);
    for _ in 0..=COPIES {
        // As many as there are descriptors for.
        if descriptor::leave_open_copy(write.as_fd()).is_err() {
            break;
        }
    }
    drop(write);
    exec::become_child(FGHACK, arguments, 1, &Environment::Inherited)
}

/// A TERM or QUIT on its way, and who has had it.
struct Pending {
    signal: Signal,
    reached: BTreeSet<(u32, u64)>,
    look: Duration,
}

struct Passing<'a> {
    read: BorrowedFd<'a>,
    signals: Signals,
    pending: Option<Pending>,
    warned: bool,
}

impl Passing<'_> {
    fn until_end_of_file(&mut self) {
        let mut buffer = [0; 1024];
        loop {
            // New holders come soon after the signal or, most likely, not at all.
            let look = self.pending.as_mut().map(|pending| {
                let look = pending.look;
                pending.look = (look * 2).min(LONGEST_LOOK);
                look
            });
            let until = look.map(|look| clock::monotonic().saturating_add(look));
            let mut watched = [poll::readable(self.read), poll::readable(self.signals.as_fd())];
            if poll::wait(&mut watched, until).is_err() {
                poll::pause(LOOK);
            }
            let has_input = watched.first().is_some_and(poll::found);
            if has_input && !matches!(descriptor::read(self.read, &mut buffer), Ok(1..)) {
                return;
            }
            while let Some(signal) = self.signals.next() {
                self.pass_on(signal);
            }
            if let Some(mut pending) = self.pending.take() {
                self.reach(&mut pending);
                self.pending = Some(pending);
            }
        }
    }

    fn pass_on(&mut self, signal: Signal) {
        let mut pending = Pending { signal, reached: BTreeSet::new(), look: LOOK };
        self.reach(&mut pending);
        if matches!(signal, SIGTERM | SIGQUIT) {
            self.pending = Some(pending);
        }
    }

    /// Sends the signal to each topmost holder that has not had it.
    fn reach(&mut self, pending: &mut Pending) {
        let Ok((found, unreadable)) = holders(self.read) else { return };
        if unreadable && !self.warned {
            self.warned = true;
            FGHACK.warning(&[b"unable to look into every process: some may miss the signal"]);
        }
        let is_holder = |pid| found.iter().any(|holder: &Holder| holder.pid == pid);
        for holder in found.iter().filter(|holder| !is_holder(holder.parent)) {
            if pending.reached.insert((holder.pid, holder.start)) {
                holder.send(pending.signal);
            }
        }
    }
}
