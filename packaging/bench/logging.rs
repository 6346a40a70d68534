//! The logging commands: the lines of a web server through a filter, weighed by the processor
//! time, user and system, that the filter and all it started took.
//!
//! The lines come down a pipe, as those of a service do, and are made before the first is sent. The
//! output of a filter goes to /dev/null, so that no reader's time is counted.

use crate::Fallible;
use crate::contestant::Contestant;
use crate::measure::{Times, turn};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use std::io::Write;
use std::process::{Command, Stdio};

/// How much is sent through each filter.
pub const SIZE: usize = 256 << 20;
const ROUNDS: usize = 5;

/// What stands before each line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// A TAI64N label and a space, a hundred lines to the second.
    Label,
}

/// `size` bytes of the log of a web server: lines of some 95 bytes. The last is whole.
pub fn lines(size: usize, before: Before) -> Vec<u8> {
    const PAGES: [&str; 8] = [
        "/",
        "/index.html",
        "/images/header.png",
        "/style/main.css?v=31",
        "/search?q=daemontools",
        "/news/2026/11/services-that-do-not-stay-down",
        "/api/v2/items/48213",
        "/favicon.ico",
    ];
    // Any constant will do: the same lines each time, and no two alike.
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut draw = |count: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % count
    };
    let mut text = Vec::with_capacity(size + 256);
    let mut number: u64 = 0;
    while text.len() < size {
        let start = text.len();
        if before == Before::Label {
            let (seconds, hundredths) = (number / 100, number % 100);
            let nanoseconds = hundredths * 10_000_000 + draw(10_000) * 1000 + 500;
            let seconds = 0x4000_0000_6b00_0000 + seconds;
            let _ = write!(text, "@{seconds:016x}{nanoseconds:08x} ");
        }
        let page = PAGES[usize::try_from(draw(8)).unwrap_or(0)];
        let _ = writeln!(
            text,
            "192.0.2.{} - - [23/Nov/2026:{:02}:{:02}:{:02} +0000] \"GET {page} HTTP/1.1\" 200 {} \"-\" \"-\"",
            draw(254) + 1,
            number / 360_000 % 24,
            number / 6000 % 60,
            number / 100 % 60,
            draw(90_000) + 100,
        );
        if text.len() > size {
            text.truncate(start);
            break;
        }
        number += 1;
    }
    text
}

/// Sends `input` through what `filter` makes for each contestant that has such a filter, by
/// turns: the processor time of each, in milliseconds.
pub fn through(
    contestants: &[Contestant],
    input: &[u8],
    filter: impl Fn(&Contestant) -> Option<Command>,
) -> Fallible<Times> {
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..ROUNDS {
        for place in turn(contestants.len(), round) {
            if let Some(command) = filter(&contestants[place]) {
                times[place].push(processor_time(command, input)?);
            }
        }
    }
    Ok(times)
}

/// The processor time of `command`, and of all it waited for, when it is fed `input`.
fn processor_time(mut command: Command, input: &[u8]) -> Fallible<f64> {
    let before = children_took()?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut pipe = child.stdin.take().ok_or("no pipe to the filter")?;
    let sent = pipe.write_all(input);
    drop(pipe);
    let status = child.wait()?;
    sent?;
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(children_took()? - before)
}

/// What all the children that were waited for have taken so far.
fn children_took() -> Fallible<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let milliseconds = |time: TimeVal| time.num_microseconds() as f64 / 1e3;
    Ok(milliseconds(usage.user_time()) + milliseconds(usage.system_time()))
}
