//! Which boot and which pid namespace this is, and the time in the kernel's ticks.

use super::{Process, TICKS, number, read_file};
use crate::sys::descriptor::HERE;
use crate::sys::{clock, file};

/// One run of the machine, or of the container that we are in. Pids and start times have no meaning
/// in another run, so every record of a process contains its boot.
///
/// A restarted container has the boot id of its machine, and often the same number of pid
/// namespace. What differs is the start time of its process 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's name for it (`/proc/sys/kernel/random/boot_id`); zeroes if it cannot be read.
    pub id: [u8; 16],
    /// Our pid namespace (the inode of `/proc/self/ns/pid`); 0 if the kernel does not show it.
    pub pids: u64,
    /// When process 1 started, in clock ticks since boot; `None` if we may not look.
    pub init: Option<u64>,
}

/// How two boots compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They are the same.
    Same,
    /// They are different.
    Another,
    /// At least one of them has no id: not known.
    Unknown,
}

impl Boot {
    /// How many bytes a record of it has.
    pub const SIZE: usize = 32;

    /// The boot that we run in.
    #[must_use]
    pub fn now() -> Self {
        let init = Process::read(1).ok().map(|process| process.start);
        Self { id: boot(), pids: pid_namespace(), init }
    }

    /// Compares this recorded boot with `now`. A field that only one of them has does not count.
    #[must_use]
    pub fn compare(self, now: Self) -> Likeness {
        if self.id == [0; 16] || now.id == [0; 16] {
            return Likeness::Unknown;
        }
        let pids_differ = self.pids != now.pids && self.pids != 0 && now.pids != 0;
        let inits_differ = self.init.zip(now.init).is_some_and(|(recorded, now)| recorded != now);
        if self.id != now.id || pids_differ || inits_differ {
            Likeness::Another
        } else {
            Likeness::Same
        }
    }

    /// For a record.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        // Process 1 of the machine itself may have started at tick 0.
        let init = self.init.map_or(0, |start| start.saturating_add(1));
        let fields = self.id.into_iter().chain(self.pids.to_le_bytes()).chain(init.to_le_bytes());
        for (byte, field) in bytes.iter_mut().zip(fields) {
            *byte = field;
        }
        bytes
    }

    /// From a record.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = bytes;
        let [.., a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        let init = u64::from_le_bytes([i, j, k, l, m, n, o, p]);
        Self { id, pids: u64::from_le_bytes([a, b, c, d, e, f, g, h]), init: init.checked_sub(1) }
    }
}

/// This boot, as the kernel names it (`/proc/sys/kernel/random/boot_id`), 16 bytes; zeroes if it
/// cannot be read.
#[must_use]
pub fn boot() -> [u8; 16] {
    let mut text = [0; 64];
    let mut id = [0; 16];
    let Ok(length) = read_file(b"/proc/sys/kernel/random/boot_id", &mut text) else { return id };
    let text = text.get(..length).unwrap_or_default();
    let mut digits = text.iter().filter_map(|&byte| char::from(byte).to_digit(16));
    for byte in &mut id {
        let (Some(high), Some(low)) = (digits.next(), digits.next()) else { return [0; 16] };
        *byte = u8::try_from(high * 16 + low).unwrap_or(0);
    }
    id
}

/// When this boot began by the present wall clock (`btime` in /proc/stat), in seconds since 1970.
/// Setting the clock changes it.
#[must_use]
pub fn boot_time() -> Option<u64> {
    // The line comes after those of the processors, which may be many: read the whole file.
    let text = std::fs::read("/proc/stat").ok()?;
    let line = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"btime "))?;
    number(line)
}

/// Our pid namespace (the inode of `/proc/self/ns/pid`); 0 on kernels that do not show it.
#[must_use]
pub fn pid_namespace() -> u64 {
    file::facts(HERE, b"/proc/self/ns/pid").map_or(0, |facts| facts.inode)
}

/// The present time in clock ticks since boot, the unit of start times.
#[must_use]
pub fn now_in_ticks() -> Option<u64> {
    match clock::since_boot() {
        Some(passed) => Some(passed.as_secs() * TICKS + u64::from(passed.subsec_millis()) / 10),
        None => uptime(),
    }
}

/// The same by `/proc/uptime`, for kernels without that clock (before Linux 2.6.39).
fn uptime() -> Option<u64> {
    let mut text = [0; 64];
    let length = read_file(b"/proc/uptime", &mut text).ok()?;
    let first = text.get(..length)?.split(|&byte| byte == b' ').next()?;
    let mut parts = first.split(|&byte| byte == b'.');
    // The file has two decimals: hundredths of a second, the same as ticks.
    Some(number(parts.next()?)? * TICKS + number(parts.next()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Boot = Boot { id: [7; 16], pids: 5, init: Some(0) };

    #[test]
    fn what_is_recorded_is_read() {
        for boot in [HERE, Boot { init: None, ..HERE }, Boot { init: Some(1 << 40), ..HERE }] {
            assert_eq!(Boot::from_bytes(boot.to_bytes()), boot);
        }
        assert_eq!(Boot::from_bytes([0; 32]), Boot::default());
    }

    #[test]
    fn a_container_that_was_started_again_is_another_boot() {
        assert_eq!(HERE.compare(HERE), Likeness::Same);
        for other in [
            Boot { id: [8; 16], ..HERE },
            Boot { pids: 6, ..HERE },
            Boot { init: Some(900), ..HERE },
        ] {
            assert_eq!(other.compare(HERE), Likeness::Another);
            assert_eq!(HERE.compare(other), Likeness::Another);
        }
        // A field that could not be read decides nothing.
        for other in [Boot { pids: 0, ..HERE }, Boot { init: None, ..HERE }] {
            assert_eq!(other.compare(HERE), Likeness::Same);
            assert_eq!(HERE.compare(other), Likeness::Same);
        }
        assert_eq!(Boot::default().compare(HERE), Likeness::Unknown);
        assert_eq!(HERE.compare(Boot::default()), Likeness::Unknown);
    }

    #[test]
    fn the_ticks_of_the_clock_are_those_of_the_uptime() {
        let before = uptime().unwrap();
        let now = now_in_ticks().unwrap();
        assert!((before..=uptime().unwrap() + 1).contains(&now), "{now} is not after {before}");
    }
}
