//! The look at the scan directory: its names, and what works in it.

use super::finding::Finding;
use super::guard;
use super::links::{self, Leads, Name, Nameless};
use super::scan::{self, Daemon, Stranger};
use crate::beginning::beginning;
use crate::look::processes::Processes;
use crate::look::{Looker, Scope};
use crate::place::{self, Scan, USUAL};
use crate::select::Target;
use crate::show::advice::Advice;
use daemontools_rs::scandir::scanner::STOP_SIGNAL;
use daemontools_rs::service::trust::OF_ANOTHER_DIRECTORY;
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::file::{self, Facts, Kind};
use daemontools_rs::sys::proc::Counted;
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{Errno, directory, proc};
use std::os::fd::AsFd;

/// What works in the scan directory, and below it.
#[derive(Debug)]
pub struct Around {
    /// The svscans, ours and those of other products, and the like of these (`runsvdir`).
    pub scanners: Vec<Daemon>,
    /// The supervises of our svscans.
    pub supervises: Vec<(Daemon, Facts)>,
    /// Whether an svscan works there, if that is known.
    pub is_scanned: Option<bool>,
}

/// A process that started less than this many seconds after the machine counts as started at boot.
const BOOT: u64 = 300;
/// Scanners of other products.
const OTHERS: [&[u8]; 3] = [b"runsvdir", b"s6-svscan", b"perpd"];

impl Around {
    /// Looks around in a scan directory.
    #[must_use]
    pub fn look(scan: &Scan, processes: &Processes) -> Self {
        let mut pids = scan.workers(&[b"svscan"]);
        // Between fork and exec a future supervise has svscan's name, so a child of an svscan is
        // not counted.
        let all = pids.clone();
        let parent = |pid| proc::Process::read(pid).map(|process| process.parent);
        pids.retain(|&pid| !parent(pid).is_ok_and(|parent| all.contains(&parent)));
        let mut scanners: Vec<Daemon> =
            pids.into_iter().map(|pid| daemon(pid, b"svscan")).collect();
        for name in OTHERS {
            let pids = scan.workers(&[name]).into_iter();
            scanners.extend(pids.map(|pid| Daemon { is_ours: false, ..daemon(pid, name) }));
        }
        let is_child = |process: &&Counted| {
            process.name == b"supervise"
                && scanners.iter().any(|daemon| daemon.pid == process.parent)
        };
        let supervises = processes.all().iter().filter(is_child).filter_map(|process| {
            let directory = file::facts(HERE, format!("/proc/{}/cwd", process.pid).as_bytes());
            // A supervise that our svscan started is ours.
            let found = Daemon { is_ours: true, ..daemon(process.pid, b"supervise") };
            Some((found, directory.ok()?))
        });
        Self { supervises: supervises.collect(), is_scanned: scan.is_scanned(), scanners }
    }

    /// Whether an svscan started with the machine: then something starts it at boot.
    fn came_with_boot(&self) -> bool {
        self.scanners.iter().any(|daemon| {
            proc::Process::read(daemon.pid).is_ok_and(|process| process.start < BOOT * proc::TICKS)
        })
    }

    /// Our svscan that works there.
    fn ours(&self) -> Option<&Daemon> {
        self.scanners.iter().find(|daemon| daemon.is_ours)
    }

    /// The findings about svscan.
    #[must_use]
    pub fn judge(&self, scan: &Scan) -> Vec<Finding> {
        let start = Advice::on_the_scan(&scan.path).command;
        let mut found = scan::judge(&scan.path, self.is_scanned, &self.scanners, start);
        let supervises: Vec<Daemon> =
            self.supervises.iter().map(|(daemon, _)| daemon.clone()).collect();
        found.extend(scan::old_programs(&self.scanners, &supervises));
        let svscan = self.scanners.first();
        found.extend(svscan.and_then(|svscan| guard::of_scan(&scan.path, svscan.pid)));
        found
    }

    /// The findings about names in the scan directory.
    #[must_use]
    pub fn names(&self, scan: &Scan, looker: &Looker) -> Vec<Finding> {
        let names = names(scan, looker);
        let mut found = links::wrong_links(&names);
        found.extend(links::two_names(&names));
        found.extend(links::copied(&names));
        let nameless: Vec<Nameless> = self
            .supervises
            .iter()
            .filter(|(daemon, _)| !leaves(daemon.pid, looker))
            .map(|(daemon, facts)| {
                let path = proc::working_directory(daemon.pid).ok();
                Nameless {
                    pid: daemon.pid,
                    directory: (facts.device, facts.inode),
                    path: path.filter(|path| !path.ends_with(b" (deleted)")),
                }
            })
            .collect();
        found.extend(links::nameless(&names, &nameless));
        found
    }
}

