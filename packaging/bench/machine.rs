//! The head of the table: what it was measured on.

use crate::Fallible;
use crate::contestant::Contestant;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const FILES: u16 = 200;

pub fn describe(contestants: &[Contestant], root: &Path) -> Fallible<()> {
    let model = value("/proc/cpuinfo", "model name").unwrap_or_else(|| "processor unknown".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = value("/proc/meminfo", "MemTotal").unwrap_or_default();
    let system = value("/etc/os-release", "PRETTY_NAME").unwrap_or_default();
    let kernel = said("uname", &["-sr"]);
    let kind = said("df", &["--output=fstype", &root.to_string_lossy()]);
    let kind = kind.lines().last().unwrap_or_default();
    println!("machine: {model}, {cores} cores, {memory} of memory");
    println!("system: {kernel}, {}", system.trim_matches('"'));
    println!("files: {kind}; a new file takes {:.0} us", microseconds_per_file(root)?);
    let versions: Vec<String> = contestants
        .iter()
        .map(|contestant| format!("{} = {}", contestant.kind.name(), contestant.version))
        .collect();
    println!("contestants: {}", versions.join(", "));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    println!("load: {load}");
    if load.parse().is_ok_and(|load: f64| load > 0.5) {
        println!("warning: the machine is not quiet; the figures will be worse than they need be");
    }
    Ok(())
}

/// What the file system takes to make a file: all contestants make some for each service.
fn microseconds_per_file(root: &Path) -> Fallible<f64> {
    let place = root.join("files");
    fs::create_dir(&place)?;
    let began = Instant::now();
    for number in 0..FILES {
        fs::File::create_new(place.join(number.to_string()))?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(FILES))
}

/// The value of the first line `NAME: VALUE` or `NAME=VALUE`.
fn value(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':', '=']).to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
