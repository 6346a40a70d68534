//! Options as 0.76 parses them (contract.md, section 0.1): they may be bundled, an argument is
//! attached or is the next word, `--` ends them, a lone `-` is an operand, the first operand ends
//! them.

use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::sys::descriptor::{self, HERE};
use crate::sys::file::{self, Kind};

/// Walks the options of a command line.
#[derive(Debug)]
pub struct Options<'a> {
    arguments: &'a Arguments,
    /// The index of the present word, and the place in it.
    word: usize,
    place: usize,
}

impl<'a> Options<'a> {
    /// Starts at the first word after the program's name.
    #[must_use]
    pub fn new(arguments: &'a Arguments) -> Self {
        Self { arguments, word: 1, place: 1 }
    }

    /// The next option letter; `None` at the first operand.
    pub fn next_letter(&mut self) -> Option<u8> {
        let word = self.arguments.bytes(self.word)?;
        if word == b"--" {
            self.word += 1;
            return None;
        }
        if word.len() < 2 || word.first() != Some(&b'-') {
            return None;
        }
        let letter = word.get(self.place).copied();
        self.place += 1;
        if self.place >= word.len() {
            self.word += 1;
            self.place = 1;
        }
        letter
    }

    /// The argument of the last letter: the rest of its word, or the next word.
    pub fn value(&mut self) -> Option<&'a [u8]> {
        let word = self.arguments.bytes(self.word)?;
        self.word += 1;
        let rest = word.get(self.place..).filter(|_| self.place > 1);
        self.place = 1;
        rest.or(Some(word))
    }

    /// The index of the first operand, once [`Self::next_letter`] has returned `None`.
    #[must_use]
    pub fn operands(&self) -> usize {
        self.word
    }
}

/// How a command is used. Each command has one, which its messages, the list of commands and the
/// test of the manual pages use.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// The command, as it speaks upon wrong use.
    pub program: Program,
    /// Its command line, as its manual page has it.
    pub synopsis: &'static str,
    /// The line that it prints upon wrong use, if 0.76's is not `NAME: usage: ` and the synopsis.
    pub line: Option<&'static str>,
}

impl Usage {
    /// A command that prints its synopsis.
    #[must_use]
    pub const fn of(program: Program, synopsis: &'static str) -> Self {
        Self { program, synopsis, line: None }
    }

    /// A command that prints the line of 0.76 instead.
    #[must_use]
    pub const fn with_line(program: Program, synopsis: &'static str, line: &'static str) -> Self {
        Self { program, synopsis, line: Some(line) }
    }

    /// Prints the usage: 100.
    #[must_use]
    pub fn wrong(&self) -> Exit {
        let Some(line) = self.line else { return self.program.usage(self.synopsis) };
        crate::error::write_raw(&[line.as_bytes(), b"\n"]);
        Exit::USAGE
    }
}

/// Prints `NAME: illegal option -- c`, where NAME is the last part of `argv[0]`, and then `usage`.
#[must_use]
pub fn illegal_option(arguments: &Arguments, letter: u8, usage: &Usage) -> Exit {
    bad_option(arguments, b": illegal option -- ", letter, usage)
}

/// Prints `NAME: option requires an argument -- c`, and then `usage`.
#[must_use]
pub fn missing_value(arguments: &Arguments, letter: u8, usage: &Usage) -> Exit {
    bad_option(arguments, b": option requires an argument -- ", letter, usage)
}

fn bad_option(arguments: &Arguments, text: &[u8], letter: u8, usage: &Usage) -> Exit {
    let name = last_part(arguments.bytes(0).unwrap_or_default());
    crate::error::write_raw(&[name, text, &[letter], b"\n"]);
    usage.wrong()
}

/// Handles word `index`, where a directory is expected: `--version` prints the version, and any
/// other word that looks like an option is wrong use. Returns `None`, and does nothing, if there is
/// a directory of that name.
#[must_use]
pub fn instead_of_directory(usage: &Usage, arguments: &Arguments, index: usize) -> Option<Exit> {
    let word = arguments.bytes(index).filter(|word| word.len() > 1 && word.starts_with(b"-"))?;
    if file::facts(HERE, word).is_ok_and(|facts| facts.kind == Kind::Directory) {
        return None;
    }
    Some(if word == b"--version" { print(usage.program, VERSION) } else { usage.wrong() })
}

/// What `--version` prints.
pub const VERSION: &str = concat!("daemontools-rs ", env!("CARGO_PKG_VERSION"), "\n");

/// Writes `text` to stdout. 111 if that fails.
#[must_use]
pub fn print(program: Program, text: &str) -> Exit {
    let mut left = text.as_bytes();
    while !left.is_empty() {
        match descriptor::write(descriptor::standard(1), left) {
            Ok(taken) => left = left.get(taken..).unwrap_or_default(),
            Err(error) => {
                return program.fatal_because(&[b"unable to write to standard output"], error);
            }
        }
    }
    Exit::SUCCESS
}

/// What follows the last slash.
#[must_use]
pub fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
