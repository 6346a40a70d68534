//! How supervise carries out the machine's effects, one after the other in their order. Where the
//! answer to an effect has effects of its own, these are performed before the next one.

use super::driver::Driver;
use super::launch;
use super::machine::{Effect, Event, SECOND, Signal};
use super::says::{SUPERVISE, warn_of_fork, warn_of_group};
use super::watched::{Ended, Watched};
use crate::service;
use crate::service::stopping::{self, Said};
use crate::sys::descriptor::HERE;
use crate::sys::{clock, signal};
use core::time::Duration;

impl Driver<'_> {
    /// Does what the machine decided.
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Start => self.start(),
            Effect::Release => {
                if let Some(held) = self.held.take() {
                    held.release();
                }
            }
            Effect::Announce => self.announce(),
            Effect::Publish => self.save(true),
            Effect::Send(signal) => {
                if let Some(process) = &self.known.process {
                    process.send(number(signal));
                }
            }
            Effect::SendDown => self.send_down(),
            Effect::SetLimit => self.set_limit(),
            Effect::DropLimit => self.kill_at = None,
            Effect::Reap => {
                if let Some(process) = self.known.process.take() {
                    // Before the reaping: until then no other process can have its number.
                    self.known.history.left_group = process.left_group();
                    let end = process.reap();
                    self.known.history.note_end(clock::wall(), clock::monotonic(), end);
                }
            }
            Effect::EndGroup => self.end_group(),
            Effect::Leave => {
                self.has_left = true;
                self.save(true);
            }
        }
    }

    fn announce(&mut self) {
        if let Err(error) = self.files.announce() {
            let text: &[&[u8]] = &[b"unable to read ", self.name, b"/supervise/ok"];
            self.failed = Some(SUPERVISE.fatal_because(text, error));
            // A child that waits for its release exits when we close our end of its pipe.
            if self.held.take().is_some() {
                self.known.process = None;
                self.save(true);
            }
        }
    }

    fn send_down(&mut self) {
        let number = match stopping::down_signal(HERE) {
            Said::Word(number) => number,
            Said::Nothing => signal::SIGTERM,
            Said::Nonsense(error) => {
                let text: &[&[u8]] = &[b"unable to read ", self.name, b"/down-signal, using TERM"];
                SUPERVISE.warning_because(text, error);
                signal::SIGTERM
            }
        };
        if self.known.process.as_ref().is_some_and(|process| process.send(number)) {
            self.apply(Event::DownSent);
        }
    }

    fn set_limit(&mut self) {
        self.kill_at = match stopping::kill_timeout(HERE) {
            Said::Word(timeout) => Some(clock::monotonic().saturating_add(timeout)),
            Said::Nothing => None,
            Said::Nonsense(error) => {
                let text: &[&[u8]] = &[b"unable to read ", self.name, b"/timeout-kill"];
                SUPERVISE.warning_because(text, error);
                None
            }
        };
    }

    fn end_group(&mut self) {
        let ended = match (&self.known.process, self.known.history.left_group) {
            (Some(process), _) => process.end_group(),
            (None, Some(left)) => left.end(),
            (None, None) => Ended::Done,
        };
        if let Ended::Unproven(leader) = ended {
            warn_of_group(self.name, leader);
        }
        if self.known.process.is_none() {
            self.known.history.left_group = None;
        }
    }

    fn start(&mut self) {
        let own_session = service::wants_group_killed(HERE);
        match launch::hold(SUPERVISE, self.name, own_session) {
            Ok(held) => {
                self.known.process = Some(Watched::child(held.pid, own_session));
                self.held = Some(held);
                self.known.history.note_start(clock::wall(), clock::monotonic());
                self.pause_over = self.known.history.started.saturating_add(SECOND);
                self.apply(Event::Forked);
            }
            Err(error) => {
                let seconds = self.known.state.fork_pause();
                warn_of_fork(self.name, seconds, error);
                self.pause_over = clock::monotonic().saturating_add(Duration::from_secs(seconds));
                self.apply(Event::ForkFailed);
            }
        }
    }
}

fn number(signal: Signal) -> signal::SignalNumber {
    match signal {
        Signal::Hangup => signal::SIGHUP,
        Signal::Alarm => signal::SIGALRM,
        Signal::Interrupt => signal::SIGINT,
        Signal::Terminate => signal::SIGTERM,
        Signal::Kill => signal::SIGKILL,
        Signal::Stop => signal::SIGSTOP,
        Signal::Continue => signal::SIGCONT,
        Signal::User1 => signal::SIGUSR1,
        Signal::User2 => signal::SIGUSR2,
        Signal::Quit => signal::SIGQUIT,
        Signal::Window => signal::SIGWINCH,
    }
}
