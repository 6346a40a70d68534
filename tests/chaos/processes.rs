//! /proc, as the judge reads it.

use std::fs;
use std::path::PathBuf;

/// A process at one moment.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub name: String,
    pub state: char,
    pub parent: i32,
    /// In clock ticks since boot: with the pid, its identity.
    pub start: u64,
}

/// One process, unless it is gone.
pub fn read(pid: i32) -> Option<Process> {
    let line = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let line = String::from_utf8_lossy(&line);
    // The name may hold anything, brackets and spaces too.
    let (open, close) = (line.find('(')?, line.rfind(')')?);
    let fields: Vec<&str> = line[close + 1..].split_whitespace().collect();
    Some(Process {
        pid,
        name: line[open + 1..close].to_owned(),
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// Every process there is.
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| read(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .filter(|process| process.state != 'X')
        .collect()
}

/// The arguments of a process; none if it is gone, a zombie or hidden from us.
pub fn arguments(pid: i32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    line.split_terminator('\0').map(str::to_owned).collect()
}

/// The directory that a process works in.
pub fn working_directory(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The open files of a process, one for each descriptor. Pipes have no numbers here: for a count,
/// all pipes are alike.
pub fn descriptors(pid: i32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    let mut found: Vec<String> = targets
        .map(|target| target.to_string_lossy().into_owned())
        .map(|target| match target.split_once(":[") {
            Some((kind, number)) if number.starts_with(|it: char| it.is_ascii_digit()) => {
                kind.to_owned()
            }
            _ => target,
        })
        .collect();
    found.sort();
    found
}

/// Now, on the clock of [`Process::start`], in its ticks: hundredths of a second.
pub fn now() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).unwrap();
    u64::try_from(now.tv_sec() * 100 + now.tv_nsec() / 10_000_000).unwrap()
}
