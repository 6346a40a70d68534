//! Which boot this is, which pids these are, and what time it is in the kernel's ticks.

use super::{TICKS, number, read_file};
use crate::sys::descriptor::HERE;
use crate::sys::file;

/// This boot, as the kernel names it (`/proc/sys/kernel/random/boot_id`), 16 bytes; zeroes where
/// it cannot be had.
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

/// When this boot began by the wall clock as it stands (`btime` in /proc/stat), in seconds since
/// 1970; a later step of the clock moves it.
#[must_use]
pub fn boot_time() -> Option<u64> {
    // After the per-processor lines: they may be many.
    let text = std::fs::read("/proc/stat").ok()?;
    let line = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"btime "))?;
    number(line)
}

/// The pid namespace we count pids in (the inode of `/proc/self/ns/pid`); 0 on kernels that do
/// not show it.
#[must_use]
pub fn pid_namespace() -> u64 {
    file::facts(HERE, b"/proc/self/ns/pid").map_or(0, |facts| facts.inode)
}

/// This moment in the clock ticks since boot that start times are in.
#[must_use]
pub fn now_in_ticks() -> Option<u64> {
    let mut text = [0; 64];
    let length = read_file(b"/proc/uptime", &mut text).ok()?;
    let first = text.get(..length)?.split(|&byte| byte == b' ').next()?;
    let mut parts = first.split(|&byte| byte == b'.');
    // Two digits behind the point: hundredths, which the ticks are.
    Some(number(parts.next()?)? * TICKS + number(parts.next()?)?)
}
