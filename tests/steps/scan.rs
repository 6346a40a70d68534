//! svscan, killed at every step. One service has a logger and writes numbered lines; the other has
//! none.

use crate::case::Case;
use crate::scratch::{DEADLINE, Scratch, end_of, is_alive, kill, wait_for};
use crate::tracer::Traced;
use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

const NOTHING: fn(&Scratch, &Traced) = |_, _| {};
/// The service directories whose services run at the end.
const ALL: [&str; 3] = ["scan/a", "scan/a/log", "scan/b"];

pub fn cases() -> Vec<Case> {
    let first = Case {
        name: "svscan: its beginning",
        prepare: services,
        target: |scratch| svscan(scratch, &["scan"]),
        ready: None,
        provoke: NOTHING,
        is_over: |scratch, _| all_up(scratch),
        judge: |scratch| {
            let _successor = scratch.start("svscan", &["scan"]);
            as_it_was(scratch);
        },
    };
    let running = Case { ready: Some(all_up), ..first };
    vec![
        first,
        Case {
            name: "svscan: the death of a supervise",
            provoke: |scratch, _| kill(supervise_of(scratch, "scan/a").unwrap(), "KILL"),
            is_over: |scratch, _| scratch.is_running("scan/a"),
            ..running
        },
        Case {
            name: "svscan: a new service",
            prepare: |scratch| {
                services(scratch);
                scratch.directory_at("elsewhere");
                let elsewhere = scratch.path().join("elsewhere/b");
                fs::rename(scratch.path().join("scan/b"), elsewhere).unwrap();
            },
            ready: Some(|scratch| ALL[..2].iter().all(|name| is_up(scratch, name))),
            provoke: |scratch, _| symlink("../elsewhere/b", scratch.path().join("scan/b")).unwrap(),
            is_over: |scratch, _| all_up(scratch),
            ..running
        },
        Case {
            name: "svscan: its next image",
            prepare: |scratch| {
                services(scratch);
                install(scratch);
            },
            target: |scratch| {
                let path = scratch.path().join("installed/svscan");
                let mut command = svscan(scratch, &["scan"]);
                let mut installed = Command::new(path);
                installed.arg("scan").current_dir(scratch.path());
                installed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
                std::mem::swap(&mut command, &mut installed);
                errors_to_file(scratch, command)
            },
            provoke: |scratch, target| {
                install(scratch);
                kill(target.pid(), "HUP");
            },
            is_over: |scratch, target| {
                let listens = fs::File::options()
                    .write(true)
                    .custom_flags(nix::libc::O_NONBLOCK)
                    .open(scratch.path().join("scan/.svscan/control"));
                is_current(target.pid()) && listens.is_ok() && all_up(scratch)
            },
            ..running
        },
        Case {
            name: "svscan: its orderly stop",
            target: |scratch| svscan(scratch, &["--stop-on-term", "scan"]),
            provoke: |_, target| kill(target.pid(), "TERM"),
            is_over: |_, target| target.has_ended(),
            judge: |scratch| {
                let mut successor = scratch.start("svscan", &["--stop-on-term", "scan"]);
                all_come_up(scratch);
                // Each service that had been stopped was started again, once.
                one_copy_each(scratch, 2);
                lines_flow(scratch);
                kill(successor.id(), "TERM");
                assert_eq!(end_of(&mut successor).code(), Some(0), "svscan's exit code");
                for name in ALL {
                    let directory = scratch.path().join(name);
                    assert_eq!(workers_in(&directory), Vec::<u32>::new(), "left of {name}");
                    assert_eq!(supervise_of(scratch, name), None, "a supervise of {name}");
                }
                no_line_is_missing(scratch);
            },
            ..running
        },
    ]
}

/// Services `a`, which logs, and `b`, in the scan directory. Each line is one write, and counted by
/// the same command: the shell hears TERM between two commands.
pub fn services(scratch: &Scratch) {
    let writer = "n=$(cat ../../number 2>/dev/null || echo 0)\n\
                  echo $$ >>../../a.starts\n\
                  trap 'echo $n >../../number; exit 0' TERM\n\
                  while :; do echo $((n += 1)); sleep 0.02; done";
    scratch.service("scan/a", writer);
    // One line at a time, so that the logger's own death by TERM loses none.
    scratch.service("scan/a/log", "echo $$ >>../../../log.starts\nexec cat >>../../../log.txt");
    scratch.service("scan/b", "echo $$ >>../../b.starts\nexec sleep 1000");
}

fn svscan(scratch: &Scratch, words: &[&str]) -> Command {
    let mut command = scratch.command("svscan");
    command.args(words);
    errors_to_file(scratch, command)
}

