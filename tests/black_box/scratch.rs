//! The surroundings of a test: a directory of its own, the commands under test, and the end of all
//! processes that it started.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before a test gives up on it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How many bytes have to be free in memory for the directories of all tests there.
const ROOM: u64 = 500_000_000;

const COMMANDS: [&str; 17] = [
    "svscanboot",
    "svscan",
    "supervise",
    "svc",
    "svok",
    "svstat",
    "fghack",
    "pgrphack",
    "readproctitle",
    "multilog",
    "tai64n",
    "tai64nlocal",
    "setuidgid",
    "envuidgid",
    "envdir",
    "softlimit",
    "setlock",
];

/// The links to our binary, one per command; kept as long as the test run.
static LINKS: LazyLock<TempDir> = LazyLock::new(|| {
    let links = tempfile::tempdir().unwrap();
    let program = assert_cmd::cargo::cargo_bin!("daemontools");
    for name in COMMANDS {
        symlink(program, links.path().join(name)).unwrap();
    }
    links
});

/// The directory of the commands under test.
pub fn commands() -> PathBuf {
    match std::env::var_os("DAEMONTOOLS_COMMANDS") {
        Some(directory) => PathBuf::from(directory),
        None => LINKS.path().to_owned(),
    }
}

/// Whether this case may run, which is about a difference from 0.76. If the commands under test are
/// not ours, prints that the case is skipped.
pub fn only_ours(difference: &str) -> bool {
    let ours = std::env::var_os("DAEMONTOOLS_COMMANDS").is_none();
    if !ours {
        println!("ours alone: {difference}");
    }
    ours
}

/// The directory of a test. All processes of the test are recognised by it.
pub struct Scratch {
    directory: TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// A directory in memory, where there is room: for tests that rotate logs and do not test the
    /// disk. multilog waits for the disk several times at each rotation.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let has_room = nix::sys::statvfs::statvfs(memory)
            .is_ok_and(|facts| facts.blocks_available() * facts.fragment_size() > ROOM);
        let directory = has_room.then(|| tempfile::tempdir_in(memory).ok()).flatten();
        Self { directory: directory.unwrap_or_else(|| tempfile::tempdir().unwrap()) }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The command `name`, to run in the directory, with the commands under test on its PATH.
    pub fn command(&self, name: &str) -> Command {
        let own = commands().join(name);
        // Other commands are looked up as usual.
        let mut command = Command::new(if own.exists() { own.as_path() } else { Path::new(name) });
        let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", commands().display());
        command.current_dir(self.path()).env("PATH", path).env("SCRATCH", self.path());
        command.stdin(Stdio::null());
        command
    }

    /// Our command `name` as another user: user 65534 where we are root, else us. It is a copy in
    /// this directory, since that user may not enter the one that it was built in.
    pub fn command_of_a_user(&self, name: &str) -> Command {
        if !nix::unistd::geteuid().is_root() {
            return self.command(name);
        }
        let place = self.path().join("commands");
        if !place.exists() {
            fs::create_dir(&place).unwrap();
            let program = assert_cmd::cargo::cargo_bin!("daemontools");
            copy_program(program, place.join("daemontools"));
            for name in COMMANDS {
                symlink("daemontools", place.join(name)).unwrap();
            }
        }
        let mut command = self.command("setuidgid");
        command.arg(":65534:65534").arg(place.join(name));
        let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", place.display());
        command.env("PATH", path);
        command
    }

