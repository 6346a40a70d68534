//! envdir: runs a program with the environment that the files of a directory describe. Contract:
//! envdir(8), reference section 15.

use crate::env::Changes;
use crate::error::{Exit, Program};
use crate::exec;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::process::Environment;
use crate::sys::start::{self, Arguments};
use crate::sys::{Errno, directory};
use std::ffi::CStr;
use std::os::fd::AsFd;

const ENVDIR: Program = Program::command("envdir");

/// Runs envdir. Its wrong use ends with 111, in 0.76 and so here.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let words: Vec<&CStr> = arguments.from(1).collect();
    let (Some(name), Some(child)) = (words.first(), words.get(1..).filter(|c| !c.is_empty()))
    else {
        let _ = ENVDIR.usage("envdir dir child");
        return Exit::SYSTEM;
    };
    match read_directory(name.to_bytes()) {
        Ok(changes) => {
            let environment = changes.apply(start::environment());
            exec::become_child(ENVDIR, child, &Environment::Exactly(&environment))
        }
        Err(exit) => exit,
    }
}

/// What the files ask for; nothing is run unless every one of them could be read.
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
        match read(file) {
            Ok(bytes) if !bytes.is_empty() => changes.set(file, &value_of(bytes)),
            // One that vanished after the listing, or a link to nothing, is as an empty one.
            Ok(_) | Err(Errno::ENOENT) => changes.unset(file),
            Err(error) => return Err(fatal(&[b"unable to read ", name, b"/", file], error)),
        }
    }
    directory::change_to(here.as_fd())
        .map_err(|error| fatal(&[b"unable to switch to starting directory"], error))?;
    Ok(changes)
}

fn read(name: &[u8]) -> Result<Vec<u8>, Errno> {
    let file = descriptor::open(HERE, name, Purpose::Read)?;
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        match descriptor::read(file.as_fd(), &mut block)? {
            0 => return Ok(bytes),
            length => bytes.extend_from_slice(block.get(..length).unwrap_or_default()),
        }
    }
}

/// The first line without its trailing spaces and tabs; a NUL stands for a newline.
fn value_of(mut bytes: Vec<u8>) -> Vec<u8> {
    let line = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    bytes.truncate(line);
    while matches!(bytes.last(), Some(b' ' | b'\t')) {
        bytes.pop();
    }
    for byte in &mut bytes {
        if *byte == 0 {
            *byte = b'\n';
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_first_line_without_trailing_blanks() {
        for (file, value) in [
            (&b"v"[..], &b"v"[..]),
            (b"v\n", b"v"),
            (b" v \t\nw", b" v"),
            (b"\nw", b""),
            (b" \t", b""),
            (b"a\0b\n", b"a\nb"),
            (b"a\0 \n", b"a\n"),
            (b"a \0", b"a \n"),
        ] {
            assert_eq!(value_of(file.to_vec()), value, "{file:?}");
        }
    }
}
