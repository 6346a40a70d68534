//! A look at a service: what its directory, its journal and /proc say about it, and the state that
//! follows from these. It only reads, and does not decide what to do.

pub mod files;
pub mod logger;
pub mod moment;
pub mod past;
pub mod processes;
pub mod start;
pub mod state;
mod tail;

use crate::select::Target;
use core::cell::OnceCell;
use core::time::Duration;
use daemontools_rs::service::onlooker::Onlooker;
use daemontools_rs::service::record::{ProcessIdentity, Record};
use daemontools_rs::service::records::Records;
use daemontools_rs::service::request::Want;
use daemontools_rs::service::status::{self, ReadError, Status};
use daemontools_rs::service::trust::{Finding, Found};
use daemontools_rs::service::{self, presence};
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{Errno, clock, directory, poll, proc};
use daemontools_rs::tai64n::Label;
use past::Monotonic;
use processes::{Memory, Processes};
use state::State;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};

/// How many times status and journal are read again when they do not belong together.
const TRIES: usize = 5;
/// The pause before each further try.
const PAUSE: Duration = Duration::from_millis(1);

/// The action of a [`Trouble`] with a service directory that cannot be opened.
pub const OPEN_DIRECTORY: &str = "open the directory";

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What could not be done, for `unable to ... of NAME`: [`OPEN_DIRECTORY`], or `read
    /// supervise/status`.
    pub action: &'static str,
    /// Why, in words.
    pub reason: &'static str,
    /// Whether a user with more rights could.
    pub is_refusal: bool,
}

impl Trouble {
    fn of(action: &'static str, error: Errno) -> Self {
        let is_refusal = matches!(error, Errno::EACCES | Errno::EPERM);
        Self { action, reason: daemontools_rs::error::words(error), is_refusal }
    }
}

/// What a look found out about a service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Which service.
    pub target: Target,
    /// Its state.
    pub state: State,
    /// Whether a supervise runs, if that is known.
    pub supervised: Option<bool>,
    /// What the status says.
    pub status: Option<Status>,
    /// What the journal says.
    pub record: Option<Record>,
    /// Why the state is not known.
    pub trouble: Option<Trouble>,
    /// Why the journal is not believed.
    pub journal_trouble: Option<Trouble>,
    /// Whether there is a file `down`.
    pub is_marked_down: Option<bool>,
    /// The process that runs on although no supervise does.
    pub runs_on: Option<Pid>,
    /// The memory of its processes, if that was asked for.
    pub memory: Option<Memory>,
    /// Its logger, if it has one.
    pub logger: Option<Box<Service>>,
}

impl Service {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.status.map(|status| status.pid).filter(|&pid| pid != 0 && self.is_current())
    }

    /// What it is wanted to be.
    #[must_use]
    pub fn want(&self) -> Option<Want> {
        self.status.filter(|_| self.is_current()).map(|status| status.want)
    }

    /// When its process was started, or ended.
    #[must_use]
    pub fn since(&self) -> Option<Label> {
        self.status.filter(|_| self.is_current()).map(|status| status.label)
    }

    fn weigh(&mut self, processes: Option<&Processes>) {
        let recorded = self.record.and_then(|record| record.service);
        let start = recorded.map(|service| service.start);
        self.memory = self.pid().and_then(|pid| processes?.weigh(pid, start));
    }

    /// Whether the status is up to date: a supervise keeps it.
    fn is_current(&self) -> bool {
        !matches!(self.state, State::NotSupervised | State::Unreadable)
    }

    /// Whether it and its logger are as wanted.
    #[must_use]
    pub fn is_as_wanted(&self) -> bool {
        self.state.is_as_wanted()
            && self.logger.as_ref().is_none_or(|logger| logger.state.is_as_wanted())
    }

    /// Whether its directory could not be opened, so that nothing is known of what is in it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.action == OPEN_DIRECTORY)
    }

    /// Whether svctl's user may not read something of it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.is_refusal)
    }
}

/// What a look includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whether the logger is looked at too.
    pub logger: bool,
}

