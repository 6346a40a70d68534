//! A million numbered lines while multilog is sent TERM in any state, its disk fills and empties,
//! and its directory is moved away: every line is there, once.

use crate::cost::end_of;
use crate::lossless::LINES;
use crate::random::Random;
use crate::scratch::{Scratch, is_alive, kill, wait_for};
use crate::writer;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(200);

pub fn million(scratch: &Scratch) {
    let path = |name: &str| scratch.path().join(name);
    scratch.directory_at("disk");
    scratch.fifo("input");
    let fifo = fs::File::options().read(true).write(true).open(path("input")).unwrap();
    // A disk of its own, in a namespace that outlives each multilog.
    let mount = "mount -t tmpfs -o size=40m none disk && touch mounted && exec sleep 1000";
    let mut holder = scratch.command("unshare");
    holder.args(["--mount", "--propagation", "private", "sh", "-c", mount]);
    let mut holder = holder.spawn().unwrap();
    wait_for("the disk", || path("mounted").exists());
    let inside = format!("/proc/{}/root{}/disk", holder.id(), scratch.path().display());
    let start = || -> Child {
        let mut command = scratch.command("nsenter");
        let main = format!("{}/disk/main", scratch.path().display());
        let pid = holder.id().to_string();
        let multilog = crate::scratch::commands().join("multilog");
        command.args(["--mount", "--target", &pid]).arg(multilog);
        command.args(["s100000", "n100000", "!sleep 0.03; cat", &main]);
        command.stdin(fifo.try_clone().unwrap()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut writer = scratch.command(std::env::current_exe().unwrap().to_str().unwrap());
    writer.args([writer::WORD, &LINES.to_string()]);
    let mut writer = writer.stdout(fifo.try_clone().unwrap()).spawn().unwrap();
    let mut random = Random::new(3);
    let until = Instant::now() + DEADLINE;
    let (mut terms, mut moves, mut child) = (0, 0, start());
    while last(&inside) + 1 < LINES {
        assert!(Instant::now() < until, "{} lines after {DEADLINE:?}", last(&inside));
        let next = Instant::now() + Duration::from_millis(random.below(100) as u64);
        while Instant::now() < next {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        match random.below(4) {
            0 if moves < 5 => {
                moves += 1;
                let _ = fs::rename(format!("{inside}/main"), format!("{inside}/moved{moves}"));
            }
            1 => {
                // Fill all free space, and free it a little later.
                let _ = fs::write(format!("{inside}/filler"), vec![0; 40 << 20]);
                std::thread::park_timeout(Duration::from_millis(300));
                if random.below(2) == 0 {
                    kill(child.id(), "TERM");
                    terms += 1;
                    assert_in_order(&mut child);
                    child = start();
                }
                let _ = fs::remove_file(format!("{inside}/filler"));
            }
            _ => {
                kill(child.id(), "TERM");
                terms += 1;
                assert_in_order(&mut child);
                child = start();
            }
        }
    }
    assert!(terms > 5 && moves > 1, "{terms} TERMs, {moves} moves");
    kill(child.id(), "TERM");
    assert_in_order(&mut child);
    let mut seen = vec![0_u8; usize::try_from(LINES).unwrap()];
    for directory in directories(&inside) {
        for entry in fs::read_dir(&directory).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with('@') && name != "current" && name != "previous" {
                continue;
            }
            for line in fs::read_to_string(entry.path()).unwrap().lines() {
                let number = line.strip_prefix("line ").and_then(|number| number.parse().ok());
                let number: usize = number.unwrap_or_else(|| panic!("{line:?} in {name}"));
                seen[number] += 1;
            }
        }
    }
    let wrong = seen.iter().position(|count| *count != 1);
    assert_eq!(wrong.map(|line| (line, seen[line])), None, "a line that is not there once");
    assert!(is_alive(writer.id()));
    for child in [&mut writer, &mut holder] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Checks how it ended. With a full disk it does not wait for room: its input stays in the pipe. If
/// it was not yet listening, TERM killed it.
fn assert_in_order(child: &mut Child) {
    let end = end_of(child);
    assert!(end.success() || end.signal() == Some(libc::SIGTERM), "{end:?}");
}

fn directories(inside: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(inside).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).collect()
}

/// The number of the last line that is logged.
fn last(inside: &str) -> u64 {
    let numbers = directories(inside).into_iter().filter_map(|directory| {
        let text = fs::read_to_string(directory.join("current")).ok()?;
        text.lines().last()?.strip_prefix("line ")?.parse().ok()
    });
    numbers.max().unwrap_or(0)
}
