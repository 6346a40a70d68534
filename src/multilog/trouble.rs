//! The messages for what goes wrong (contract.md, sections 10.1 and 10.8): an attempt on a file of
//! a log directory, and why it failed.

use crate::error::{Exit, Program, decimal};
use crate::fill::fill;
use crate::sys::Errno;
use crate::tai64n::TEXT;

/// The name at the start of messages. A message that stderr does not take at once is dropped, so
/// that a full pipe at stderr does not stop multilog.
pub const MULTILOG: Program = Program::daemon("multilog");

/// The length of the name of a finished log: a label and its ending.
pub const KEPT: usize = TEXT + 2;

/// What an attempt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The log directory itself.
    Directory,
    /// One of its files.
    File(&'static str),
    /// A finished log.
    Kept([u8; KEPT]),
}

impl Name {
    /// The name of the file in its directory.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Directory => b"",
            Self::File(name) => name.as_bytes(),
            Self::Kept(name) => name,
        }
    }
}

/// Something that multilog tries to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    before: &'static str,
    name: Name,
    after: &'static str,
}

impl Attempt {
    /// `before` and the name.
    #[must_use]
    pub const fn new(before: &'static str, name: Name) -> Self {
        Self { before, name, after: "" }
    }

    /// An attempt on a file of the directory.
    #[must_use]
    pub const fn on(before: &'static str, file: &'static str) -> Self {
        Self::new(before, Name::File(file))
    }

    /// An attempt on the directory itself.
    #[must_use]
    pub const fn on_directory(before: &'static str) -> Self {
        Self::new(before, Name::Directory)
    }

    /// An attempt to sync a file of the directory.
    #[must_use]
    pub const fn to_sync(file: &'static str) -> Self {
        Self { before: "write ", name: Name::File(file), after: " to disk" }
    }
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What was tried.
    pub attempt: Attempt,
    /// Why it failed.
    pub error: Errno,
}

impl Trouble {
    /// Prints the trouble and gives the exit code, at the start, before multilog has read anything.
    #[must_use]
    pub fn fatal(&self, directory: &[u8]) -> Exit {
        MULTILOG.fatal_because(&self.words(directory, &[]), self.error)
    }

    /// Warns before a pause.
    pub fn pausing(&self, directory: &[u8]) {
        MULTILOG.warning_because(&self.words(directory, &[b", pausing"]), self.error);
    }

    /// Warns that the attempt failed; multilog goes on, or exits, all the same.
    pub fn warn(&self, directory: &[u8]) {
        MULTILOG.warning_because(&self.words(directory, &[]), self.error);
    }

    /// Reports bytes of the input that are in no log, and gives the exit code.
    #[must_use]
    pub fn giving_up(&self, directory: &[u8], bytes: usize) -> Exit {
        let mut digits = [0; 20];
        let number = decimal(bytes as u64, &mut digits);
        let ending: [&[u8]; 3] = [b", giving up ", number, b" bytes"];
        MULTILOG.fatal_because(&self.words(directory, &ending), self.error)
    }

    fn words<'a>(&'a self, directory: &'a [u8], ending: &[&'a [u8]]) -> [&'a [u8]; 9] {
        let Attempt { before, name, after } = &self.attempt;
        let slash: &[u8] = if *name == Name::Directory { b"" } else { b"/" };
        let mut words: [&[u8]; 9] = [b""; 9];
        let beginning =
            [b"unable to ", before.as_bytes(), directory, slash, name.bytes(), after.as_bytes()];
        fill(&mut words, beginning.into_iter().chain(ending.iter().copied()));
        words
    }
}