    /// Runs `name` with `arguments` to its end.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Said {
        Said::of(&self.command(name).args(arguments).output().unwrap())
    }

    /// Runs a shell script in a mount namespace of its own, in which the file or directory `ours`
    /// of this directory is mounted at `there`. Returns its output; `None` if no such namespace can
    /// be made.
    pub fn with_mounted(&self, ours: &str, there: &str, script: &str) -> Option<String> {
        let script = format!("mount --bind {ours} {there} && echo mounted && {script}");
        let mut command = self.command("unshare");
        let options = if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" };
        let said = Said::of(&command.args([options, "sh", "-c", &script]).output().unwrap());
        let out = said.out.strip_prefix("mounted\n").map(str::to_owned);
        if out.is_none() {
            println!("left out, no mount namespace: {}", said.err);
        }
        out
    }

    /// Starts `name` with `arguments`; its stderr goes to the file `errors`.
    pub fn start(&self, name: &str, arguments: &[&str]) -> Child {
        let errors = fs::File::options().create(true).append(true).open(self.path().join("errors"));
        self.command(name)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(errors.unwrap())
            .spawn()
            .unwrap()
    }

    /// Makes service `name` with this run script (a `#!/bin/sh` line is put before it).
    pub fn service(&self, name: &str, run: &str) {
        self.directory_at(name);
        self.script(&format!("{name}/run"), run);
    }

    pub fn script(&self, name: &str, text: &str) {
        // Written beside and renamed, so that no process sees it half-written or busy.
        let path = self.path().join(name);
        let new = path.with_extension("new");
        fs::write(&new, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &path).unwrap();
    }

    pub fn directory_at(&self, name: &str) {
        fs::create_dir_all(self.path().join(name)).unwrap();
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    pub fn fifo(&self, name: &str) {
        nix::unistd::mkfifo(
            &self.path().join(name),
            nix::sys::stat::Mode::from_bits_truncate(0o600),
        )
        .unwrap();
    }

    /// The text of a file; empty if there is none.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path().join(name)).unwrap_or_default()).into_owned()
    }

    pub fn lines(&self, name: &str) -> usize {
        self.read(name).lines().count()
    }

    /// The messages of the daemons so far.
    pub fn errors(&self) -> String {
        self.read("errors")
    }

    pub fn svstat(&self, name: &str) -> String {
        self.run("svstat", &[name]).out
    }

    pub fn svc(&self, letters: &str, name: &str) {
        let said = self.run("svc", &[letters, name]);
        assert_eq!(said, Said::exit(0), "svc {letters} {name}");
    }

    pub fn is_running(&self, name: &str) -> bool {
        self.run("svok", &[name]).code == Some(0)
    }

    /// The service's pid as svstat shows it, once it is up.
    pub fn pid(&self, name: &str) -> u32 {
        let mut pid = None;
        wait_for(&format!("{name} to be up"), || {
            let line = self.svstat(name);
            let rest = line.split_once("up (pid ").map(|(_, rest)| rest.to_owned());
            pid = rest.and_then(|rest| rest.split_once(')').and_then(|(pid, _)| pid.parse().ok()));
            pid.is_some()
        });
        pid.unwrap()
    }

    /// Pauses service `name` until its logger has written all that it has to `log.txt`: a `cat`
    /// that is killed between its read and its write loses what it read.
    pub fn pause_until_written(&self, name: &str) {
        self.svc("-p", name);
        let mut written = usize::MAX;
        let mut since = Instant::now();
        wait_for("the logger to have written all", || {
            let lines = self.lines("log.txt");
            if lines != written {
                (written, since) = (lines, Instant::now());
            }
            since.elapsed() > Duration::from_millis(100)
        });
    }

    /// Restarts the logger of service `name`, which writes to `log.txt`.
    pub fn restart_logger(&self, name: &str) {
        let log = format!("{name}/log");
        let logger = self.pid(&log);
        self.pause_until_written(name);
        kill(logger, "TERM");
        wait_for("another logger", || self.pid(&log) != logger);
        self.svc("-c", name);
    }

    /// Every process of this test: started with its mark in the environment, or working in its
    /// directory (svscanboot clears the environment).
    fn processes(&self) -> Vec<i32> {
        let mark = [b"SCRATCH=", self.path().as_os_str().as_bytes(), b"\0"].concat();
        let own = std::process::id().cast_signed();
        let listing = fs::read_dir("/proc").unwrap();
        let pids = listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|&pid| pid != own)
            .filter(|pid| {
                let marked = fs::read(format!("/proc/{pid}/environ"))
                    .is_ok_and(|text| text.windows(mark.len()).any(|window| window == mark));
                let inside = fs::read_link(format!("/proc/{pid}/cwd"))
                    .is_ok_and(|cwd| cwd.starts_with(self.path()));
                marked || inside
            })
            .collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = self.processes();
            if left.is_empty() || Instant::now() > until {
                break;
            }
            for pid in left {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(pid),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
            std::thread::yield_now();
        }
    }
}

/// What a command printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// No output, and this exit code.
    pub fn exit(code: i32) -> Self {
        Self { code: Some(code), out: String::new(), err: String::new() }
    }

    /// One line on stderr, and this exit code.
    pub fn complaint(code: i32, line: &str) -> Self {
        Self { code: Some(code), out: String::new(), err: format!("{line}\n") }
    }

    /// This text on stdout, and exit 0.
    pub fn text(text: &str) -> Self {
        Self { code: Some(0), out: text.to_owned(), err: String::new() }
    }
}

/// Waits until `holds`, and fails the test at the deadline.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Watches that `holds` stays true for `length`: for what must not happen.
pub fn stays(what: &str, length: Duration, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + length;
    while Instant::now() < until {
        assert!(holds(), "{what} did not last");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether a process runs. A zombie that is not reaped yet does not.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

/// Waits for a child. Returns how it ended.
pub fn end_of(child: &mut Child) -> ExitStatus {
    let mut end = None;
    wait_for("the end of a process", || {
        end = child.try_wait().unwrap();
        end.is_some()
    });
    end.unwrap()
}

/// Sends a signal by its name.
pub fn kill(pid: u32, name: &str) {
    let signal: nix::sys::signal::Signal = format!("SIG{name}").parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

/// Sets how many files a running process may have open.
pub fn limit_files(pid: u32, most: u32) {
    let words = ["--pid", &pid.to_string(), &format!("--nofile={most}:")];
    assert!(Command::new("prlimit").args(words).status().unwrap().success());
}

/// Copies a program by another process: if we had it open to write while a thread of another test
/// forks, it could not be executed ("text busy").
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let done = Command::new("cp").arg(from.as_ref()).arg(to.as_ref()).status();
    assert!(done.unwrap().success());
}
