//! The basis of the suite: checks of the filter itself, and services that a filtered supervise can
//! run.

use super::probe;
use super::scratch::{Said, Scratch, commands, end_of, wait_for};
use super::tally::Tally;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub fn promises(tally: &mut Tally) {
    tally.promise(&[], "this kernel answers as CentOS 6 does", |_| {
        assert_eq!(probe::differences(), Vec::<String>::new());
    });
    tally.promise(&[], "a child of a filtered program is filtered too", |scratch| {
        let said = Said::of(&stand_in(scratch, "--probe").output().unwrap());
        assert_eq!(said, Said::exit(0));
    });
    tally.promise(&["supervise"], "a service of a filtered supervise is filtered too", |scratch| {
        service(scratch, "s", "probe");
        let supervise = Daemon::start(scratch, "supervise", &["s"]);
        wait_for("the probe's word", || !scratch.read("s/probe").is_empty());
        assert_eq!(scratch.read("s/probe").trim(), "end");
        assert!(probe::is_filtered(supervise.pid()), "supervise is not filtered");
        assert!(probe::is_filtered(scratch.pid("s")), "its service is not filtered");
    });
}

/// A copy of this program with a short path: the first line of a run script may have 127 bytes. A
/// link would not do: other users may not enter the build directory.
fn program(scratch: &Scratch) -> PathBuf {
    let program = scratch.path().join("stand-in");
    if !program.exists() {
        let own = std::env::current_exe().unwrap();
        fs::hard_link(&own, &program).or_else(|_| fs::copy(&own, &program).map(drop)).unwrap();
    }
    program
}

/// This program with one argument, its role.
pub fn stand_in(scratch: &Scratch, argument: &str) -> Command {
    let mut command = Command::new(program(scratch));
    command.arg(argument).current_dir(scratch.path()).env("SCRATCH", scratch.path());
    command.stdin(Stdio::null());
    command
}

/// The words that make a command run this program under `role`.
pub fn child(scratch: &Scratch, role: &str) -> [String; 2] {
    [program(scratch).display().to_string(), format!("--role={role}")]
}

/// Makes service `name`, whose run script is this program under `role`.
pub fn service(scratch: &Scratch, name: &str, role: &str) {
    let program = program(scratch);
    scratch.directory_at(name);
    // Written beside and renamed, so that no process sees it half-written or busy.
    let path = scratch.path().join(name).join("run");
    let new = path.with_extension("new");
    fs::write(&new, format!("#!{} --role={role}\n", program.display())).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, &path).unwrap();
}

/// A daemon that a check starts. It is killed and reaped at the end of the check.
pub struct Daemon(Child);

impl Daemon {
    pub fn start(scratch: &Scratch, name: &str, arguments: &[&str]) -> Self {
        Self(scratch.start(name, arguments))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end. Returns its exit code; `None` if a signal ended it.
    pub fn end(&mut self) -> Option<i32> {
        end_of(&mut self.0).code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Harmless after its end: std remembers that it was reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A copy of the program under the name of a command, to be replaced later.
pub fn install(scratch: &Scratch, name: &str) -> String {
    scratch.directory_at("installed");
    let path = scratch.path().join("installed").join(name);
    let new = path.with_extension("new");
    fs::copy(commands().join(name), &new).unwrap();
    fs::rename(&new, &path).unwrap();
    path.display().to_string()
}

/// Whether process `pid` runs the program that is on disk now.
pub fn is_current(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    !program.display().to_string().ends_with(" (deleted)")
}

/// Starts a supervise on a new service `s` under `role`, and waits until that is up.
pub fn supervised(scratch: &Scratch, role: &str) -> (Daemon, u32) {
    service(scratch, "s", role);
    let supervise = Daemon::start(scratch, "supervise", &["s"]);
    let pid = scratch.pid("s");
    (supervise, pid)
}

/// The letter of a process's state, `-` for none.
fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
    after_name.and_then(|rest| rest.chars().next()).unwrap_or('-')
}

pub fn is_gone(pid: u32) -> bool {
    matches!(state(pid), '-' | 'Z' | 'X')
}

pub fn is_stopped(pid: u32) -> bool {
    // A tracer sees the small letter.
    matches!(state(pid), 'T' | 't')
}

/// Waits until the service `name` is up with another process than `before`.
pub fn wait_for_another(scratch: &Scratch, name: &str, before: u32) -> u32 {
    let mut now = before;
    wait_for(&format!("{name} to run as another process than {before}"), || {
        now = scratch.pid(name);
        now != before
    });
    now
}

pub fn wait_for_line(scratch: &Scratch, name: &str, part: &str) {
    wait_for(&format!("{part:?} in what svstat says of {name}"), || {
        scratch.svstat(name).contains(part)
    });
}
