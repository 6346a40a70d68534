//! The rounds: every judge looks at each service and its logger.

use super::backgrounding::{self, Ending};
use super::chain::Chain;
use super::crash::{self, Ends, Holder, Origin};
use super::finding::{Finding, Kind};
use super::logging;
use super::look::{Case, Ward};
use super::report::Unchecked;
use super::run::{self, Subject};
use super::sheet::Sheet;
use super::{guard, logger, stops};
use crate::look::state::State;
use crate::look::{Service, logger as logs, past};
use crate::show::advice::Again;
use crate::text;
use core::cell::RefCell;
use core::time::Duration;
use daemontools_rs::service::request::Want;
use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{file, proc};
use daemontools_rs::tai64n::{Label, TEXT};

/// How many lines of a log the judges get.
const LINES: usize = 20;
/// How many lines of a log are printed.
const SHOWN: usize = 3;
/// A line that is older than so many seconds belongs to another trouble.
const RECENT: u64 = 60;
/// A service that has been up for so many seconds has started well.
const STARTED: u64 = 2;

/// What all services have in common.
#[derive(Debug)]
pub struct Rounds<'a> {
    /// The system.
    pub ward: Ward<'a>,
    /// The command line of svctl for this scan directory.
    pub again: Again,
    /// Whether the services were named: then the run of a service that is down on purpose is judged
    /// too.
    pub is_asked: bool,
    /// Whether an svscan works, if that is known.
    pub is_scanned: Option<bool>,
    /// The supervise of each service and logger, and its name.
    pub supervises: Vec<(Pid, Vec<u8>)>,
    /// The log directories of the loggers so far, with their names.
    pub log_directories: RefCell<logging::Met>,
    /// The directories above the services so far: each is judged once.
    pub ways: RefCell<Vec<Vec<u8>>>,
}

/// What was found with one service.
#[derive(Debug, Default)]
pub struct Found {
    /// The findings.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
}

impl<'a> Rounds<'a> {
    /// The rounds to these services.
    #[must_use]
    pub fn new(
        ward: Ward<'a>,
        again: Again,
        is_asked: bool,
        is_scanned: Option<bool>,
        services: &[Service],
    ) -> Self {
        let all = services.iter().flat_map(|service| [Some(service), service.logger.as_deref()]);
        let supervises = all.flatten().filter_map(|service| {
            let pid = service.record.map(|record| record.supervise.pid)?;
            Some((pid, service.target.name.clone()))
        });
        let supervises = supervises.collect();
        let (log_directories, ways) = Default::default();
        Self { ward, again, is_asked, is_scanned, supervises, log_directories, ways }
    }

    /// Looks at a service and its logger.
    #[must_use]
    pub fn examine(&self, service: &Service) -> Found {
        let mut found = Found::default();
        let case = Case::of(service, &self.ward);
        self.examine_one(&case, service.logger.as_deref(), false, &mut found);
        let log = logging::place(&case);
        let path = [&case.base[..], b"/log"].concat();
        let work = service.logger.as_deref().map(|logger| logger::Work {
            service_is_up: service.pid().is_some(),
            service_is_supervised: service.supervised == Some(true),
            is_supervised: logger.supervised.filter(|_| logger.trouble.is_none()),
            is_down: logger.state == State::Down,
            is_paused: logger.state == State::Paused,
            made_ago: self.age_of(&path).map_or(0, |age| age.as_secs()),
        });
        let presence = logger::presence(&service.target.name, &path, log, work, &self.again);
        let is_wrong = presence.is_some();
        found.findings.extend(presence);
        if let Some(logger) = service.logger.as_deref().filter(|_| log == logger::Log::Directory) {
            let case = Case::of(logger, &self.ward);
            let before = found.findings.len();
            self.examine_one(&case, None, true, &mut found);
            if is_wrong {
                // Where the logger's place is wrong, "not supervised" is no news.
                let mut place = 0;
                found.findings.retain(|finding| {
                    place += 1;
                    place <= before || finding.kind != Kind::NotSupervised
                });
            }
        }
        found
    }

    fn age_of(&self, path: &[u8]) -> Option<Duration> {
        let changed = file::facts_no_link(HERE, path).ok()?.changed;
        Some(daemontools_rs::sys::clock::wall().saturating_sub(changed))
    }

