//! envdir: runs a program with the environment that the files of a directory describe. Contract:
//! envdir(8), contract.md, section 15.

use crate::args::{Usage, instead_of_directory};
use crate::env::Changes;
use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::{Errno, directory, heap};
use crate::wrapper;
use std::os::fd::AsFd;

const ENVDIR: Program = Program::command("envdir");
/// How it is used.
pub const USAGE: Usage = Usage::of(ENVDIR, "envdir dir child");
/// The longest line that is read. A longer one is treated like lack of memory: no program can get
/// such a variable, and a device may have no end.
const LONGEST: usize = 64 << 20;

/// Runs envdir. Wrong use ends with 111, as in 0.76.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if let Some(exit) = instead_of_directory(&USAGE, &arguments, 1) {
        return exit;
    }
    let Some(([name], child)) = wrapper::words_and_child(&USAGE, &arguments, 1) else {
        return Exit::SYSTEM;
    };
    match read_directory(name.to_bytes()) {
        Ok(changes) => child.start_with(&changes),
        Err(exit) => exit,
    }
}

/// The changes that the files ask for. If one of them cannot be read, no program is run.
fn read_directory(name: &[u8]) -> Result<Changes, Exit> {
    let fatal = |text: &[&[u8]], error| ENVDIR.fatal_because(text, error);
    let here = directory::current()
        .map_err(|error| fatal(&[b"unable to switch to current directory"], error))?;
    directory::change(name)
        .map_err(|error| fatal(&[b"unable to switch to directory ", name], error))?;
    let files =
        directory::names().map_err(|error| fatal(&[b"unable to read directory ", name], error))?;
    let mut changes = Changes::default();
    for file in files.iter().filter(|file| !file.starts_with(b".")) {
        match first_line(file) {
            Ok(Some(line)) => changes.set(file, &value_of(line)),
            // A file that vanished after the listing, or a link to nothing, counts as an empty
            // file.
            Ok(None) | Err(Errno::ENOENT) => changes.unset(file),
            Err(error) => return Err(fatal(&[b"unable to read ", name, b"/", file], error)),
        }
    }
    directory::change_to(here.as_fd())
        .map_err(|error| fatal(&[b"unable to switch to starting directory"], error))?;
    Ok(changes)
}

/// The first line of a file, without its newline; `None` for an empty file. The rest is not read.
fn first_line(name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    let file = descriptor::open(HERE, name, Purpose::Read)?;
    let mut line = Vec::new();
    let mut block = [0; 4096];
    loop {
        let length = descriptor::read(file.as_fd(), &mut block)?;
        let bytes = block.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((!line.is_empty()).then_some(line));
        }
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let bytes = bytes.get(..end.unwrap_or(length)).unwrap_or_default();
        if line.len() + bytes.len() > LONGEST
            || heap::ask(|| line.try_reserve(bytes.len())).is_err()
        {
            return Err(Errno::ENOMEM);
        }
        line.extend_from_slice(bytes);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// A line without its trailing spaces and tabs, and with a newline for each NUL.
fn value_of(mut line: Vec<u8>) -> Vec<u8> {
    while matches!(line.last(), Some(b' ' | b'\t')) {
        line.pop();
    }
    for byte in &mut line {
        if *byte == 0 {
            *byte = b'\n';
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_line_without_trailing_blanks() {
        for (line, value) in [
            (&b"v"[..], &b"v"[..]),
            (b" v \t", b" v"),
            (b"", b""),
            (b" \t", b""),
            (b"a\0b", b"a\nb"),
            (b"a\0 ", b"a\n"),
            (b"a \0", b"a \n"),
        ] {
            assert_eq!(value_of(line.to_vec()), value, "{line:?}");
        }
    }
}
