//! The last lines of a log directory, for those who show a few: no more than the end of each log is
//! read, and nothing is unpacked.

use super::files::{self, Body, Opened};
use std::os::fd::BorrowedFd;

/// How much of the end of a log is read.
const END: usize = 1 << 15;

/// The end of a log.
#[derive(Default)]
struct Tail {
    /// Its last lines.
    lines: Vec<Vec<u8>>,
    /// Whether the log has no other lines.
    is_all: bool,
}

/// The last `count` lines of all logs together. They have no gap: a log that gzip made or that
/// cannot be read ends them, and so does the rest of a log of which only the end was read.
pub fn last_lines(place: BorrowedFd<'_>, count: usize) -> Vec<Vec<u8>> {
    let Ok(moment) = files::look(place) else { return Vec::new() };
    let unnamed = moment.current.into_iter().chain(moment.waiting.map(|(_, log)| log));
    // Few logs are empty: no more of them are opened than lines are wanted.
    let finished = moment.finished.iter().rev().take(count);
    let finished = finished.map(|log| Body::open(place, &log.name));
    let mut lines = Vec::new();
    for log in unnamed.chain(finished) {
        let mut tail = tail_of(log);
        tail.lines.append(&mut lines);
        lines = tail.lines;
        if !tail.is_all || lines.len() >= count {
            break;
        }
    }
    lines.split_off(lines.len().saturating_sub(count))
}

fn tail_of(log: Opened) -> Tail {
    let Ok((Body::Plain { file, .. }, facts)) = log else { return Tail::default() };
    let from = facts.size.saturating_sub(END as u64);
    let mut bytes = vec![0; END];
    let Ok(length) = files::read_at(&file, from, &mut bytes) else { return Tail::default() };
    bytes.truncate(length);
    let is_all = from == 0;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    if bytes.is_empty() {
        return Tail { lines: Vec::new(), is_all };
    }
    let mut lines: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    // The first line may be incomplete.
    if !is_all && lines.len() > 1 {
        lines.remove(0);
    }
    Tail { lines, is_all }
}