/// Whether a supervise was asked to exit once its service is down: then the service needs no name.
fn leaves(pid: Pid, looker: &Looker) -> bool {
    let path = format!("/proc/{pid}/cwd").into_bytes();
    let target = Target { name: path.clone(), path };
    let record = looker.look(&target, Scope { logger: false }).record;
    record.is_some_and(|record| record.exit_requested)
}

fn daemon(pid: Pid, name: &[u8]) -> Daemon {
    let program = proc::program_of(pid).ok();
    let replaced = program.as_ref().and_then(|(path, facts)| {
        let path = path.strip_suffix(b" (deleted)")?;
        let now = file::facts(HERE, path).ok().filter(|_| proc::has_our_root(pid))?;
        (now.kind == Kind::Regular && (now.device, now.inode) != (facts.device, facts.inode))
            .then(|| path.to_vec())
    });
    Daemon {
        pid,
        name: name.to_vec(),
        is_ours: proc::blocks(pid, STOP_SIGNAL),
        is_replaced: replaced.is_some(),
        program: replaced.or_else(|| program.map(|(path, _)| path)),
    }
}

/// The names of the scan directory and the loggers behind them, sorted.
fn names(scan: &Scan, looker: &Looker) -> Vec<Name> {
    let mut names = directory::names_in(scan.as_fd()).unwrap_or_default();
    names.retain(|name| !name.starts_with(b"."));
    names.sort_unstable();
    let mut found = Vec::new();
    for name in names {
        let seen = look_at(&name, &scan.path_of(&name), looker);
        let is_service = matches!(seen.leads, Leads::To(_));
        found.push(seen);
        let log = [&name[..], b"/log"].concat();
        let path = scan.path_of(&log);
        if is_service && file::facts(HERE, &path).is_ok_and(|facts| facts.kind == Kind::Directory) {
            found.push(look_at(&log, &path, looker));
        }
    }
    found
}

fn look_at(name: &[u8], path: &[u8], looker: &Looker) -> Name {
    let identity = |facts: &Facts| (facts.device, facts.inode);
    let leads = match file::facts(HERE, path) {
        Ok(facts) if facts.kind == Kind::Directory => Leads::To(identity(&facts)),
        Ok(_) => Leads::ToFile,
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Leads::Nowhere,
        Err(_) => Leads::Unknown,
    };
    let mut found = Name {
        name: name.to_vec(),
        path: path.to_vec(),
        target: file::link_target(HERE, path).ok(),
        leads,
        records: None,
        has_foreign_records: false,
    };
    if let Leads::To(_) = leads {
        let records = [path, b"/supervise"].concat();
        if let Ok(facts) = file::facts(HERE, &records) {
            let is_link = file::link_target(HERE, &records).is_ok();
            found.records = Some((identity(&facts), is_link));
        }
        let target = Target { name: name.to_vec(), path: path.to_vec() };
        let seen = looker.look(&target, Scope { logger: false });
        let is_foreign =
            seen.journal_trouble.is_some_and(|trouble| trouble.reason == OF_ANOTHER_DIRECTORY);
        found.has_foreign_records = is_foreign && seen.supervised == Some(false);
    }
    found
}

/// Directories in which people have commands of daemontools.
const COMMANDS: [&[u8]; 3] = [b"/command", b"/usr/local/bin", b"/usr/bin"];
/// Commands that only daemontools has.
const NAMES: [&[u8]; 7] =
    [b"svscanboot", b"svscan", b"supervise", b"svc", b"svok", b"svstat", b"multilog"];

/// The machine around the scan directory: the commands that a person would run, and what starts
/// svscan at boot. `root` stands before each path: empty, but for tests.
#[derive(Debug)]
pub struct Machine<'a> {
    /// The root directory, without the slash at its end.
    pub root: &'a [u8],
}

