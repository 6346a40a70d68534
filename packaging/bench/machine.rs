//! The head of the table: what it was measured on.

use crate::Fallible;
use crate::contestant::Contestant;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const FILES: u16 = 200;
/// How many microseconds a new file may take: a fresh ext4 takes some 15.
const QUICK: f64 = 50.0;
/// How busy others may keep the processors, in percent.
const QUIET: f64 = 5.0;

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
    let each = microseconds_per_file(root)?;
    println!("files: {kind}; a new file takes {each:.0} us");
    if each > QUICK {
        println!("warning: that is slow, and hides the contestants; TMPDIR may name another place");
    }
    let versions: Vec<String> = contestants
        .iter()
        .map(|contestant| format!("{} = {}", contestant.kind.name(), contestant.version))
        .collect();
    println!("contestants: {}", versions.join(", "));
    Ok(())
}

/// How the processors have spent their time so far.
pub struct Processors {
    all: f64,
    idle: f64,
}

impl Processors {
    pub fn now() -> Fallible<Self> {
        // cpu USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...
        let text = fs::read_to_string("/proc/stat")?;
        let times = text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
        let times = times.map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        Ok(Self { all: times.iter().sum(), idle: times.iter().skip(3).take(2).sum() })
    }

    /// Says how busy they were since `before`, a time in which the contestants did nothing.
    pub fn tell_since(&self, before: &Self) {
        let busy = 100.0 * (1.0 - (self.idle - before.idle) / (self.all - before.all));
        println!("others kept the processors {busy:.0} % busy while all services stood idle");
        if busy > QUIET {
            println!("warning: the machine is not quiet: trust the ratios, not the times");
        }
    }
}

/// What the file system takes to make a file: all contestants make some for each service.
/// How long a new file takes below `root`, on average.
fn microseconds_per_file(root: &Path) -> Fallible<f64> {
    let place = tempfile::Builder::new().prefix("files-").tempdir_in(root)?.keep();
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
