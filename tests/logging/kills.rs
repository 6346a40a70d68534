//! A million numbered lines while multilog itself is killed with -9, between any two of its system
//! calls and in the middle of them: every line is there, and each kill doubles at most the lines of
//! one look.

use crate::lossless::{LINES, logged, logs, wait_for_all};
use crate::random::Random;
use crate::scratch::Scratch;
use crate::writer;
use std::time::{Duration, Instant};

/// The most bytes of one look (multilog(8)).
const LOOK: usize = 262_144;
const KILLS: usize = 40;

pub fn million(scratch: &Scratch) {
    scratch.service("scan/a", &writer::script(LINES));
    // The pause makes the million lines last until all kills are done.
    let processor = "sleep 0.05; cat";
    let logger = format!("exec multilog s300000 n100000 '!{processor}' ./main");
    scratch.service("scan/a/log", &logger);
    let _svscan = scratch.start("svscan", &["scan"]);
    let mut random = Random::new(7);
    let (mut killed, mut under_way) = (0, 0);
    let mut pause = 1_000_000;
    while killed < KILLS {
        let next = Instant::now() + Duration::from_micros(random.below(pause) as u64);
        while Instant::now() < next {
            std::thread::park_timeout(Duration::from_micros(200));
        }
        // The pauses get shorter, so that most lines are in the pipe at a kill.
        pause = 60_000;
        under_way += usize::from(logged(scratch) < LINES);
        // The pid that svstat shows may be reaped already, while its end is not published yet.
        let pid = nix::unistd::Pid::from_raw(scratch.pid("scan/a/log").cast_signed());
        let is_killed = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        killed += usize::from(is_killed.is_ok());
    }
    assert!(under_way > KILLS / 4, "only {under_way} kills while there was something to lose");
    wait_for_all(scratch);
    let text: String = logs(scratch).iter().map(|name| scratch.read(name)).collect();
    let mut seen = vec![0_u8; usize::try_from(LINES).unwrap()];
    let mut doubled = 0;
    for line in text.lines() {
        // A log that ends inside a line, followed by the whole line.
        let line = line.rfind("line ").map_or(line, |start| &line[start..]);
        let number = line.strip_prefix("line ").and_then(|number| number.parse::<usize>().ok());
        let Some(count) = number.and_then(|number| seen.get_mut(number)) else { continue };
        doubled += if *count > 0 { line.len() + 1 } else { 0 };
        *count = count.saturating_add(1);
    }
    let missing = seen.iter().filter(|count| **count == 0).count();
    let first = seen.iter().position(|count| *count == 0);
    assert_eq!(missing, 0, "lines that are nowhere, the first of them {first:?}");
    assert!(doubled <= KILLS * LOOK, "{doubled} bytes twice for {KILLS} kills");
}