    fn examine_one(
        &self,
        case: &Case<'_>,
        logger: Option<&Service>,
        is_logger: bool,
        found: &mut Found,
    ) {
        let service = case.service;
        let name = &service.target.name[..];
        self.note_what_is_hidden(case, found);
        let run_path = case.run_path();
        let up_seconds = self.seconds_of(service);
        let is_up =
            service.pid().is_some() && up_seconds >= STARTED && service.state != State::Flapping;
        let is_off = service.is_marked_down == Some(true) && service.want() != Some(Want::Up);
        let mut findings = Vec::new();
        if self.is_asked || !is_off {
            let subject = Subject { name, path: &run_path, is_up };
            findings.extend(run::judge(subject, &case.run, case));
        }
        let script = case.run.script();
        let chain = script.as_ref().and_then(|script| script.last.as_ref()).map(Chain::of);
        let sheet = Sheet { case, name, script, chain };
        if is_logger {
            let met = &mut self.log_directories.borrow_mut();
            findings.extend(logging::judge(&sheet, is_up, &self.again, met));
        }
        // What another judge found explains why it is not supervised.
        let is_explained = !findings.is_empty();
        let is_young =
            self.age_of(&service.target.path).is_none_or(|age| age.as_secs() < logger::NEW);
        if service.state == State::NotSupervised
            && self.is_scanned == Some(true)
            && !is_young
            && !is_explained
        {
            findings.push(self.not_supervised(service));
        }
        if !is_explained {
            findings.extend(self.ends(&sheet, logger, is_logger));
        }
        findings.extend(stops::judge(&self.ward, &self.again, &sheet));
        findings.extend(guard::judge(case, &mut self.ways.borrow_mut()));
        found.findings.extend(findings);
    }

    /// How many seconds ago the service's process was started, or ended.
    fn seconds_of(&self, service: &Service) -> u64 {
        service.since().map_or(0, |since| since.seconds_until(self.ward.looker.wall))
    }

    fn note_what_is_hidden(&self, case: &Case<'_>, found: &mut Found) {
        let service = case.service;
        let mut note = |what: &str, is_refusal| {
            let service = Some(service.target.name.clone());
            found.unchecked.push(Unchecked { service, what: what.to_owned(), is_refusal });
        };
        if service.is_refused() {
            note("what it does and did: not permitted; try sudo", true);
        } else if let Some(trouble) = &service.trouble {
            note(&format!("unable to {}: {}", trouble.action, trouble.reason), false);
        } else if service.supervised == Some(true) && service.record.is_none() {
            note(
                "how often it was started, and how it ended: its supervise keeps no journal",
                false,
            );
        }
        if matches!(
            &case.run,
            run::Run::File { text: None, is_empty: false, .. } | run::Run::Unknown
        ) {
            note("its run, which cannot be read", true);
        }
    }

    fn not_supervised(&self, service: &Service) -> Finding {
        let found =
            Finding::on(&service.target.name, Kind::NotSupervised, "no supervise runs for it");
        let path = text::quoted(&service.target.path);
        let found = found.saw(format!("svscan works, and nothing holds {path}/supervise"));
        found.command(self.again.messages()).command(format!("ls -la {path}/supervise"))
    }

