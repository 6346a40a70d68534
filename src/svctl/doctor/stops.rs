//! The look at a stop: whether it has worked, or would work.

use super::finding::Finding;
use super::look::Ward;
use super::script::{is_shell, process_name};
use super::sheet::Sheet;
use super::stubborn::{self, Commands, Kin, Stop};
use crate::look::state::State;
use crate::look::{Service, past};
use crate::show::advice::Again;
use crate::show::units;
use daemontools_rs::service::stopping::{self, Said};
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{proc, signal};
use std::os::fd::AsFd;

/// The finding about a stop that does not work, or would not.
#[must_use]
pub fn judge(ward: &Ward<'_>, again: &Again, sheet: &Sheet<'_, '_>) -> Option<Finding> {
    let service = sheet.case.service;
    let path = sheet.case.run_path();
    let commands = Commands {
        kill: again.command("stop --kill-after 5", service),
        go_on: again.command("continue", service),
        restart: again.command("restart", service),
    };
    let Some(pid) = service.pid() else {
        // TERM ended the shell, and the program that the shell had started lives on.
        let bare = sheet.bare(&path).filter(|_| service.state == State::Down)?;
        let left = sheet.case.left(sheet.program(), ward);
        let name = process_name(bare.program);
        let child = *left.iter().find(|&&pid| ward.name_of(pid) == name)?;
        return Some(stubborn::no_exec(sheet.name, None, child, bare, &commands, true));
    };
    let stop = asked_stop(ward, service, pid);
    let has_failed = stop.has_failed(service.state);
    let own = ward.processes.find(pid)?;
    if let Some(bare) = sheet.bare(&path) {
        let children: Vec<Kin> = ward
            .processes
            .tree(pid)
            .into_iter()
            .filter(|(depth, process)| *depth == 1 && process.state != b'Z')
            .map(|(_, process)| Kin {
                pid: process.pid,
                name: process.name.clone(),
                later: ward.between(own, process),
            })
            .collect();
        let is_shell = is_shell(&own.name) || own.name == b"run";
        let child = stubborn::shell_stays(&children, bare, has_failed).filter(|_| is_shell);
        if let Some(child) = child {
            let child = child.pid;
            let found =
                stubborn::no_exec(sheet.name, Some(pid), child, bare, &commands, has_failed);
            return Some(found);
        }
    }
    has_failed.then(|| stubborn::ignores_term(sheet.name, pid, &own.name, &stop, &commands))
}

fn asked_stop(ward: &Ward<'_>, service: &Service, pid: Pid) -> Stop {
    let record = service.record.as_ref();
    let asked = record.and_then(|record| past::asked_ago(record, ward.looker.monotonic));
    let place = open(HERE, &service.target.path, Purpose::Directory).ok();
    let said = place.as_ref().map(|place| stopping::down_signal(place.as_fd()));
    let number = match said {
        Some(Said::Word(number)) => number,
        _ => signal::SIGTERM,
    };
    let kill_timeout = match place.as_ref().map(|place| stopping::kill_timeout(place.as_fd())) {
        Some(Said::Word(length)) => Some(length),
        _ => None,
    };
    Stop {
        asked,
        signal: u8::try_from(number).map_or_else(|_| String::new(), units::signal_name),
        is_deaf: proc::ignores(pid, number) || proc::blocks(pid, number),
        is_paused: service.status.is_some_and(|status| status.is_paused),
        kill_timeout,
    }
}