pub fn errors_to_file(scratch: &Scratch, mut command: Command) -> Command {
    let errors = fs::File::options().create(true).append(true).open(scratch.path().join("errors"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.unwrap());
    command
}

fn install(scratch: &Scratch) {
    for name in ["svscan", "supervise"] {
        copy(scratch, name);
    }
}

/// Puts a new copy of a program into the directory, by another process: if a thread of ours wrote
/// it, a child that another thread forks meanwhile would have it open, and it could not be run.
pub fn copy(scratch: &Scratch, name: &str) {
    scratch.directory_at("installed");
    let path = scratch.path().join("installed").join(name);
    let new = path.with_extension("new");
    let from = crate::scratch::commands().join(name);
    let said = Command::new("cp").arg("-L").arg(from).arg(&new).status().unwrap();
    assert!(said.success(), "cp: {said}");
    fs::rename(&new, &path).unwrap();
}

/// Whether a process runs the file that is at its path now.
pub fn is_current(pid: u32) -> bool {
    let program = format!("/proc/{pid}/exe");
    let Ok(path) = fs::read_link(&program) else { return false };
    let inode = |path: &Path| fs::metadata(path).map(|facts| facts.ino()).ok();
    inode(Path::new(&program)) == inode(&path)
}

/// The pid in the status, read without starting a process. The final check uses svstat.
pub fn published(scratch: &Scratch, name: &str) -> Option<u32> {
    let status = fs::read(scratch.path().join(name).join("supervise/status")).ok()?;
    Some(u32::from_le_bytes(status.get(12..16)?.try_into().unwrap()))
}

pub fn is_up(scratch: &Scratch, name: &str) -> bool {
    published(scratch, name).is_some_and(|pid| pid != 0)
        && scratch.svstat(name).contains(": up (pid ")
}

pub fn all_up(scratch: &Scratch) -> bool {
    let log = ["a", "log", "b"];
    ALL.iter().all(|name| is_up(scratch, name))
        && log.iter().all(|name| scratch.lines(&format!("{name}.starts")) > 0)
}

/// Every process of this namespace.
fn pids() -> impl Iterator<Item = u32> {
    let listing = fs::read_dir("/proc").unwrap();
    listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn name_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn works_in(pid: u32, directory: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory)
}

/// The processes that work in a directory and are not our daemons: copies of a service. A child of
/// a shell that is such a copy does not count.
pub fn workers_in(directory: &Path) -> Vec<u32> {
    let Ok(directory) = directory.canonicalize() else { return Vec::new() };
    let workers: Vec<u32> = pids()
        .filter(|&pid| works_in(pid, &directory) && is_alive(pid))
        .filter(|&pid| !["supervise", "svscan"].contains(&name_of(pid).as_str()))
        .collect();
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut rest = stat.rsplit(") ").next()?.split(' ');
        rest.nth(1)?.parse::<u32>().ok()
    };
    let is_first = |pid: &&u32| parent(**pid).is_none_or(|parent| !workers.contains(&parent));
    workers.iter().filter(is_first).copied().collect()
}

pub fn supervises_of(scratch: &Scratch, name: &str) -> Vec<u32> {
    let Ok(directory) = scratch.path().join(name).canonicalize() else { return Vec::new() };
    let here = pids().filter(|&pid| works_in(pid, &directory) && is_alive(pid));
    here.filter(|&pid| name_of(pid) == "supervise").collect()
}

fn supervise_of(scratch: &Scratch, name: &str) -> Option<u32> {
    supervises_of(scratch, name).first().copied()
}

/// Waits until everything is up; says what is not.
pub fn all_come_up(scratch: &Scratch) {
    let until = std::time::Instant::now() + DEADLINE;
    while !all_up(scratch) {
        if std::time::Instant::now() >= until {
            let states = ALL.map(|name| scratch.svstat(name));
            let supervises = ALL.map(|name| supervises_of(scratch, name));
            panic!("not all is up: {states:?}, supervises {supervises:?}: {}", scratch.errors());
        }
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    }
}

/// Everything is up, as the same processes that were started first.
pub fn as_it_was(scratch: &Scratch) {
    all_come_up(scratch);
    one_copy_each(scratch, 1);
    lines_flow(scratch);
    no_line_is_missing(scratch);
}

/// One supervise and one process for each, started at most `most` times; the pipe leads from the
/// service to its logger.
pub fn one_copy_each(scratch: &Scratch, most: usize) {
    for (name, starts) in ALL.iter().zip(["a.starts", "log.starts", "b.starts"]) {
        let directory = scratch.path().join(name);
        let is_one = || {
            let (supervises, copies) = (supervises_of(scratch, name), workers_in(&directory));
            (supervises.len() == 1 && copies.len() == 1, supervises, copies)
        };
        let until = std::time::Instant::now() + DEADLINE;
        while !is_one().0 {
            let (_, supervises, copies) = is_one();
            let said = (scratch.svstat(name), scratch.errors());
            assert!(
                std::time::Instant::now() < until,
                "{name} has supervises {supervises:?} and copies {copies:?}: {said:?}"
            );
            std::thread::park_timeout(std::time::Duration::from_millis(2));
        }
        let count = scratch.lines(starts);
        assert!(count <= most, "{name} was started {count} times: {}", scratch.errors());
    }
    let pipe = |name: &str, number: u32| {
        let pid = scratch.pid(name);
        fs::metadata(format!("/proc/{pid}/fd/{number}")).map(|facts| facts.ino()).unwrap()
    };
    assert_eq!(pipe("scan/a", 1), pipe("scan/a/log", 0), "the ends of the log pipe");
}

/// Lines that the service writes from now on reach the log.
pub fn lines_flow(scratch: &Scratch) {
    let before = scratch.lines("log.txt");
    wait_for("another two lines in the log", || scratch.lines("log.txt") >= before + 2);
}

/// The log holds the numbers from 1 on, each once.
pub fn no_line_is_missing(scratch: &Scratch) {
    let log = scratch.read("log.txt");
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for (index, line) in whole.lines().enumerate() {
        assert_eq!(line, (index + 1).to_string(), "line {} of the log", index + 1);
    }
}

/// The living processes of this name.
pub fn pids_of(name: &str) -> Vec<u32> {
    pids().filter(|&pid| name_of(pid) == name && is_alive(pid)).collect()
}