impl Machine<'_> {
    /// Whether this is the machine's own scan directory, the only one that starts at boot.
    #[must_use]
    pub fn has(&self, scan: &Scan) -> bool {
        let here = file::facts_of(scan.as_fd()).ok();
        USUAL.iter().any(|usual| {
            let usual = file::facts(HERE, &[self.root, usual].concat()).ok();
            here.zip(usual).is_some_and(|(here, usual)| {
                (here.device, here.inode) == (usual.device, usual.inode)
            })
        })
    }

    /// The findings about commands and about the boot.
    #[must_use]
    pub fn judge(&self, scan: &Scan, around: &Around) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(program) = around.ours().and_then(|svscan| svscan.program.as_ref()) {
            found.extend(scan::strangers(program, &self.strangers(program)));
        }
        let is_systemd = self.is_there(b"/run/systemd/system");
        let came_with_boot = self.root.is_empty() && around.came_with_boot();
        if self.has_an_init() && !came_with_boot && !self.is_started_at_boot(is_systemd) {
            found.push(scan::not_at_boot(&scan.path, is_systemd));
        }
        found
    }

    fn is_there(&self, path: &[u8]) -> bool {
        file::facts(HERE, &[self.root, path].concat()).is_ok()
    }

    fn strangers(&self, program: &[u8]) -> Vec<Stranger> {
        let Ok(ours) = file::facts(HERE, program) else { return Vec::new() };
        let mut found = Vec::new();
        for directory in COMMANDS {
            for name in NAMES {
                let path = [self.root, directory, b"/", name].concat();
                let Ok(facts) = file::facts(HERE, &path) else { continue };
                let is_same = (facts.device, facts.inode) == (ours.device, ours.inode);
                // A file of the same size counts as a copy of our program.
                if facts.kind == Kind::Regular && !is_same && facts.size != ours.size {
                    let target = place::real(&path).unwrap_or_else(|| path.clone());
                    found.push(Stranger { path, target });
                }
            }
        }
        found
    }

    /// Whether process 1 is an init that starts services. In a container it often is the only
    /// program.
    fn has_an_init(&self) -> bool {
        let inits: [&[u8]; 3] = [b"init", b"systemd", b"upstart"];
        !self.root.is_empty() || inits.iter().any(|name| proc::is_named(1, name))
    }

    fn is_started_at_boot(&self, is_systemd: bool) -> bool {
        // Under systemd only a unit counts: lines for other inits skip themselves there.
        let but: &[u8] = if is_systemd { b"/run/systemd/system" } else { b"" };
        let names = |path: &[u8]| beginning(path).is_ok_and(|text| scan::names_svscan(&text, but));
        let any_in = |directory: &[u8], is_meant: fn(&[u8]) -> bool| {
            let directory = [self.root, directory].concat();
            let Ok(place) = open(HERE, &directory, Purpose::Directory) else { return false };
            let entries = directory::names_in(place.as_fd()).unwrap_or_default();
            entries.into_iter().filter(|name| is_meant(name)).any(|name| {
                let path = [&directory[..], b"/", &name].concat();
                names(&path) || self.names_behind_link(&path, but)
            })
        };
        let at = |path: &[u8]| names(&[self.root, path].concat());
        let is_start: fn(&[u8]) -> bool = |name| name.starts_with(b"S");
        let is_any: fn(&[u8]) -> bool = |_| true;
        let in_run_levels = || {
            [b"2", b"3", b"4", b"5"].into_iter().any(|level: &[u8; 1]| {
                any_in(&[b"/etc/rc", &level[..], b".d"].concat(), is_start)
                    || any_in(&[b"/etc/rc.d/rc", &level[..], b".d"].concat(), is_start)
            })
        };
        let anywhere = at(b"/etc/rc.local")
            || at(b"/etc/rc.d/rc.local")
            || in_run_levels()
            || any_in(b"/etc/cron.d", is_any)
            || at(b"/etc/crontab")
            || at(b"/var/spool/cron/root")
            || at(b"/var/spool/cron/crontabs/root");
        if is_systemd {
            return anywhere || self.is_wanted_by_a_unit(&any_in);
        }
        let is_job: fn(&[u8]) -> bool = |name| name.ends_with(b".conf");
        anywhere
            || at(b"/etc/inittab")
            || any_in(b"/etc/init", is_job)
            || any_in(b"/etc/event.d", is_any)
            || any_in(b"/etc/runlevels/default", is_any)
    }

    fn is_wanted_by_a_unit(&self, any_in: &impl Fn(&[u8], fn(&[u8]) -> bool) -> bool) -> bool {
        let places: [&[u8]; 3] =
            [b"/etc/systemd/system", b"/lib/systemd/system", b"/usr/lib/systemd/system"];
        places.into_iter().any(|place| {
            let path = [self.root, place].concat();
            let Ok(opened) = open(HERE, &path, Purpose::Directory) else { return false };
            let names = directory::names_in(opened.as_fd()).unwrap_or_default();
            let wants = names
                .into_iter()
                .filter(|name| name.ends_with(b".wants") || name.ends_with(b".requires"));
            wants.into_iter().any(|name| any_in(&[place, b"/", &name].concat(), |_| true))
        })
    }

    /// For tests: a link below another root directory is resolved below that directory.
    fn names_behind_link(&self, path: &[u8], but: &[u8]) -> bool {
        let target = file::link_target(HERE, path).ok().filter(|_| !self.root.is_empty());
        target.filter(|target| target.starts_with(b"/")).is_some_and(|target| {
            let text = beginning(&[self.root, &target[..]].concat());
            text.is_ok_and(|text| scan::names_svscan(&text, but))
        })
    }
}
