//! What is printed of an order: a line for each service when it is done, and, on a terminal, what
//! svctl waits for.

use super::Order;
use super::seen::Seen;
use super::verb::{Deed, meaning};
use crate::look::state::State;
use crate::look::{Service, Trouble};
use crate::show::advice::Again;
use crate::show::units;
use crate::{SVCTL, output, text};
use core::time::Duration;
use daemontools_rs::error::{Exit, words};
use daemontools_rs::sys::{Errno, descriptor, terminal};

/// How an order ended for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as asked.
    Done,
    /// It was as asked before.
    Already,
    /// It was asked, and the command did not wait.
    Sent,
    /// It is not as asked.
    Failed(Failure),
}

/// Why an order failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The timeout came first.
    TimedOut,
    /// It does not stay up: so many runs have ended.
    DoesNotStay(u64),
    /// Another command asked for something else meanwhile.
    Countermanded,
    /// It is down, and the verb needs a process.
    NoProcess,
    /// No supervise runs.
    NoSupervise,
    /// svctl's user may not ask the supervise.
    NotPermitted,
    /// Its state cannot be read.
    Unreadable(Trouble),
    /// The request could not be sent.
    Unsent(Errno),
}

impl Failure {
    /// What an error at the control FIFO means.
    #[must_use]
    pub const fn of(error: Errno) -> Self {
        match error {
            Errno::EACCES | Errno::EPERM => Self::NotPermitted,
            Errno::ENXIO | Errno::EPIPE => Self::NoSupervise,
            _ => Self::Unsent(error),
        }
    }

    const fn exit(&self) -> Exit {
        match self {
            Self::NotPermitted | Self::Unreadable(_) | Self::Unsent(_) => Exit::SYSTEM,
            _ => Exit::OTHERWISE,
        }
    }

    /// The failure in a word, for programs.
    const fn word(&self) -> &'static str {
        match self {
            Self::TimedOut => "timed out",
            Self::DoesNotStay(_) => "does not stay up",
            Self::Countermanded => "countermanded",
            Self::NoProcess => "no process",
            Self::NoSupervise => "no supervise",
            Self::NotPermitted => "not permitted",
            Self::Unreadable(_) => "unreadable",
            Self::Unsent(_) => "unsent",
        }
    }
}

/// How many services are named at most while svctl waits for them.
const NAMED: usize = 20;

/// Prints how an order ends.
#[derive(Debug)]
pub struct Teller {
    order: Order,
    again: Again,
    /// Whether success is reported too.
    is_loud: bool,
    /// For each service: the result in a word, and why it failed.
    results: Vec<(&'static str, Option<String>)>,
    exit: Exit,
}

impl Teller {
    /// A teller for so many services.
    #[must_use]
    pub fn new(order: Order, again: Again, is_loud: bool, count: usize) -> Self {
        let results = vec![("", None); count];
        Self { order, again, is_loud, results, exit: Exit::SUCCESS }
    }

    /// The exit code of the whole order, and the results by number.
    #[must_use]
    pub fn finish(self) -> (Exit, Vec<(&'static str, Option<String>)>) {
        (self.exit, self.results)
    }

    /// Reports how the order ended for a service.
    pub fn tell(&mut self, number: usize, service: &Service, seen: &Seen, outcome: &Outcome) {
        let (word, reason) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::Already => ("already", None),
            Outcome::Sent => ("sent", None),
            Outcome::Failed(failure) => {
                self.exit = self.exit.max(failure.exit());
                (failure.word(), Some(self.why(failure, service, seen)))
            }
        };
        if let Some(reason) = &reason {
            let name = text::quoted(&service.target.name);
            let verb = self.order.deed.word().as_bytes();
            SVCTL.warning(&[b"unable to ", verb, b" ", name.as_bytes(), b": ", reason.as_bytes()]);
        } else if self.is_loud {
            let path = text::name(&service.target.path);
            let line = format!("{path}: {}", self.what(seen, service, outcome));
            self.exit = output::write_lines(&[line], self.exit);
        }
        if let Some(result) = self.results.get_mut(number) {
            *result = (word, reason);
        }
    }

