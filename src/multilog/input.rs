//! The input. multilog first copies what is in the pipe (a look) and takes it out only when it is
//! in the logs. So if multilog is killed, what it had not logged is still in the pipe for its
//! successor. What it had logged but not yet taken out is logged twice: at most one look.
//!
//! Only whole lines are taken out, as long as more is on its way. If the pipe has only the
//! beginning of a line and nothing follows for a moment, that goes to memory: otherwise poll(2)
//! would report it again and again, and edge-triggered epoll(7) would miss what a writer adds in
//! the middle of a large write.
//!
//! The look is tee(2) into a pipe of our own. It works for a single reader only: of two readers,
//! each would take out what the other has not seen. tee costs time; a larger pipe makes up for it,
//! where there is memory for one.

use super::patience::Patience;
use super::room;
use crate::sys::descriptor::{self, HERE, Purpose, standard};
use crate::sys::{Errno, file, heap};
use memchr::memrchr;
use std::os::fd::{AsFd, OwnedFd};

/// The size of a look: what a usual pipe holds, and what a larger one holds.
const USUAL: usize = 1 << 16;
const LARGE: usize = 1 << 18;
/// Memory that must stay free for the rest of the program before looks become larger.
const SPARE: usize = 1 << 16;

/// Standard input.
#[derive(Debug)]
pub struct Input {
    /// What the last look copied.
    block: Vec<u8>,
    pipe: Option<Pipe>,
    /// Whether a larger pipe was asked for. This is done once, with or without success.
    has_asked: bool,
    /// How many bytes of the beginning of a line were looked at and are still in the pipe.
    tail: usize,
}

/// Standard input, if it is a pipe, and our own pipe for the copy.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    /// `/dev/null`, to splice the bytes to that are taken out.
    null: OwnedFd,
}

impl Pipe {
    fn new() -> Option<Self> {
        if file::facts_of(standard(0)).ok()?.kind != file::Kind::Fifo {
            return None;
        }
        let (read, write) = descriptor::pipe().ok()?;
        let null = descriptor::open(HERE, b"/dev/null", Purpose::Write).ok()?;
        Some(Self { read, write, null })
    }

    /// Makes both pipes larger, so that a busy writer wakes us less often. Linux 2.6.35 and later,
    /// and within the limits of pipe(7).
    fn enlarge(&self) -> bool {
        [self.write.as_fd(), standard(0)]
            .iter()
            .all(|pipe| descriptor::set_capacity(*pipe, LARGE).is_ok())
    }

    /// Copies what is in the pipe to `block`.
    fn copy(&self, block: &mut [u8]) -> Result<usize, Errno> {
        let length = descriptor::mirror(standard(0), self.write.as_fd(), block.len())?;
        let mut filled = 0;
        while filled < length {
            let rest = block.get_mut(filled..length).unwrap_or_default();
            filled += descriptor::read(self.read.as_fd(), rest)?;
        }
        Ok(length)
    }

    /// Takes the first `length` bytes out of the pipe.
    pub fn take_out(&self, length: usize) {
        let mut left = length;
        while left > 0 {
            match descriptor::discard(standard(0), self.null.as_fd(), left) {
                // Another reader has taken them.
                Ok(0) | Err(Errno::EAGAIN) => return,
                Ok(count) => left = left.saturating_sub(count),
                // splice failed: read instead. If that fails too, there is nothing left to take.
                Err(_) => {
                    let mut block = [0; 4096];
                    let part = block.get_mut(..left.min(4096)).unwrap_or_default();
                    match descriptor::read(standard(0), part) {
                        Ok(count) if count > 0 => left = left.saturating_sub(count),
                        _ => return,
                    }
                }
            }
        }
    }
}

impl Input {
    /// Opens standard input. `None` without memory for it.
    #[must_use]
    pub fn open() -> Option<Self> {
        let mut block = room::at_most(USUAL)?;
        block.resize(block.capacity(), 0);
        Some(Self { block, pipe: Pipe::new(), has_asked: false, tail: 0 })
    }

    /// Looks at the input, at most `most` bytes. Returns how many bytes to handle; 0 at the end.
    /// From a pipe these are whole lines, if there is a whole one.
    ///
    /// # Errors
    /// Those of read(2); EAGAIN if another reader was faster.
    pub fn look(&mut self, most: usize, patience: &Patience) -> Result<usize, Errno> {
        let most = most.min(self.block.len());
        let block = self.block.get_mut(..most).unwrap_or_default();
        let Some(pipe) = &self.pipe else { return descriptor::read(standard(0), block) };
        if self.tail > 0 && descriptor::waiting_bytes(standard(0)) == Ok(self.tail) {
            patience.moment();
        }
        match pipe.copy(block) {
            Ok(length) => {
                let bytes = block.get(..length).unwrap_or_default();
                let whole = memrchr(b'\n', bytes).map_or(length, |last| last + 1);
                self.tail = length - whole;
                if length == USUAL && !self.has_asked {
                    self.has_asked = true;
                    if has_memory(&mut self.block) && pipe.enlarge() {
                        self.block.resize(LARGE, 0);
                    }
                }
                Ok(whole)
            }
            Err(Errno::EAGAIN) => Err(Errno::EAGAIN),
            Err(_) => {
                // tee does not work on this kernel: read as usual.
                self.pipe = None;
                descriptor::read(standard(0), block)
            }
        }
    }

    /// Whether the input is a pipe, which keeps what we look at until it is taken out.
    #[must_use]
    pub const fn is_pipe(&self) -> bool {
        self.pipe.is_some()
    }

    /// The first `length` bytes of the last look, and the pipe to take them out of.
    #[must_use]
    pub fn seen(&self, length: usize) -> (&[u8], Option<&Pipe>) {
        (self.block.get(..length).unwrap_or_default(), self.pipe.as_ref())
    }
}

/// Whether there is memory for a larger look, and some left over.
fn has_memory(block: &mut Vec<u8>) -> bool {
    let more = LARGE.saturating_sub(block.len());
    heap::ask(|| block.try_reserve_exact(more)).is_ok() && heap::with_room::<u8>(SPARE).is_some()
}
