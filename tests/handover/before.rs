//! The services that 0.76 runs before our programs start: a service that counts, its logger, and
//! their pids.

use crate::scratch::{Scratch, is_alive, kill, wait_for};
use std::fs;
use std::process::{Child, Command, Stdio};

const DEBIAN: &str = "/usr/bin";

pub struct Before {
    pub svscan: Child,
    /// The supervises by the name of their service, the main one first.
    pub supervises: Vec<(String, u32)>,
    /// The message of our svscan when it has to wait.
    pub waiting_line: String,
    services: Vec<(String, u32)>,
}

impl Before {
    /// Starts 0.76's svscan on the directory `scan`.
    pub fn start(scratch: &Scratch) -> Self {
        let count = "echo $$ >>../../a.starts\ni=0\n\
                     while :; do i=$((i+1)); echo line $i; sleep 0.01; done";
        scratch.service("scan/a", count);
        scratch.service("scan/a/log", "exec cat >>../../../log.txt");
        let svscan = Command::new(format!("{DEBIAN}/svscan"))
            .arg("scan")
            .current_dir(scratch.path())
            .env("PATH", format!("{DEBIAN}:/bin"))
            .env("SCRATCH", scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the first lines", || scratch.lines("log.txt") > 20);
        let names = ["scan/a", "scan/a/log"];
        let services = names.map(|name| (name.to_owned(), scratch.pid(name))).to_vec();
        let supervises =
            names.map(|name| (name.to_owned(), supervise_of(scratch, name).unwrap())).to_vec();
        assert!(!scratch.path().join("scan/a/supervise/journal").exists(), "not 0.76");
        let waiting_line = format!(
            "svscan: warning: another svscan (pid {}) scans scan, waiting until it is gone\n",
            svscan.id()
        );
        Self { svscan, supervises, waiting_line, services }
    }

    /// Starts our svscan, which has to wait. Then kills 0.76's svscan, and waits until ours works.
    pub fn hand_over(&mut self, scratch: &Scratch) -> Child {
        let ours = scratch.start("svscan", &["scan"]);
        wait_for("ours to wait", || scratch.errors() == self.waiting_line);
        kill(self.svscan.id(), "KILL");
        self.svscan.wait().unwrap();
        is_scanned(scratch);
        ours
    }

    /// Checks that the processes are the same, started once and shown by svstat, and that every
    /// line arrives.
    pub fn is_untouched(&self, scratch: &Scratch) {
        for (name, pid) in &self.services {
            assert!(is_alive(*pid), "{name} was ended; {}", scratch.errors());
            assert_eq!(scratch.pid(name), *pid, "{name}");
        }
        assert_eq!(scratch.lines("a.starts"), 1);
        self.no_line_is_missing(scratch);
    }

    pub fn no_line_is_missing(&self, scratch: &Scratch) {
        let so_far = scratch.lines("log.txt");
        wait_for("more lines", || scratch.lines("log.txt") > so_far + 20);
        for (index, line) in scratch.read("log.txt").lines().enumerate() {
            assert_eq!(line, format!("line {}", index + 1));
        }
    }

    /// Checks that `svc` reaches the service.
    pub fn is_controlled(&self, scratch: &Scratch) {
        scratch.svc("-d", "scan/a");
        wait_for("it to be down", || scratch.svstat("scan/a").starts_with("scan/a: down "));
        assert!(!is_alive(self.services[0].1));
        scratch.svc("-u", "scan/a");
        wait_for("it to be up again", || scratch.lines("a.starts") == 2);
    }
}

/// Waits until our svscan works in the directory, so that a new service is started at once.
pub fn is_scanned(scratch: &Scratch) {
    scratch.service("late", "echo $$ >>../../late.starts\nexec sleep 1000");
    fs::rename(scratch.path().join("late"), scratch.path().join("scan/late")).unwrap();
    wait_for("ours at work", || {
        scratch.lines("late.starts") == 1
            && scratch.path().join("scan/late/supervise/journal").exists()
    });
}

/// The living supervise that works in service directory `name`.
pub fn supervise_of(scratch: &Scratch, name: &str) -> Option<u32> {
    let directory = scratch.path().join(name);
    let is_it = |pid: &u32| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory)
            && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|n| n == "supervise\n")
    };
    let pids = fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(is_it).find(|pid| is_alive(*pid))
}

/// The children of `parent` of this name, with their command lines.
pub fn children(parent: u32, name: &str) -> Vec<(u32, String)> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let list = list.unwrap_or_default();
    let pids = list.split_whitespace().map(|pid| pid.parse::<u32>().unwrap());
    let with_line = |pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
    };
    pids.filter_map(with_line).filter(|(_, line)| line.starts_with(&format!("{name} "))).collect()
}
