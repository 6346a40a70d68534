//! The service and its logger: this program in two other modes. Both write their own records, so
//! that the judge does not depend on any supervisor: each start with pid and start time, each
//! second copy, each complaint.

use crate::processes;
use signal_hook::consts::{SIGHUP, SIGTERM};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub const WRITER: &str = "--writer";
pub const MORTAL: &str = "--mortal";
pub const LOGGER: &str = "--logger";

/// Between two lines.
const PACE: Duration = Duration::from_millis(5);
/// Time between two lines of a second copy: long enough that its lines do not fill the log.
const PACE_OF_A_COPY: Duration = Duration::from_millis(50);

fn append(records: &Path, name: &str, line: &str) {
    let file = File::options().create(true).append(true).open(records.join(name));
    file.unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Notes the start of this process, and whether it is the only copy: the lock, held as long as the
/// process lives, shows this.
fn enter(records: &Path, kind: &str) -> (bool, File) {
    let pid = i32::try_from(std::process::id()).unwrap();
    let start = processes::read(pid).unwrap().start;
    let lock = File::create(records.join(format!("{kind}-lock"))).unwrap();
    let is_alone = lock.try_lock().is_ok();
    let line = format!("{pid} {start}");
    append(records, &format!("{kind}-starts"), &line);
    if !is_alone {
        append(records, &format!("{kind}-copies"), &line);
    }
    (is_alone, lock)
}

/// The service: numbered lines, one every few milliseconds, from where the last one ended. TERM
/// ends it between two lines; at HUP it prints its name on stderr.
pub fn write(records: &Path) -> ExitCode {
    let (term, hangup) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    signal_hook::flag::register(SIGTERM, Arc::clone(&term)).unwrap();
    signal_hook::flag::register(SIGHUP, Arc::clone(&hangup)).unwrap();
    let (is_alone, _lock) = enter(records, "service");
    let counter = records.join("counter");
    let before = fs::read_to_string(&counter).unwrap_or_default();
    let mut number: u64 = before.trim().parse().unwrap_or(0);
    while !term.load(Ordering::SeqCst) {
        if hangup.swap(false, Ordering::SeqCst) {
            let name = records.file_name().unwrap().to_string_lossy();
            if let Err(error) = io::stderr().write_all(
                format!(
                    "{name} heard
"
                )
                .as_bytes(),
            ) {
                append(records, "complaints", &format!("writing a message: {error}"));
            }
        }
        number += 1;
        // One line, one write: it goes into the pipe whole or not at all.
        if let Err(error) = io::stdout().write_all(format!("{number}\n").as_bytes()) {
            append(records, "broken-pipes", &format!("{} {error}", processes::now()));
            return ExitCode::FAILURE;
        }
        std::thread::sleep(if is_alone { PACE } else { PACE_OF_A_COPY });
    }
    if is_alone {
        fs::write(counter, format!("{number}\n")).unwrap();
    }
    ExitCode::SUCCESS
}

/// A service that may be killed at any moment: it writes down each number before its line, so that
/// each kill costs at most one line, and goes on after the last number. It notes a broken pipe, and
/// ends.
pub fn write_mortally(records: &Path) -> ExitCode {
    use std::os::unix::fs::FileExt;
    let (term, hangup) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    signal_hook::flag::register(SIGTERM, Arc::clone(&term)).unwrap();
    signal_hook::flag::register(SIGHUP, Arc::clone(&hangup)).unwrap();
    std::env::set_current_dir(records).unwrap();
    let (_, _lock) = enter(records, "service");
    let mut counter = File::options();
    counter.create(true).truncate(false).read(true).write(true);
    let counter = counter.open(records.join("counter")).unwrap();
    let mut text = [0; 20];
    let length = counter.read_at(&mut text, 0).unwrap();
    let before = String::from_utf8_lossy(&text[..length]);
    let mut number: u64 = before.trim().parse().unwrap_or(0);
    while !term.load(Ordering::SeqCst) {
        number += 1;
        counter.write_all_at(format!("{number:020}").as_bytes(), 0).unwrap();
        if let Err(error) = io::stdout().write_all(format!("{number}\n").as_bytes()) {
            append(records, "broken-pipes", &format!("{} {error}", processes::now()));
            return ExitCode::FAILURE;
        }
        std::thread::sleep(PACE);
    }
    ExitCode::SUCCESS
}

/// The logger: appends what it reads until the end of the file.
pub fn log(records: &Path) -> ExitCode {
    let (_, _lock) = enter(records, "logger");
    let log = File::options().create(true).append(true).open(records.join("log.txt"));
    let mut log = log.unwrap();
    let mut block = [0; 65536];
    loop {
        match io::stdin().read(&mut block) {
            Ok(0) => {
                append(records, "logger-ends", &processes::now().to_string());
                return ExitCode::SUCCESS;
            }
            Ok(length) => log.write_all(&block[..length]).unwrap(),
            Err(error) => {
                append(records, "complaints", &format!("reading: {error}"));
                return ExitCode::FAILURE;
            }
        }
    }
}
