//! An attack: what it may harm, and how the harm is found.

use crate::scratch::{Said, Scratch, is_alive};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The user to whom a `supervise/` or a service directory was given.
pub const OWNER: u32 = 64_001;
/// Any other local user.
pub const OTHER: u32 = 64_002;

/// Whose commands are attacked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    Ours,
    Before,
}

/// One attack.
pub struct Attack {
    pub name: &'static str,
    /// Whether it harms 0.76; `None` if it attacks something that 0.76 does not have.
    pub harms_before: Option<bool>,
    /// Runs the attack. Returns what was harmed.
    pub play: fn(&Scratch) -> Vec<String>,
}

/// Whether our commands are attacked, and not 0.76's.
pub fn is_ours() -> bool {
    std::env::args().any(|word| word == crate::OURS)
}

/// Runs all attacks, and prints the result of each.
pub fn try_all(attacks: &[Attack], on: On) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for attack in attacks {
        if on == On::Before && attack.harms_before.is_none() {
            continue;
        }
        let begun = Instant::now();
        let harms = catch_unwind(AssertUnwindSafe(|| {
            let scratch = Scratch::new();
            fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
            (attack.play)(&scratch)
        }));
        let seconds = begun.elapsed().as_secs_f32();
        let (is_right, outcome) = match (on, harms, attack.harms_before) {
            (On::Ours, Ok(harms), _) => {
                let outcome = if harms.is_empty() { "no harm".into() } else { harms.join("; ") };
                (harms.is_empty(), outcome)
            }
            // With 0.76 a failed wait may be the harm.
            (On::Before, Err(_), _) => (true, "not as it should be".into()),
            (On::Before, Ok(harms), harms_before) => {
                let outcome = if harms.is_empty() { "no harm".into() } else { harms.join("; ") };
                (Some(!harms.is_empty()) == harms_before, outcome)
            }
            (On::Ours, Err(panic), _) => {
                let words = panic.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
                (false, words.unwrap_or("it panicked").replace('\n', " "))
            }
        };
        passed += usize::from(is_right);
        failed += usize::from(!is_right);
        let verdict = if is_right { "ok" } else { "FAILED" };
        let whose = if on == On::Ours { "ours" } else { "0.76" };
        println!("{verdict}: {whose}: {}: {outcome} ({seconds:.1} s)", attack.name);
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Gives a path to a user.
pub fn give(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
}

/// Runs a command as a user.
pub fn run_as(scratch: &Scratch, user: u32, name: &str, arguments: &[&str]) -> Said {
    let mut command = scratch.command(name);
    command.args(arguments).uid(user).gid(user);
    Said::of(&command.output().unwrap())
}

/// Things of root's that must not change: a service, a file with a lock, a FIFO with a reader.
pub struct Victim<'a> {
    scratch: &'a Scratch,
    pid: u32,
    watch: nix::sys::inotify::Inotify,
    _reader: File,
}

pub const PRECIOUS: &str = "precious";
pub const WATCHDOG: &str = "watchdog";

impl<'a> Victim<'a> {
    pub fn new(scratch: &'a Scratch) -> Self {
        scratch.service("victim", "exec sleep 1000");
        scratch.start("supervise", &["victim"]);
        scratch.write(PRECIOUS, b"precious");
        fs::set_permissions(scratch.path().join(PRECIOUS), fs::Permissions::from_mode(0o600))
            .unwrap();
        scratch.fifo(WATCHDOG);
        let watchdog = scratch.path().join(WATCHDOG);
        let reader = File::options().read(true).write(true).open(&watchdog).unwrap();
        let flags = nix::sys::inotify::InitFlags::IN_NONBLOCK;
        let watch = nix::sys::inotify::Inotify::init(flags).unwrap();
        watch.add_watch(&watchdog, nix::sys::inotify::AddWatchFlags::IN_OPEN).unwrap();
        let pid = scratch.pid("victim");
        if !is_ours() {
            // 0.76 reads no command for a second after a start.
            std::thread::park_timeout(Duration::from_millis(1100));
        }
        Self { scratch, pid, watch, _reader: reader }
    }

    /// Returns what was harmed.
    pub fn harms(&self) -> Vec<String> {
        let mut harms = Vec::new();
        let mut check = |is_well: bool, harm: &str| {
            if !is_well {
                harms.push(harm.to_owned());
            }
        };
        // A signal that was sent needs a moment.
        std::thread::park_timeout(Duration::from_millis(100));
        check(is_alive(self.pid), "another service was ended");
        let path = self.scratch.path().join(PRECIOUS);
        let facts = fs::metadata(&path).unwrap();
        check(self.scratch.read(PRECIOUS) == "precious", "a file of root's was written");
        check(
            facts.uid() == 0 && facts.mode() & 0o7777 == 0o600,
            "a file of root's has another owner or mode",
        );
        let file = File::open(&path).unwrap();
        check(file.try_lock().is_ok(), "a file of root's is locked");
        check(self.watch.read_events().is_err(), "a FIFO of somebody's was opened");
        harms
    }
}