    /// The finding about why it ends at each start.
    fn ends(
        &self,
        sheet: &Sheet<'_, '_>,
        logger: Option<&Service>,
        is_logger: bool,
    ) -> Option<Finding> {
        let service = sheet.case.service;
        let record = service.record.as_ref()?;
        if service.want() != Some(Want::Up) {
            return None;
        }
        let ends = Ends {
            young: past::young_starts(record, self.ward.looker.monotonic),
            last: record.history.last_end,
            lasted: past::last_run(record),
            starts: past::starts_ago(record, self.ward.looker.monotonic),
            up: service.pid().map(|_| self.seconds_of(service)).map(Duration::from_secs),
        };
        let is_crashing = ends.are_crashes(service.state);
        let is_up = ends.up.is_some_and(|up| up.as_secs() >= STARTED);
        let may_be_daemon = record.history.starts > 1 && ends.is_quick_success() && !is_up;
        if !is_crashing && !may_be_daemon {
            return None;
        }
        let left = sheet.case.left(sheet.program(), &self.ward);
        if may_be_daemon && !left.is_empty() {
            return self.backgrounding(sheet, ends.words(), &left);
        }
        if !is_crashing {
            return None;
        }
        let lines = self.recent_lines(logger);
        let own = |pid: Pid| left.contains(&pid);
        let mut holds_own = None;
        let holder_of = |port: u16| self.holder(port, sheet.case);
        let taken = crash::port_taken(sheet.name, &ends, &lines, holder_of, &self.again);
        if let Some(taken) = taken {
            for (ports, _) in crash::complaints(&lines) {
                let holders =
                    ports.into_iter().filter_map(&holder_of).filter_map(|holder| holder.process);
                holds_own = holds_own.or(holders.map(|(pid, _)| pid).find(|&pid| own(pid)));
            }
            return match holds_own {
                // The daemon went into the background at an earlier start, and holds the port.
                Some(pid) => self.backgrounding(sheet, ends.words(), &[pid]),
                None => Some(taken),
            };
        }
        let kind = if is_logger { Kind::LoggerFlapping } else { Kind::CrashLoop };
        let shown = lines.split_at_checked(lines.len().saturating_sub(SHOWN)).unwrap_or_default().1;
        let see = match logger {
            Some(_) => self.again.line("logs -n 20", sheet.name),
            None => self.again.messages(),
        };
        let has_logger = logger.is_some() || is_logger;
        let found = crash::crash_loop(sheet.name, kind, &ends, shown, has_logger, see);
        Some(match sheet.chain.as_ref().and_then(logging::unknown_account) {
            Some(account) => {
                found.saw(format!("it wants to run as {account}, which is no account"))
            }
            None => found,
        })
    }

    fn backgrounding(&self, sheet: &Sheet<'_, '_>, how: String, left: &[Pid]) -> Option<Finding> {
        let path = sheet.case.run_path();
        let text = sheet.case.run.text().unwrap_or_default();
        let command = sheet.script.as_ref().and_then(|script| script.last.as_ref());
        let ending = command.zip(sheet.chain.as_ref());
        let ending = ending.map(|(command, chain)| Ending { path: &path, text, command, chain });
        let named: Vec<(u32, Vec<u8>)> =
            left.iter().map(|&pid| (pid, self.ward.name_of(pid))).collect();
        let restart = self.again.command("restart", sheet.case.service);
        backgrounding::judge(sheet.name, how, &named, ending.as_ref(), restart)
    }

    /// The last lines of a service's log, without labels, and without old lines.
    fn recent_lines(&self, logger: Option<&Service>) -> Vec<Vec<u8>> {
        let directory = logger.and_then(|logger| logs::directories(logger).into_iter().next());
        let lines = directory.map(|directory| directory.last_lines(LINES)).unwrap_or_default();
        let now = self.ward.looker.wall;
        let recent = |line: Vec<u8>| match line.split_first_chunk::<TEXT>() {
            Some((text, rest)) => match Label::of_text(text) {
                Some(label) if label.seconds_until(now) > RECENT => None,
                Some(_) => Some(rest.trim_ascii_start().to_vec()),
                None => Some(line),
            },
            None => Some(line),
        };
        lines.into_iter().filter_map(recent).filter(|line| !line.is_empty()).collect()
    }

    /// Which other process holds a port.
    fn holder(&self, port: u16, case: &Case<'_>) -> Option<Holder> {
        let sockets: Vec<u64> = proc::listeners()
            .into_iter()
            .filter(|listener| listener.port == port)
            .map(|listener| listener.inode)
            .collect();
        if sockets.is_empty() {
            return None;
        }
        let Some(pid) = proc::holders_of_sockets(&sockets).into_iter().next() else {
            return Some(Holder { port, process: None, origin: Origin::Unknown });
        };
        let supervise = self.ward.supervise_above(pid);
        if supervise.is_some() && supervise == case.supervise {
            return None;
        }
        let of = |supervise| self.supervises.iter().find(|(pid, _)| *pid == supervise);
        let origin = match supervise.and_then(of) {
            Some((_, name)) => Origin::Service(name.clone()),
            None => self.ward.origin(pid),
        };
        Some(Holder { port, process: Some((pid, self.ward.name_of(pid))), origin })
    }
}
