//! A million numbered lines while multilog is sent TERM, while the supervises of the service and of
//! multilog and svscan itself are killed, and while the processor fails three times.

use crate::random::Random;
use crate::scratch::{Scratch, end_of, kill, wait_for};
use crate::writer;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

pub const LINES: u64 = 1_000_000;
/// For the whole test: three failures take fifteen seconds.
const DEADLINE: Duration = Duration::from_secs(120);

pub fn million(scratch: &Scratch) {
    // The processor fails until the file that counts its failures has three lines.
    let fails = "[ $(wc -l <../failures) -ge 3 ] || [ $(wc -c <../seen) -lt 5 ]";
    let processor = format!("echo >>../seen; {fails} || {{ echo >>../failures; exit 1; }}; cat");
    let logger = format!(
        "touch failures seen\necho $$ >>starts\nexec multilog s300000 n100000 '!{processor}' ./main"
    );
    scratch.service("scan/a", &writer::script(LINES));
    scratch.service("scan/a/log", &logger);
    let mut svscan = scratch.start("svscan", &["scan"]);
    let mut random = Random::new(1);
    let until = Instant::now() + DEADLINE;
    let mut strikes = [0; 4];
    while logged(scratch) < LINES {
        assert!(Instant::now() < until, "{} lines after {DEADLINE:?}", logged(scratch));
        let next = Instant::now() + Duration::from_micros(random.below(30_000) as u64);
        while Instant::now() < next {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let strike = random.below(4);
        match strike {
            0 | 1 => {
                let _ = scratch.run("svc", &["-t", "scan/a/log"]);
            }
            2 => {
                let name = ["scan/a", "scan/a/log"][random.below(2)];
                if let Some(pid) = supervise_of(scratch, name) {
                    kill(pid, "KILL");
                }
            }
            _ => {
                svscan.kill().unwrap();
                end_of(&mut svscan);
                svscan = scratch.start("svscan", &["scan"]);
            }
        }
        strikes[strike] += 1;
        // One after the other: if all of them and multilog were dead at the same time, no process
        // would have the pipe open.
        wait_for("both supervises and svscan", || {
            let listens = |name: &str| scratch.run("svok", &[name]).code == Some(0);
            listens("scan/a") && listens("scan/a/log") && holds_the_pipe(scratch, svscan.id())
        });
    }
    assert!(strikes.iter().all(|count| *count > 2), "strikes: {strikes:?}");
    assert!(scratch.lines("scan/a/log/starts") > 3, "multilog was hardly started again");
    assert_eq!(scratch.lines("scan/a/log/failures"), 3, "failures of the processor");
    assert_eq!(scratch.lines("scan/a/starts"), 1, "starts of the service: {}", scratch.errors());
    let mut expected = 0;
    for name in logs(scratch) {
        for line in scratch.read(&name).lines() {
            assert_eq!(line, format!("line {expected}"), "in {name}");
            expected += 1;
        }
    }
    assert_eq!(expected, LINES);
}

/// Whether svscan has the pipe that the service writes to.
fn holds_the_pipe(scratch: &Scratch, svscan: u32) -> bool {
    let inode = |pid: u32, number: &str| {
        fs::metadata(format!("/proc/{pid}/fd/{number}")).map(|facts| facts.ino()).ok()
    };
    let pipe = inode(scratch.pid("scan/a"), "1");
    let listing = fs::read_dir(format!("/proc/{svscan}/fd")).into_iter().flatten().flatten();
    let names = listing.filter_map(|entry| entry.file_name().into_string().ok());
    pipe.is_some() && names.into_iter().any(|name| inode(svscan, &name) == pipe)
}

fn supervise_of(scratch: &Scratch, name: &str) -> Option<u32> {
    let directory = scratch.path().join(name).canonicalize().ok()?;
    let mut pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory)
            && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|it| it == "supervise\n")
    })
}

/// The files of the log directory, in their order, `current` last.
pub fn logs(scratch: &Scratch) -> Vec<String> {
    let Ok(listing) = fs::read_dir(scratch.path().join("scan/a/log/main")) else {
        return Vec::new();
    };
    let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> =
        names.filter(|name| name.starts_with('@') || name == "previous").collect();
    names.sort();
    names.push("current".to_owned());
    names.iter().map(|name| format!("scan/a/log/main/{name}")).collect()
}

/// How many lines the log directory has: by its bytes, for the lines are of known lengths.
pub fn logged(scratch: &Scratch) -> u64 {
    let last = logs(scratch).last().map(|name| scratch.read(name)).unwrap_or_default();
    let number = last.lines().last().and_then(|line| line.strip_prefix("line ")?.parse().ok());
    number.map_or(0, |number: u64| number + 1)
}

/// Waits until the last line is there.
pub fn wait_for_all(scratch: &Scratch) {
    wait_for("the last line", || logged(scratch) == LINES);
}
