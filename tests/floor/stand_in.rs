//! The programs that the commands of the suite start. The host's `/bin/sh` is dynamic, and its C
//! library fails under the filter. So this static program takes its place, in several roles.

use super::probe;
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Takes on `role` for the rest of this process's life.
pub fn play(role: &str, arguments: &[String]) -> ExitCode {
    let played = match role {
        "steady" => steady(),
        "brief" => record_start(),
        "deaf" => deaf(),
        "leader" => leader(),
        "daemon" => daemon(),
        "speaker" => speaker(),
        "logger" => logger(),
        "probe" => probe(),
        "holder" => holder(),
        "limits" => limits(),
        "ids" => ids(),
        "variable" => variable(arguments),
        _ => Err(io::Error::other(format!("no role {role}"))),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stand-in: {role}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A line in the file `starts`, so that the suite can count.
fn record_start() -> io::Result<()> {
    let mut starts = File::options().create(true).append(true).open("starts")?;
    writeln!(starts, "{}", std::process::id())
}

/// Runs until a signal ends it.
fn steady() -> io::Result<()> {
    record_start()?;
    for_ever()
}

/// Runs until KILL ends it.
fn deaf() -> io::Result<()> {
    // SAFETY: SIG_IGN is no function that could be called.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    steady()
}

fn for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

/// Starts a worker, which stays in its process group and records itself, and stays too.
fn leader() -> io::Result<()> {
    let mut worker = Command::new(std::env::current_exe()?).arg("--role=steady").spawn()?;
    worker.wait().map(drop)
}

/// Leaves a process in the background that records itself and stays.
fn daemon() -> io::Result<()> {
    Command::new(std::env::current_exe()?).arg("--role=steady").spawn().map(drop)
}

/// Writes numbered lines without end.
fn speaker() -> io::Result<()> {
    record_start()?;
    let mut number = 0_u64;
    loop {
        println!("beat {number}");
        number += 1;
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Appends its input to the file `lines`.
fn logger() -> io::Result<()> {
    record_start()?;
    let mut kept = File::options().create(true).append(true).open("lines")?;
    for line in io::stdin().lock().lines() {
        writeln!(kept, "{}", line?)?;
    }
    Ok(())
}

/// Writes the results of the probe to the file `probe`, then stays.
fn probe() -> io::Result<()> {
    let mut text = probe::differences().join("\n");
    text.push_str("\nend");
    fs::write("probe.new", text)?;
    fs::rename("probe.new", "probe")?;
    for_ever()
}

/// Keeps its inherited descriptors open until its stdin ends.
fn holder() -> io::Result<()> {
    record_start()?;
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

/// The soft limits of open files and of core size.
fn limits() -> io::Result<()> {
    for resource in [libc::RLIMIT_NOFILE, libc::RLIMIT_CORE] {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: getrlimit writes one struct rlimit to the pointer.
        if unsafe { libc::getrlimit(resource, &raw mut limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
        println!("{}", limit.rlim_cur);
    }
    Ok(())
}

/// User, group, and whether this is a leader of its session.
fn ids() -> io::Result<()> {
    // SAFETY: none of these takes a pointer, and none can fail.
    let (user, group, session) = unsafe { (libc::getuid(), libc::getgid(), libc::getsid(0)) };
    println!("{user} {group} {}", session.cast_unsigned() == std::process::id());
    Ok(())
}

/// The values of these variables.
fn variable(names: &[String]) -> io::Result<()> {
    for name in names {
        println!("{}", std::env::var(name).unwrap_or_else(|_| "unset".to_owned()));
    }
    Ok(())
}
