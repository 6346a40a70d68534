//! Where a contestant runs: a scan directory of its own below a temporary directory, and its
//! svscan. At the end none of its processes and files is left.
//!
//! The temporary directory is in memory, or in `TMPDIR`: ext4 has been seen to take from 15 to 600
//! microseconds for a new file, by what was deleted on it a short while ago, and then the benchmark
//! would be one of the disk. Nothing is removed before the end either: a removal's work may last
//! into the next measurement.

use crate::Fallible;
use crate::contestant::Contestant;
use crate::patience::{self, PATIENCE};
use crate::process;
use crate::service::{Service, Watch};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Call it once: from here on signals end the benchmark in order, and orphans become its children.
/// Returns the temporary directory for everything else, which is removed when it is dropped.
pub fn prepare() -> Fallible<TempDir> {
    patience::end_at_signals()?;
    // In a container process 1 may reap no orphans, and there are thousands.
    nix::sys::prctl::set_child_subreaper(true)?;
    let make = |around: &Path| -> Fallible<TempDir> {
        fs::create_dir_all(around)?;
        Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(around.canonicalize()?)?)
    };
    if let Some(around) = std::env::var_os("TMPDIR") {
        return make(Path::new(&around));
    }
    if may_exec_in(MEMORY)
        && let Ok(root) = make(Path::new(MEMORY))
    {
        return Ok(root);
    }
    make(&Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))
}

/// Where files cost next to nothing.
const MEMORY: &str = "/dev/shm";

fn may_exec_in(place: &str) -> bool {
    nix::sys::statvfs::statvfs(place)
        .is_ok_and(|facts| !facts.flags().contains(nix::sys::statvfs::FsFlags::ST_NOEXEC))
}

/// One contestant at work.
pub struct Arena {
    pub contestant: Contestant,
    /// The services that are in the scan directory from the beginning.
    pub services: Vec<Service>,
    pub svscan: Pid,
    /// When svscan was started.
    pub started: u64,
    place: PathBuf,
}

impl Arena {
    /// Makes `count` services, the first of them watched as `first` says, and starts svscan.
    pub fn start(
        contestant: &Contestant,
        root: &Path,
        count: usize,
        first: &Watch,
    ) -> Fallible<Self> {
        let place = tempfile::Builder::new().tempdir_in(root)?.keep();
        fs::create_dir(place.join("scan"))?;
        fs::create_dir(place.join("services"))?;
        let mut arena = Self {
            contestant: contestant.clone(),
            services: Vec::new(),
            svscan: Pid::from_raw(0),
            started: 0,
            place,
        };
        for number in 0..count {
            let watch = if number == 0 { first } else { &Watch::Starts };
            let service = Service::make(arena.directory(&format!("s{number}")), watch)?;
            service.link_into(&arena.scan())?;
            arena.services.push(service);
        }
        // Write the new files to the disk now, so that the contestant is not charged for it.
        nix::unistd::sync();
        arena.start_svscan()?;
        Ok(arena)
    }

    /// A service directory that no scan directory has a link to yet.
    pub fn make_service(&self, name: &str) -> Fallible<Service> {
        Service::make(self.directory(name), &Watch::Starts)
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.place.join("services").join(name)
    }

    pub fn scan(&self) -> PathBuf {
        self.place.join("scan")
    }

    fn start_svscan(&mut self) -> Fallible<()> {
        let mut command = self.contestant.scanner(&self.scan());
        command
            .current_dir(&self.place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.errors())?)
            // Ctrl-C must reach only the benchmark, which then ends the others.
            .process_group(0);
        self.started = crate::service::now();
        self.svscan = Pid::from_raw(command.spawn()?.id().cast_signed());
        Ok(())
    }

    fn errors(&self) -> PathBuf {
        self.place.join("errors")
    }

    /// Waits for the first start of every service. If that fails, the contestant's own message is
    /// the better reason.
    pub fn wait_until_up(&mut self) -> Fallible<()> {
        let mut services = self.services.iter_mut();
        services.try_for_each(|service| service.look_for_start().map(drop)).map_err(|error| {
            let said = fs::read_to_string(self.errors()).unwrap_or_default();
            let name = self.contestant.kind.name();
            format!("{name}: {error}; it said: {}", said.lines().next().unwrap_or("nothing")).into()
        })
    }

    /// The supervises of the services.
    pub fn supervises(&self) -> Fallible<Vec<Pid>> {
        let found = process::children(self.svscan, self.contestant.supervise_name());
        if found.len() == self.services.len() {
            return Ok(found);
        }
        let name = self.contestant.kind.name();
        Err(format!("{name}: {} of {} supervises", found.len(), self.services.len()).into())
    }

    /// The service that `svc -d` is tried on.
    pub fn victim(&mut self) -> &mut Service {
        &mut self.services[0]
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // First svscan, or it would start others while they are killed.
        let _ = kill(self.svscan, Signal::SIGKILL);
        end_all_inside(&self.place);
    }
}

fn end_all_inside(place: &Path) {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = process::all_inside(place);
        for pid in &left {
            let _ = kill(*pid, Signal::SIGKILL);
        }
        while matches!(
            waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)),
            Ok(status) if status != WaitStatus::StillAlive
        ) {}
        if left.is_empty() || Instant::now() > until {
            return;
        }
        // Killed processes need a moment to end.
        std::thread::sleep(Duration::from_millis(5));
    }
}