/// Looks at services, all at one moment.
#[derive(Debug)]
pub struct Looker {
    /// Nothing if /proc cannot be read, or our working directory is gone: then no journal is
    /// believed.
    onlooker: Option<Onlooker>,
    /// The time now, by the wall clock, since 1970.
    unix: Duration,
    /// The same as a label.
    pub wall: Label,
    /// The time now, by the journal's monotonic clock.
    pub monotonic: Monotonic,
    /// The processes but for the supervises of the services, after [`Looker::weigh`].
    pub processes: Option<Processes>,
    /// All processes, after the first search by name.
    named: OnceCell<Option<Processes>>,
}

impl Looker {
    /// A look at this moment, without the processes.
    #[must_use]
    pub fn new() -> Self {
        let unix = clock::wall();
        Self {
            onlooker: Onlooker::new().ok(),
            unix,
            wall: Label::of_unix(unix),
            monotonic: Monotonic(clock::monotonic()),
            processes: None,
            named: OnceCell::new(),
        }
    }

    /// Reads the clocks again: later looks are at this moment.
    pub fn refresh(&mut self) {
        self.unix = clock::wall();
        self.wall = Label::of_unix(self.unix);
        self.monotonic = Monotonic(clock::monotonic());
    }

    /// Counts the processes, and adds up the memory of each service's.
    pub fn weigh(&mut self, services: &mut [Service]) {
        // A supervise is no process of its service. To leave them out halves what is read of /proc.
        let supervises = services
            .iter()
            .flat_map(|service| [Some(service), service.logger.as_deref()])
            .flatten()
            .filter(|service| service.supervised == Some(true))
            .filter_map(|service| service.record.map(|record| record.supervise.pid));
        let processes = Processes::count(&supervises.collect());
        for service in services {
            service.weigh(processes.as_ref());
            if let Some(logger) = &mut service.logger {
                logger.weigh(processes.as_ref());
            }
        }
        self.processes = processes;
    }

    /// The time so long before the look.
    #[must_use]
    pub fn before(&self, ago: Duration) -> Label {
        Label::of_unix(self.unix.saturating_sub(ago))
    }

    /// Looks at one service.
    #[must_use]
    pub fn look(&self, target: &Target, scope: Scope) -> Service {
        let mut found = Service {
            target: target.clone(),
            state: State::Unreadable,
            supervised: None,
            status: None,
            record: None,
            trouble: None,
            journal_trouble: None,
            is_marked_down: None,
            runs_on: None,
            memory: None,
            logger: None,
        };
        match open(HERE, &target.path, Purpose::Directory) {
            Ok(directory) => self.look_into(directory.as_fd(), scope, &mut found),
            Err(error) => {
                found.trouble = Some(Trouble::of(OPEN_DIRECTORY, error));
                if found.is_refused() {
                    found.supervised = self.supervised_by_name(target);
                }
            }
        }
        found
    }

    fn look_into(&self, directory: BorrowedFd<'_>, scope: Scope, found: &mut Service) {
        found.is_marked_down = service::is_marked_down(directory).ok();
        with_records(directory, |records| self.read(records, found));
        let young = found.record.map_or(0, |record| past::young_starts(&record, self.monotonic));
        found.state = State::judge(found.supervised, found.status.as_ref(), young);
        if found.state == State::NotSupervised {
            // Without a supervise the service need not have records.
            found.trouble = found.trouble.take().filter(|trouble| trouble.is_refusal);
            let recorded = found.record.and_then(|record| record.service);
            found.runs_on = recorded.filter(is_alive).map(|service| service.pid);
        }
        if scope.logger && service::has_log(directory) {
            let name = |base: &[u8]| [base, b"/log"].concat();
            let target = Target { name: name(&found.target.name), path: name(&found.target.path) };
            found.logger = Some(Box::new(self.look(&target, Scope { logger: false })));
        }
    }

    fn read(&self, records: Result<&Records, Errno>, found: &mut Service) {
        let presence = records.and_then(|records| presence::look(records).map(drop));
        found.supervised = match presence {
            Ok(()) => Some(true),
            // Only a FIFO counts as `ok`, though 0.76 takes a regular file for one.
            Err(Errno::ENXIO | Errno::ENOENT | Errno::ENOTDIR | Errno::EINVAL | Errno::EISDIR) => {
                Some(false)
            }
            Err(error) => {
                let trouble = Trouble::of("open supervise/ok", error);
                let is_refusal = trouble.is_refusal;
                found.trouble = Some(trouble);
                if is_refusal { self.supervised_by_name(&found.target) } else { None }
            }
        };
        if let Ok(records) = records {
            self.read_records(records, found);
        }
    }

