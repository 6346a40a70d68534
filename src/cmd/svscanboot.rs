//! svscanboot: the command that an init starts. Contract: svscanboot(8), contract.md, section 2.

use crate::args::{Usage, instead_of_directory};
use crate::error::{Exit, Program};
use crate::svscanboot::driver::{self, BootCall};
use crate::svscanboot::{erase_client, status_client, stop_client};
use crate::sys::command_line::Arguments;
use crate::sys::process;
use core::time::Duration;
use std::ffi::CStr;

const SVSCANBOOT: Program = Program::command("svscanboot");
/// How it is used.
pub const USAGE: Usage =
    Usage::of(SVSCANBOOT, "svscanboot [--fallback | --stop | --status | --reexec] [dir]");

/// Runs svscanboot.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let word = arguments.bytes(1).unwrap_or_default();
    let option = word.strip_prefix(b"--").filter(|option| is_known(option));
    let place = if option.is_some() { 2 } else { 1 };
    if let Some(exit) = instead_of_directory(&USAGE, &arguments, place) {
        return exit;
    }
    let Some(option) = option else { return keep(arguments.get(1), false) };
    let directory = arguments.get(2);
    let scanned = directory.unwrap_or(c"/service");
    let (option, number) = match option.iter().position(|&byte| byte == b'=') {
        Some(at) => (option.get(..at), option.get(at + 1..).map(seconds)),
        None => (Some(option), None),
    };
    match (option.unwrap_or_default(), number) {
        (b"fallback", None) => keep(directory, true),
        (b"stop", None) => stop_client::stop(scanned),
        (b"stop", Some(Some(patience))) => erase_client::stop(scanned, patience),
        (b"status", None) => status_client::status(scanned, Duration::ZERO),
        (b"status", Some(Some(patience))) => status_client::status(scanned, patience),
        (b"reexec", None) => status_client::reexec(scanned),
        _ => USAGE.wrong(),
    }
}

fn is_known(option: &[u8]) -> bool {
    let name = option.split(|&byte| byte == b'=').next().unwrap_or_default();
    matches!(name, b"fallback" | b"stop" | b"status" | b"reexec")
}

fn keep(directory: Option<&CStr>, is_fallback: bool) -> Exit {
    let directory = directory.unwrap_or(c"/service");
    driver::run(BootCall { directory, is_fallback, is_inits: process::is_inits() })
}

fn seconds(text: &[u8]) -> Option<Duration> {
    let number: u16 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Duration::from_secs(number.into()))
}
