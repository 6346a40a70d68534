//! A stage: a scan directory `s` with an svscan, services outside it in `d`, and svctl.

use crate::scratch::{Said, Scratch, wait_for};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A service that stays up and ends by TERM.
pub const STAYS: &str = "exec sleep 1000";
/// A service that ends at once.
pub const ENDS: &str = "exit 7";

pub struct Stage {
    pub scratch: Scratch,
    svscan: Option<Child>,
}

impl Stage {
    /// A scan directory without services, and without an svscan yet.
    pub fn empty() -> Self {
        let scratch = Scratch::new();
        scratch.directory_at("s");
        scratch.directory_at("d");
        Self { scratch, svscan: None }
    }

    /// Services with these run scripts, under an svscan; each is there when it returns.
    pub fn of(services: &[(&str, &str)]) -> Self {
        let mut stage = Self::empty();
        for (name, run) in services {
            stage.add(name, run);
        }
        stage.scan();
        stage
    }

    /// Makes a service and links it.
    pub fn add(&self, name: &str, run: &str) {
        self.scratch.service(&format!("d/{name}"), run);
        self.link(name);
    }

    pub fn link(&self, name: &str) {
        symlink(self.scratch.path().join("d").join(name), self.path().join(name)).unwrap();
    }

    /// Has svscan watch over what is there, and waits until each has a supervise.
    pub fn scan(&mut self) {
        self.svscan = Some(self.scratch.start("svscan", &["s"]));
        self.wait_for_supervises();
    }

    fn wait_for_supervises(&self) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !name.starts_with('.') {
                wait_for(&format!("a supervise of {name}"), || self.is_supervised(&name));
            }
        }
    }

    /// As [`Self::scan`], by an svscan that was started already.
    pub fn scan_by(&mut self, svscan: Child) {
        self.svscan = Some(svscan);
        self.wait_for_supervises();
    }

    /// Has svscan watch over what is there; some of it may never have a supervise.
    pub fn svscan_only(&mut self) {
        self.svscan = Some(self.scratch.start("svscan", &["s"]));
    }

    /// Ends svscan; the supervises stay.
    pub fn stop_scan(&mut self) {
        if let Some(mut svscan) = self.svscan.take() {
            svscan.kill().unwrap();
            svscan.wait().unwrap();
        }
    }

    /// The scan directory.
    pub fn path(&self) -> PathBuf {
        self.scratch.path().join("s")
    }

    pub fn of_service(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn is_supervised(&self, name: &str) -> bool {
        self.scratch.is_running(&format!("s/{name}"))
    }

    /// What svctl says, about this scan directory.
    pub fn svctl(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().unwrap())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = svctl(self.scratch.path());
        command.env("SVDIR", self.path()).args(arguments);
        command
    }

    /// As [`Self::svctl`], and how long it took.
    pub fn timed(&self, arguments: &[&str]) -> (Said, Duration) {
        let begun = Instant::now();
        let said = self.svctl(arguments);
        (said, begun.elapsed())
    }

    /// The JSON of all services, or of those named.
    pub fn json(&self, names: &[&str]) -> Value {
        let said = self.svctl(&[&["status", "--json"], names].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    }

    /// The JSON of one service.
    pub fn facts(&self, name: &str) -> Value {
        self.json(&[name])["services"][0].clone()
    }

    pub fn state(&self, name: &str) -> String {
        self.facts(name)["state"].as_str().unwrap().to_owned()
    }

    pub fn wait_until(&self, name: &str, state: &str) {
        wait_for(&format!("{name} to be {state}"), || self.state(name) == state);
    }

    pub fn pid(&self, name: &str) -> u32 {
        self.scratch.pid(&format!("s/{name}"))
    }

    pub fn svc(&self, letters: &str, name: &str) {
        self.scratch.svc(letters, &format!("s/{name}"));
    }

    /// How a path below the stage is printed.
    pub fn shown(&self, path: &str) -> String {
        self.scratch.path().join(path).display().to_string()
    }
}

/// svctl, to be run in `directory`, in a UTF-8 locale.
pub fn svctl(directory: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("svctl"));
    command.current_dir(directory).env("LC_ALL", "C.UTF-8").env("TZ", "UTC0").env_remove("SVDIR");
    command.env("SCRATCH", directory).stdin(std::process::Stdio::null());
    command
}

/// The cells of each line of a table, the titles included. Two or more spaces separate cells.
pub fn cells(out: &str) -> Vec<Vec<String>> {
    let lines = out.lines().skip(1).take_while(|line| !line.is_empty());
    lines
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()))
        .map(|cells| cells.map(str::to_owned).collect())
        .collect()
}

/// Makes `directory` look as if a supervise ran there: its `ok` is held open as long as the file
/// lives. `status`: pid, paused, want, seconds ago.
pub fn feign(directory: &Path, status: Option<(u32, u8, u8, u64)>) -> fs::File {
    let records = directory.join("supervise");
    fs::create_dir_all(&records).unwrap();
    let ok = records.join("ok");
    nix::unistd::mkfifo(&ok, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    if let Some((pid, paused, want, ago)) = status {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let label = (1_u64 << 62) + 10 + now.as_secs() - ago;
        let bytes =
            [&label.to_be_bytes()[..], &[0; 4], &pid.to_le_bytes(), &[paused, want]].concat();
        fs::write(records.join("status"), bytes).unwrap();
    }
    fs::File::options().read(true).write(true).open(ok).unwrap()
}
