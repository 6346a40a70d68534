//! The look at the system, whose results the judges get. It opens only directories and files that
//! it has found to be regular, and it changes nothing.

use super::crash::Origin;
use super::run::{Files, Program, Run};
use super::script::{base, process_name};
use crate::beginning::beginning;
use crate::look::processes::Processes;
use crate::look::{Looker, Service, past};
use crate::place;
use core::cell::OnceCell;
use core::time::Duration;
use daemontools_rs::sys::Errno;
use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::file::{self, Facts, Kind};
use daemontools_rs::sys::proc::{self, Counted, TICKS};
use daemontools_rs::sys::process::Pid;

/// A process that a service left behind began at most this long after a start of the service.
const SOON: Duration = Duration::from_millis(1500);

/// The system, at the moment of the look.
#[derive(Debug)]
pub struct Ward<'a> {
    /// The look at the services.
    pub looker: &'a Looker,
    /// All processes.
    pub processes: &'a Processes,
    /// This moment, in the ticks in which processes start.
    now: u64,
}

impl<'a> Ward<'a> {
    /// The system now.
    #[must_use]
    pub fn new(looker: &'a Looker, processes: &'a Processes) -> Self {
        Self { looker, processes, now: proc::now_in_ticks().unwrap_or(0) }
    }

    fn age(&self, process: &Counted) -> Duration {
        let ticks = self.now.saturating_sub(process.start);
        Duration::from_secs(ticks / TICKS) + Duration::from_millis(ticks % TICKS * 10)
    }
}

/// A service, or a logger, as doctor found it.
#[derive(Debug)]
pub struct Case<'a> {
    /// What svctl knows of it.
    pub service: &'a Service,
    /// The path of its directory without links.
    pub base: Vec<u8>,
    /// The facts about its directory.
    pub facts: Option<Facts>,
    /// What it has as `run`.
    pub run: Run,
    /// Its supervise.
    pub supervise: Option<Pid>,
    /// The PATH of that supervise, once it was read.
    path: OnceCell<Option<Vec<u8>>>,
}

impl<'a> Case<'a> {
    /// Looks at a service.
    #[must_use]
    pub fn of(service: &'a Service, ward: &Ward<'_>) -> Self {
        let path = &service.target.path;
        let base = place::real(path).unwrap_or_else(|| path.clone());
        let facts = file::facts(HERE, path).ok();
        let recorded = service.record.map(|record| record.supervise.pid);
        let supervise = if service.supervised == Some(false) {
            None
        } else {
            recorded.or_else(|| Some(ward.processes.supervise_in(&facts?)?.pid))
        };
        let run = look_at_run(&[&base[..], b"/run"].concat());
        Self { service, base, facts, run, supervise, path: OnceCell::new() }
    }

    /// The path of its `run`.
    #[must_use]
    pub fn run_path(&self) -> Vec<u8> {
        [&self.base[..], b"/run"].concat()
    }

    /// The processes that a run of the service left behind: they descend from no supervise, they
    /// began soon after a start of the service, and they work in its directory, write into the pipe
    /// to its logger or have the name of its program.
    #[must_use]
    pub fn left(&self, program: Option<&[u8]>, ward: &Ward<'_>) -> Vec<Pid> {
        let Some(record) = &self.service.record else { return Vec::new() };
        let Some(supervise) = self.supervise else { return Vec::new() };
        let Some(born) = ward.processes.find(supervise).map(|process| process.start) else {
            return Vec::new();
        };
        let starts = past::starts_ago(record, ward.looker.monotonic);
        let pipe = |pid: Pid, number: u32| {
            proc::descriptor_facts(pid, number).ok().filter(|facts| facts.kind == Kind::Fifo)
        };
        // Without a logger the service writes into svscan's pipe, as all such services do.
        let own_pipe = self.service.logger.as_ref().and_then(|_| pipe(supervise, 1));
        let environment = proc::environment_of(supervise).unwrap_or_default();
        let is_left = |process: &&Counted| {
            if process.state == b'Z'
                || process.start < born
                || ward.supervise_above(process.pid).is_some()
            {
                return false;
            }
            let age = ward.age(process);
            // The clocks of the process and of the start may differ by a tick or two.
            let fits = |start: &Duration| {
                *start + Duration::from_millis(50) >= age && age + SOON >= *start
            };
            let is_timely = starts.iter().any(fits);
            if !is_timely && process.parent != 1 {
                return false;
            }
            let is_named = program.is_some_and(|program| process.name == process_name(program));
            let writes = || {
                own_pipe.is_some_and(|own| {
                    [1, 2].iter().any(|&number| {
                        pipe(process.pid, number).is_some_and(|pipe| same(&pipe, &own))
                    })
                })
            };
            let works_here = || self.facts.is_some_and(|facts| proc::works_in(process.pid, &facts));
            let is_of_us = || {
                let theirs = proc::environment_of(process.pid).unwrap_or_default();
                let mut strings = environment.split(|&byte| byte == 0);
                !environment.is_empty()
                    && strings
                        .all(|string| theirs.split(|&byte| byte == 0).any(|own| own == string))
            };
            let is_orphan = process.parent == 1;
            is_named && (is_timely && is_orphan || is_of_us())
                || writes()
                || is_timely && works_here() && (is_orphan || is_of_us())
        };
        let mut left: Vec<&Counted> = ward.processes.all().iter().filter(is_left).collect();
        let pids: Vec<Pid> = left.iter().map(|process| process.pid).collect();
        // A worker goes with its master: only the master is named.
        left.retain(|process| !pids.contains(&process.parent));
        left.into_iter().map(|process| process.pid).collect()
    }

