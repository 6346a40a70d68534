//! A case with what its run script says.

use super::chain::Chain;
use super::look::Case;
use super::script::{Script, base};
use super::stubborn::Bare;

/// A case with its script.
#[derive(Debug)]
pub struct Sheet<'a, 'b> {
    /// The case.
    pub case: &'b Case<'a>,
    /// The service's name.
    pub name: &'a [u8],
    /// Its run as a shell script, if it is one.
    pub script: Option<Script>,
    /// What its last command becomes.
    pub chain: Option<Chain>,
}

impl Sheet<'_, '_> {
    /// The program that it ends with.
    #[must_use]
    pub fn program(&self) -> Option<&[u8]> {
        self.chain.as_ref()?.program()
    }

    /// The last command, if it does not become its program.
    #[must_use]
    pub fn bare<'c>(&'c self, path: &'c [u8]) -> Option<Bare<'c>> {
        let script = self.script.as_ref().filter(|script| !script.has_trap)?;
        let chain = self.chain.as_ref().filter(|chain| !chain.is_exec)?;
        let program = chain.program()?;
        // Work and a pause: a job that supervise starts again and again.
        let is_pause = script.works_before && base(program) == b"sleep";
        (!is_pause).then_some(Bare { path, command: script.last.as_ref()?, program })
    }
}
