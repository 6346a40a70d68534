//! A stop that does not work: a process that does not end by TERM, and a shell that stands between
//! supervise and the program. Pure.

use super::finding::{Finding, Kind};
use super::script::{base, process_name};
use super::shell::Command;
use crate::look::state::State;
use crate::show::units;
use crate::text;
use core::time::Duration;

/// A child of the service's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// Its pid.
    pub pid: u32,
    /// Its name, at most 15 bytes.
    pub name: Vec<u8>,
    /// How much later than the service's own process it started.
    pub later: Duration,
}

/// What is known of the stop that a service was asked for.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// How long ago the stop was asked for.
    pub asked: Option<Duration>,
    /// The name of the signal that the stop sends.
    pub signal: String,
    /// Whether the process ignores or blocks that signal.
    pub is_deaf: bool,
    /// Whether the process was paused by STOP.
    pub is_paused: bool,
    /// After which time supervise sends KILL by itself.
    pub kill_timeout: Option<Duration>,
}

/// A stop has failed if the process is still there after this time.
const LONG: Duration = Duration::from_secs(10);
/// The same, for a process that ignores or blocks the signal.
const DEAF: Duration = Duration::from_secs(2);
/// A child that started within this time after its parent counts as started with it.
const TWIN: Duration = Duration::from_secs(1);

impl Stop {
    /// Whether the stop has failed.
    #[must_use]
    pub fn has_failed(&self, state: State) -> bool {
        let patience = if self.is_deaf { DEAF } else { LONG };
        let patience = patience.max(self.kill_timeout.map_or(Duration::ZERO, |kill| kill + DEAF));
        state == State::Stopping && self.asked.is_some_and(|asked| asked >= patience)
    }
}

/// What to type.
#[derive(Clone, Debug)]
pub struct Commands {
    /// Stops the service by KILL.
    pub kill: String,
    /// Resumes it.
    pub go_on: String,
    /// Restarts it.
    pub restart: String,
}

/// The finding about a process that is still there long after a stop.
#[must_use]
pub fn ignores_term(
    name: &[u8],
    pid: u32,
    program: &[u8],
    stop: &Stop,
    type_: &Commands,
) -> Finding {
    let signal = &stop.signal;
    let ago = stop
        .asked
        .map_or_else(String::new, |asked| format!("{} ago", units::span(asked.as_secs())));
    let found = Finding::on(name, Kind::IgnoresTerm, format!("it does not end by {signal}"));
    let shown = text::name(program);
    let found = found.saw(format!("stop asked {ago}, process {pid} ({shown}) is still there"));
    if stop.is_paused {
        let found = found.saw("it is paused: what it is sent reaches it when it goes on");
        return found.command(&type_.go_on);
    }
    let found = if stop.is_deaf { found.saw(format!("it ignores {signal}")) } else { found };
    found.command(&type_.kill)
}

/// The last command of a script, where it stands without `exec`.
#[derive(Clone, Copy, Debug)]
pub struct Bare<'a> {
    /// The path of `run`.
    pub path: &'a [u8],
    /// The command.
    pub command: &'a Command,
    /// The program that the command becomes.
    pub program: &'a [u8],
}

impl Bare<'_> {
    /// Whether a process is that program.
    fn is(&self, kin: &Kin) -> bool {
        kin.name == process_name(self.program)
    }
}

/// The only child of a shell, if the shell waits for it instead of having become it: the child is
/// as old as the shell. Where a stop failed (`has_failed`), the age does not matter.
#[must_use]
pub fn shell_stays<'a>(children: &'a [Kin], bare: Bare<'_>, has_failed: bool) -> Option<&'a Kin> {
    match children {
        [child] if bare.is(child) && (has_failed || child.later <= TWIN) => Some(child),
        _ => None,
    }
}

/// The finding about a shell between supervise and the program. `child`: the pid of the program.
#[must_use]
pub fn no_exec(
    name: &[u8],
    shell: Option<u32>,
    child: u32,
    bare: Bare<'_>,
    type_: &Commands,
    has_failed: bool,
) -> Finding {
    let (program, path) = (text::name(base(bare.program)), text::quoted(bare.path));
    let line = bare.command.line;
    let found = Finding::on(name, Kind::NoExec, format!("a shell stands before {program}"));
    let found = match shell {
        Some(shell) => {
            found.saw(format!("process {shell} is the shell, {child} its child {program}"))
        }
        None => {
            found.saw(format!("the shell has ended, process {child} ({program}) is left of it"))
        }
    };
    let found = found.saw(format!("line {line} of {path}, its last command, lacks exec"));
    let found = found.command(format!("sed -i '{line}s/^[ \\t]*/&exec /' {path}"));
    match shell {
        None => found.command(format!("kill {child}")),
        Some(_) if has_failed => found.command(&type_.kill).command(format!("kill {child}")),
        // A restart ends the shell only, so the child is killed as well.
        Some(_) => found.command(format!("{} && kill {child}", type_.restart)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::Chain;
    use super::super::script::Script;
    use super::*;

    fn kin(name: &str, later: u64) -> Kin {
        Kin { pid: 8, name: name.into(), later: Duration::from_millis(later) }
    }

    #[test]
    fn a_stop_fails_after_ten_seconds_and_after_two_if_its_signal_is_ignored() {
        let stop = |asked, is_deaf, kill_timeout: Option<u64>| {
            let kill_timeout = kill_timeout.map(Duration::from_secs);
            let asked = Some(Duration::from_secs(asked));
            Stop { asked, is_deaf, kill_timeout, ..Stop::default() }
        };
        assert!(!stop(9, false, None).has_failed(State::Stopping));
        assert!(stop(10, false, None).has_failed(State::Stopping));
        assert!(stop(2, true, None).has_failed(State::Stopping));
        assert!(!stop(1, true, None).has_failed(State::Stopping));
        assert!(!stop(30, true, Some(60)).has_failed(State::Stopping));
        assert!(!stop(30, true, None).has_failed(State::Down));
        assert!(!Stop { is_deaf: true, ..Stop::default() }.has_failed(State::Stopping));
    }

    #[test]
    fn only_a_single_child_of_the_same_age_that_is_the_last_command_is_meant() {
        let script = Script::read(b"#!/bin/sh\n/usr/sbin/a-very-long-daemon -x\n");
        let command = script.last.as_ref().unwrap();
        let chain = Chain::of(command);
        let bare = Bare { path: b"/d/x/run", command, program: chain.program().unwrap() };
        let child = kin("a-very-long-dae", 20);
        let is_found =
            |children: &[Kin], has_failed| shell_stays(children, bare, has_failed).is_some();
        assert!(is_found(std::slice::from_ref(&child), false));
        assert!(!is_found(&[kin("a-very-long-dae", 5000)], false));
        assert!(is_found(&[kin("a-very-long-dae", 5000)], true));
        assert!(!is_found(&[kin("sleep", 0)], false));
        assert!(!is_found(&[child.clone(), kin("sleep", 0)], false));
        assert!(!is_found(&[], true));
    }
}