    fn supervise_path(&self) -> Option<&[u8]> {
        let read = || {
            let text = proc::environment_of(self.supervise?).ok()?;
            let mut strings = text.split(|&byte| byte == 0);
            strings.find_map(|string| string.strip_prefix(b"PATH=")).map(<[u8]>::to_vec)
        };
        self.path.get_or_init(read).as_deref()
    }
}

impl Files for Case<'_> {
    fn at(&self, path: &[u8]) -> Program {
        look_at_program(&below(&self.base, path))
    }

    fn on_path(&self, name: &[u8]) -> (Program, Vec<u8>) {
        let Some(path) = self.supervise_path() else { return (Program::Unknown, Vec::new()) };
        let mut worst = Program::Missing;
        for directory in path.split(|&byte| byte == b':') {
            let directory = if directory.is_empty() { b"." } else { directory };
            match self.at(&[directory, b"/", name].concat()) {
                Program::Missing => {}
                Program::There(place) => return (Program::There(place), path.to_vec()),
                other => worst = other,
            }
        }
        (worst, path.to_vec())
    }
}

impl Ward<'_> {
    /// The supervise that a process descends from, or that it is: then it belongs to a service.
    #[must_use]
    pub fn supervise_above(&self, pid: Pid) -> Option<Pid> {
        let mut pid = pid;
        for _ in 0..self.processes.all().len() {
            match self.processes.find(pid) {
                Some(process) if process.name == b"supervise" => return Some(pid),
                Some(process) if process.parent > 1 => pid = process.parent,
                _ => return None,
            }
        }
        None
    }

    /// The name of a process.
    #[must_use]
    pub fn name_of(&self, pid: Pid) -> Vec<u8> {
        self.processes.find(pid).map(|process| process.name.clone()).unwrap_or_default()
    }

    /// How much later the second process started than the first.
    #[must_use]
    pub fn between(&self, first: &Counted, second: &Counted) -> Duration {
        self.age(first).saturating_sub(self.age(second))
    }

    /// What started a process that belongs to no service, as far as /proc and files say.
    #[must_use]
    pub fn origin(&self, pid: Pid) -> Origin {
        if file::facts(HERE, b"/run/systemd/system").is_ok() {
            let text = proc::control_group_of(pid).unwrap_or_default();
            let units = text.split(|&byte| byte == b'\n').filter_map(|line| {
                let unit = base(line);
                let is_plain = unit
                    .iter()
                    .all(|&byte| byte.is_ascii_alphanumeric() || b"-_.@:".contains(&byte));
                let is_service = unit.ends_with(b".service") && !unit.starts_with(b"user@");
                (is_plain && is_service).then(|| String::from_utf8_lossy(unit).into_owned())
            });
            return units.into_iter().next().map_or(Origin::Unknown, Origin::Unit);
        }
        let name = self.processes.find(pid).map(|process| process.name.clone()).unwrap_or_default();
        let is_plain =
            name.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let script = [b"/etc/init.d/", &name[..]].concat();
        let is_there = is_plain
            && !name.starts_with(b".")
            && file::facts(HERE, &script).is_ok_and(|facts| facts.kind == Kind::Regular);
        if is_there {
            Origin::InitScript(String::from_utf8_lossy(&name).into_owned())
        } else {
            Origin::Unknown
        }
    }
}

/// Whether two facts are of one file.
#[must_use]
pub fn same(one: &Facts, other: &Facts) -> bool {
    (one.device, one.inode) == (other.device, other.inode)
}

/// A path that may be relative to `base`, made absolute.
#[must_use]
pub fn below(base: &[u8], path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") { path.to_vec() } else { [base, b"/", path].concat() }
}

fn look_at_program(path: &[u8]) -> Program {
    match file::facts(HERE, path) {
        Ok(facts) if facts.kind == Kind::Regular && facts.mode & 0o111 != 0 => {
            Program::There(path.to_vec())
        }
        Ok(_) => Program::NotExecutable,
        Err(Errno::ENOENT | Errno::ENOTDIR) => Program::Missing,
        Err(_) => Program::Unknown,
    }
}

fn look_at_run(path: &[u8]) -> Run {
    match file::facts(HERE, path) {
        Ok(facts) => match facts.kind {
            Kind::Regular => Run::File {
                is_executable: facts.mode & 0o111 != 0,
                text: beginning(path).ok(),
                is_empty: facts.size == 0,
            },
            Kind::Directory => Run::Directory,
            Kind::Fifo | Kind::Link | Kind::Other => Run::Other,
        },
        Err(Errno::ENOENT) => Run::Missing { is_link: file::facts_no_link(HERE, path).is_ok() },
        Err(_) => Run::Unknown,
    }
}
