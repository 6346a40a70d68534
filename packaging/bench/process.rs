//! What `/proc` says of the contestants' processes.

use crate::Fallible;
use nix::unistd::Pid;
use std::fs;
use std::path::Path;

/// Every process that works in a directory below `place`.
pub fn all_inside(place: &Path) -> Vec<Pid> {
    pids().filter(|pid| works_in(*pid, place)).collect()
}

/// The children of `parent` that are called `name`.
pub fn children(parent: Pid, name: &str) -> Vec<Pid> {
    pids().filter(|pid| is_child(*pid, parent, name)).collect()
}

fn pids() -> impl Iterator<Item = Pid> {
    let listing = fs::read_dir("/proc").into_iter().flatten();
    listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}

fn works_in(pid: Pid, place: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory.starts_with(place))
}

fn is_child(pid: Pid, parent: Pid, name: &str) -> bool {
    // PID (NAME) STATE PARENT ...
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let Some((before, after)) = text.rsplit_once(") ") else { return false };
    before.ends_with(&format!("({name}"))
        && after.split(' ').nth(1) == Some(parent.to_string().as_str())
}

/// What a process takes of the memory, in KB.
#[derive(Clone, Copy)]
pub struct Memory {
    /// USS: what would be free again if it ended.
    pub unshared: f64,
    /// PSS: USS, and its part of what it shares.
    pub proportional: f64,
}

impl Memory {
    pub fn of(pid: Pid) -> Fallible<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let private = field(&text, "Private_Clean:")? + field(&text, "Private_Dirty:")?;
        Ok(Self { unshared: private, proportional: field(&text, "Pss:")? })
    }
}

/// How often a process has been put on a processor so far.
pub fn wakeups(pid: Pid) -> Fallible<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    // The first would be found in the second too, were it not for the line's start.
    Ok(field(&text, "voluntary_ctxt_switches:")? + field(&text, "nonvoluntary_ctxt_switches:")?)
}

fn field(text: &str, name: &str) -> Fallible<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("/proc has no {name}"))?.parse()?)
}
