//! What the wrappers of 0.76 share (contract.md, section 0.4): setuidgid, envuidgid, envdir,
//! softlimit, setlock, pgrphack and fghack take a few words of their own and then a program with
//! its words, and become that program.

use crate::args::Usage;
use crate::env::Changes;
use crate::error::{Exit, Program};
use crate::exec;
use crate::fill::fill;
use crate::sys::command_line::{self, Arguments};
use crate::sys::process::{Environment, Words};
use std::ffi::CStr;

/// The program that a wrapper becomes.
#[derive(Debug)]
pub struct Child<'a> {
    wrapper: Program,
    arguments: &'a Arguments,
    first: usize,
}

/// The `N` words that a wrapper has from index `first` on, and the child after them. If the command
/// line ends before the child, prints the usage and returns `None`.
#[must_use]
pub fn words_and_child<'a, const N: usize>(
    usage: &Usage,
    arguments: &'a Arguments,
    first: usize,
) -> Option<([&'a CStr; N], Child<'a>)> {
    let child = Child { wrapper: usage.program, arguments, first: first + N };
    if arguments.count() <= child.first {
        let _ = usage.wrong();
        return None;
    }
    let mut words = [c""; N];
    fill(&mut words, arguments.from(first));
    Some((words, child))
}

impl Child<'_> {
    /// Becomes the child: the last step of a wrapper. Returns only if that failed, with the exit
    /// code, after the message `unable to run`. It allocates nothing, since softlimit may have left
    /// no memory.
    #[must_use]
    pub fn start(self) -> Exit {
        self.start_in(&Environment::Inherited)
    }

    /// As [`Self::start`], in a changed environment.
    #[must_use]
    pub fn start_with(self, changes: &Changes) -> Exit {
        let environment = changes.apply(command_line::environment());
        self.start_in(&Environment::Exactly(&environment))
    }

    fn start_in(self, environment: &Environment<'_>) -> Exit {
        let name = self.arguments.get(self.first).unwrap_or_default();
        let error = exec::run(name, Words::Own(self.arguments, self.first), environment);
        self.wrapper.fatal_because(&[b"unable to run ", name.to_bytes()], error)
    }
}
