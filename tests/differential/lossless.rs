//! A million numbered lines through a multilog that is sent TERM and started again, with a
//! processor that fails now and then: every line is in the logs, once, in its order.

use crate::random::Random;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LINES: u64 = 1_000_000;
/// For all of it: three failures cost fifteen seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// # Errors
/// What was lost, or doubled, or did not end.
pub fn million() -> Result<String, String> {
    let place = tempfile::tempdir().unwrap();
    let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let writer = std::thread::spawn(move || {
        let mut out = BufWriter::with_capacity(4000, File::from(write));
        for number in 0..LINES {
            writeln!(out, "line {number}").unwrap();
        }
        out.flush().unwrap();
    });
    let until = Instant::now() + DEADLINE;
    let mut random = Random::new(1);
    let mut restarts = 0;
    loop {
        let mut child = start(place.path(), &read);
        // Most of the way it may run; then it is told to end, in the middle of whatever it does.
        let pause = Instant::now() + Duration::from_micros(random.below(100_000) as u64);
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > until {
                let _ = child.kill();
                let _ = child.wait();
                return Err("it did not end".to_owned());
            }
            if Instant::now() > pause && !writer.is_finished() {
                let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            }
            std::thread::park_timeout(Duration::from_millis(1));
        };
        // A TERM that comes before it listens ends it with nothing read.
        if !ended.success() && ended.signal() != Some(nix::libc::SIGTERM) {
            return Err(format!("it ended with {ended}"));
        }
        if writer.is_finished() && waiting(&read) == 0 {
            break;
        }
        restarts += 1;
    }
    writer.join().unwrap();
    let mut names: Vec<_> = fs::read_dir(place.path().join("main"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('@'))
        .collect();
    names.sort();
    names.push("current".to_owned());
    let mut expected = 0;
    for name in &names {
        let text = fs::read_to_string(place.path().join("main").join(name)).unwrap();
        for line in text.lines() {
            if line != format!("line {expected}") {
                return Err(format!("{line} in {name} instead of line {expected}"));
            }
            expected += 1;
        }
    }
    if expected != LINES {
        return Err(format!("{expected} lines of {LINES}"));
    }
    Ok(format!("{LINES} lines in {} logs, each once, over {restarts} restarts", names.len()))
}

fn start(place: &std::path::Path, read: &OwnedFd) -> Child {
    // Three times in all it fails; then the file that counts is full.
    let fails = "[ $(wc -l <../failures) -ge 3 ] || [ $(wc -c <../seen) -lt 5 ]";
    let processor = format!("!echo >>../seen; {fails} || {{ echo >>../failures; exit 1; }}; cat");
    for name in ["failures", "seen"] {
        File::options().create(true).append(true).open(place.join(name)).unwrap();
    }
    Command::new(env!("CARGO_BIN_EXE_daemontools"))
        .args(["multilog", "s300000", "n100000", &processor, "./main"])
        .current_dir(place)
        .stdin(Stdio::from(read.try_clone().unwrap()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn waiting(read: &OwnedFd) -> usize {
    use std::os::fd::AsFd;
    let mut ready = [nix::poll::PollFd::new(read.as_fd(), nix::poll::PollFlags::POLLIN)];
    let _ = nix::poll::poll(&mut ready, nix::poll::PollTimeout::ZERO);
    // At the end of the pipe there is a hang-up and nothing to read.
    let found = ready[0].revents().unwrap_or(nix::poll::PollFlags::empty());
    usize::from(found.contains(nix::poll::PollFlags::POLLIN))
}