    /// The line of a service for which the order went well.
    fn what(&self, seen: &Seen, service: &Service, outcome: &Outcome) -> String {
        let process = seen.pid.map_or_else(String::new, |pid| format!(", process {pid}"));
        let since = service.since().map(|label| label.seconds_until(crate::look::now()));
        let since =
            since.map_or_else(String::new, |seconds| format!(", since {}", units::span(seconds)));
        let end = seen.end.map_or_else(String::new, |end| format!(", {}", units::end(end)));
        let is_already = *outcome == Outcome::Already;
        match (self.order.deed, outcome) {
            (Deed::Send(letter), _) => format!("sent {}{process}", meaning(letter)),
            (deed, Outcome::Sent) => format!("asked to {}{process}", deed.word()),
            (Deed::Start(_), _) if is_already => format!("already up{process}{since}"),
            (Deed::Start(_) | Deed::AwaitUp, _) => format!("up{process}"),
            (Deed::Restart(_), _) => format!("up again{process}"),
            (Deed::Stop, _) if is_already => format!("already down{since}"),
            (Deed::Stop | Deed::AwaitDown, _) => format!("down{end}"),
            (Deed::Once, _) if is_already => {
                format!("already up{process}, will not be started again")
            }
            (Deed::Once, _) if seen.pid.is_none() => format!("ran{end}"),
            (Deed::Once, _) => format!("up{process}, will not be started again"),
            (Deed::Pause, _) if is_already => format!("already paused{process}"),
            (Deed::Pause, _) => format!("paused{process}"),
            (Deed::Continue, _) if is_already => format!("was not paused{process}"),
            (Deed::Continue, _) => format!("continued{process}"),
            (Deed::AwaitGone, _) => "no supervise runs".to_owned(),
        }
    }

    /// The line of a failure: why, and what to type.
    fn why(&self, failure: &Failure, service: &Service, seen: &Seen) -> String {
        let doctor = || self.again.command("doctor", service);
        let last = || {
            let end = seen.end.map_or_else(|| "ended".to_owned(), units::ended);
            let after = seen.lasted.map(|run| format!(" after {}", units::duration(run)));
            format!("{end}{}", after.unwrap_or_default())
        };
        match failure {
            Failure::TimedOut => {
                let after = units::duration(self.order.timeout.unwrap_or(Duration::ZERO));
                let command = match self.order.deed {
                    Deed::AwaitGone => return format!("a supervise still runs after {after}"),
                    Deed::AwaitUp if seen.state == State::Down => {
                        self.again.command("start", service)
                    }
                    Deed::AwaitDown => self.again.command("stop", service),
                    Deed::Stop if self.order.kill_after.is_none() => {
                        self.again.command("stop --kill-after 5", service)
                    }
                    Deed::Restart(_) if self.order.kill_after.is_none() => {
                        self.again.command("restart --kill-after 5", service)
                    }
                    _ => doctor(),
                };
                format!("{} after {after}; try: {command}", waiting_for(self.order.deed, seen))
            }
            Failure::DoesNotStay(ended) => {
                format!("{ended} runs did not last, the last one {}; try: {}", last(), doctor())
            }
            Failure::Countermanded => {
                "another command asked for something else meanwhile".to_owned()
            }
            Failure::NoProcess if seen.state == State::Waiting => {
                format!("it has no process, its last run {}; try: {}", last(), doctor())
            }
            Failure::NoProcess => "it is down".to_owned(),
            Failure::NoSupervise => match seen.runs_on {
                Some(pid) => format!("no supervise runs, process {pid} is left"),
                None => format!("no supervise runs; try: {}", doctor()),
            },
            Failure::NotPermitted => "not permitted; try sudo".to_owned(),
            Failure::Unreadable(trouble) => {
                format!("unable to {}: {}", trouble.action, trouble.reason)
            }
            Failure::Unsent(error) => words(*error).to_owned(),
        }
    }

    /// Prints what svctl waits for, if standard error is a terminal.
    pub fn tell_waiting<'a>(&self, waits: impl Iterator<Item = (&'a Service, &'a Seen)>) {
        let stderr = descriptor::standard(2);
        if !self.is_loud || terminal::columns(stderr).is_none() {
            return;
        }
        let waits: Vec<_> = waits.collect();
        let mut lines: Vec<String> = waits
            .iter()
            .take(NAMED)
            .map(|(service, seen)| {
                let what = waiting_for(self.order.deed, seen);
                format!("{}: waiting: {what}\n", text::name(&service.target.path))
            })
            .collect();
        if let Some(rest @ 1..) = waits.len().checked_sub(NAMED) {
            lines.push(format!("and {} more\n", units::count(rest, "service")));
        }
        let _ = descriptor::write(stderr, lines.concat().as_bytes());
    }
}

/// Why a service is not yet as asked.
fn waiting_for(deed: Deed, seen: &Seen) -> String {
    let process = seen.pid.map_or_else(String::new, |pid| format!("process {pid}"));
    match deed {
        _ if !seen.is_supervised && deed != Deed::AwaitGone => "no supervise runs".to_owned(),
        Deed::AwaitGone => "a supervise runs".to_owned(),
        Deed::Stop | Deed::AwaitDown if seen.pid.is_some() => format!("{process} is still there"),
        Deed::Stop | Deed::AwaitDown if seen.group_left > 0 => {
            let left = seen.group_left;
            let processes = if left == 1 { "1 process" } else { &format!("{left} processes") };
            format!("its process has ended, {processes} of its group are left")
        }
        _ if seen.is_paused => format!("{process} is paused"),
        Deed::Restart(_) | Deed::Start(_) if seen.pid.is_some() => {
            format!("{process}, {}", seen.state.word())
        }
        _ => seen.state.word().to_owned(),
    }
}
