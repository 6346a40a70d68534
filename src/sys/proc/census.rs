//! All processes, in one pass over /proc: their parents, and the memory that each uses.

use super::{TICKS, number, numbers, path_of, read_file};
use crate::sys::Errno;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::process::Pid;
use std::os::fd::AsFd;

/// One process, as `/proc/PID/stat` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The process id.
    pub pid: Pid,
    /// The parent's pid.
    pub parent: Pid,
    /// The process group.
    pub group: Pid,
    /// One letter; `Z` is a zombie.
    pub state: u8,
    /// When it started, in clock ticks since boot.
    pub start: u64,
    /// The memory that it has in RAM, in bytes, shared pages included.
    pub resident: u64,
    /// Its name, at most 15 bytes.
    pub name: Vec<u8>,
}

/// All processes that /proc shows and that `is_wanted` names, sorted by pid. One that ends during
/// the pass may be left out.
///
/// # Errors
/// Those of open(2) and getdents(2) on /proc.
pub fn census(is_wanted: impl Fn(Pid) -> bool) -> Result<Vec<Counted>, Errno> {
    let place = descriptor::open(HERE, b"/proc", Purpose::Directory)?;
    let page = page_size();
    let mut found: Vec<Counted> = Vec::new();
    for pid in numbers(b"/proc")?.into_iter().filter(|&pid| is_wanted(pid)) {
        let mut line = [0; 512];
        let path = format!("{pid}/stat");
        let Ok(file) = descriptor::open(place.as_fd(), path.as_bytes(), Purpose::Read) else {
            continue;
        };
        let length = descriptor::read(file.as_fd(), &mut line).unwrap_or(0);
        found.extend(parse(pid, line.get(..length).unwrap_or_default(), page));
    }
    found.sort_unstable_by_key(|process| process.pid);
    Ok(found)
}

/// The size of a page in bytes.
fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096)
}

fn parse(pid: Pid, line: &[u8], page: u64) -> Option<Counted> {
    let open = line.iter().position(|&byte| byte == b'(')?;
    let close = line.iter().rposition(|&byte| byte == b')')?;
    let name = line.get(open + 1..close)?.to_vec();
    let mut fields = line.get(close + 1..)?.split(|&byte| byte == b' ').filter(|f| !f.is_empty());
    // proc(5) counts from 1; the first field after the name is number 3.
    let mut field = |skip: usize| fields.nth(skip);
    let state = *field(0)?.first()?;
    let parent = Pid::try_from(number(field(0)?)?).ok()?;
    let group = Pid::try_from(number(field(0)?)?).ok()?;
    let start = number(field(16)?)?;
    let resident = number(field(1)?)?.saturating_mul(page);
    Some(Counted { pid, parent, group, state, start, resident, name })
}

/// The command line of a process, a NUL byte after each word, cut after four kilobytes; empty for a
/// process without one, or that has ended.
#[must_use]
pub fn command_line(pid: Pid) -> Vec<u8> {
    let mut path = [0; 32];
    let mut text = vec![0; 4096];
    let length = path_of(pid, b"/cmdline", &mut path).and_then(|path| read_file(path, &mut text));
    text.truncate(length.unwrap_or(0));
    text
}

/// How many seconds ago `start` was, in clock ticks since boot.
#[must_use]
pub fn seconds_since(start: u64) -> Option<u64> {
    Some(super::now_in_ticks()?.saturating_sub(start) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_past_any_name() {
        let line = b"42 (a) (b) S 7 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 1 25 3\n";
        let expected = Counted {
            pid: 42,
            parent: 7,
            group: 42,
            state: b'S',
            start: 987_654,
            resident: 25 * 4096,
            name: b"a) (b".to_vec(),
        };
        assert_eq!(parse(42, line, 4096), Some(expected));
        assert_eq!(parse(42, b"42 (a) S 7", 4096), None);
        assert_eq!(parse(42, b"", 4096), None);
    }

    #[test]
    fn we_are_counted_with_what_we_take() {
        let own = std::process::id();
        let all = census(|_| true).unwrap();
        assert!(all.is_sorted_by_key(|process| process.pid));
        let found = all.iter().find(|process| process.pid == own).unwrap();
        assert!(found.resident > page_size(), "{found:?}");
        assert!(census(|pid| pid != own).unwrap().iter().all(|process| process.pid != own));
        assert_eq!(found.parent, std::os::unix::process::parent_id());
        let words = std::env::args().map(|word| word + "\0").collect::<String>();
        assert!(words.as_bytes().starts_with(&command_line(own)), "{words}");
    }
}