    /// Reads status and journal until they fit together. supervise writes the journal first, so
    /// one look may fall between the two.
    fn read_records(&self, records: &Records, found: &mut Service) {
        for tried in 1..=TRIES {
            let journal = match &self.onlooker {
                Some(onlooker) => onlooker.read(records),
                None => Err(Errno::ENOENT),
            };
            let status = status::read(records);
            let record = match journal {
                Ok(Finding::Found(Found { record, .. })) => Some(record),
                _ => None,
            };
            let is_torn = matches!(journal, Ok(Finding::Ignored(_)));
            let fits = match (&status, record) {
                (Ok(status), Some(record)) => fits(status, &record),
                (Ok(_), None) => !is_torn,
                _ => false,
            };
            // A file that may not be read, or does not exist, will not change by waiting.
            let is_final = fits || matches!(&status, Err(ReadError::Open(_)));
            if !is_final && tried < TRIES {
                poll::pause(PAUSE);
                continue;
            }
            found.record = record;
            found.journal_trouble = match journal {
                Ok(Finding::Ignored(reason)) => {
                    Some(Trouble { action: "believe supervise/journal", reason, is_refusal: false })
                }
                Ok(_) | Err(Errno::ENOENT) => None,
                Err(error) => Some(Trouble::of("read supervise/journal", error)),
            };
            match status {
                // A full disk may have kept supervise from replacing the status. The journal, which
                // is overwritten in place, is newer then.
                Ok(status) => {
                    found.status = Some(record.map_or(status, |record| newer(status, &record)))
                }
                Err(error) => {
                    found.trouble = found.trouble.take().or_else(|| Some(status_trouble(error)));
                }
            }
            // The status could be read, so a trouble with `ok` does not matter.
            if found.status.is_some() {
                found.trouble = None;
            }
            return;
        }
    }

    /// Whether a supervise runs, by the command lines in /proc: all that another user sees.
    fn supervised_by_name(&self, target: &Target) -> Option<bool> {
        let named = self.named.get_or_init(|| Processes::count(&BTreeSet::new()));
        named.as_ref()?.has_supervise_of(&target.name)
    }
}

/// Calls `look` with the records of the service in `directory`. A delegated directory often may be
/// entered but not listed: svctl changes into it during the call.
pub fn with_records<T>(
    directory: BorrowedFd<'_>,
    look: impl FnOnce(Result<&Records, Errno>) -> T,
) -> T {
    match Records::find(directory) {
        Ok(records) => look(Ok(&records)),
        Err(Errno::EACCES) => match directory::current() {
            Ok(home) => {
                let records = directory::change_to(directory).and_then(|()| Records::enter());
                let looked = look(records.as_ref().map_err(|error| *error));
                let _ = directory::change_to(home.as_fd());
                looked
            }
            Err(error) => look(Err(error)),
        },
        Err(error) => look(Err(error)),
    }
}

/// The time now.
#[must_use]
pub fn now() -> Label {
    Label::of_unix(clock::wall())
}

/// Whether the process of this pid is still the recorded one.
fn is_alive(recorded: &ProcessIdentity) -> bool {
    proc::Process::read(recorded.pid)
        .is_ok_and(|found| found.start == recorded.start && found.is_alive())
}

fn status_trouble(error: ReadError) -> Trouble {
    match error {
        ReadError::Open(error) => Trouble::of("open supervise/status", error),
        ReadError::Read(error) => Trouble::of("read supervise/status", error),
        ReadError::BadFormat => {
            Trouble { action: "read supervise/status", reason: "bad format", is_refusal: false }
        }
    }
}

/// Whether status and journal were written at the same change.
fn fits(status: &Status, record: &Record) -> bool {
    let pid = record.service.map_or(0, |service| service.pid);
    (pid, record.history.label, record.want) == (status.pid, status.label, status.want)
}

/// The newer of status and journal.
fn newer(status: Status, record: &Record) -> Status {
    if fits(&status, record) || record.left_cleanly || record.history.label < status.label {
        return status;
    }
    Status {
        label: record.history.label,
        pid: record.service.map_or(0, |service| service.pid),
        is_paused: record.is_paused,
        want: record.want,
    }
}
