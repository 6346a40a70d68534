//! What comes in. From a pipe it is looked at first and taken out when it is safe: a multilog that
//! is killed leaves to its successor what it had not handed on. What it had just handed on and not
//! taken out yet is then logged twice: at most one look.
//!
//! Only whole lines are taken out, as long as more is on its way. The beginning of a line that is
//! all there is goes to memory after a moment: poll(2) would find it again and again, and no edge
//! of epoll(7) tells of what a writer adds in the middle of a large write.
//!
//! The look is tee(2) into a pipe of our own, which is good for one reader: of two, each would take
//! out what the other one has not seen. What it costs a larger pipe brings back, where there is
//! enough for one.

use super::patience::Patience;
use super::room;
use crate::sys::descriptor::{self, HERE, Purpose, standard};
use crate::sys::{Errno, file, heap};
use memchr::memrchr;
use std::os::fd::{AsFd, OwnedFd};

/// How much is looked at at once: as much as a pipe holds, and as a larger one holds.
const USUAL: usize = 1 << 16;
const LARGE: usize = 1 << 18;
/// What has to be left for the rest of the program before a look becomes larger.
const SPARE: usize = 1 << 16;

/// Standard input.
#[derive(Debug)]
pub struct Input {
    /// What was seen last.
    block: Vec<u8>,
    pipe: Option<Pipe>,
    /// Whether a larger pipe was asked for: once, whatever came of it.
    has_asked: bool,
    /// How many bytes of the beginning of a line are in the pipe, seen and not taken out.
    tail: usize,
}

/// The pipe that standard input is, and a mirror of it.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    /// Where goes what is taken out.
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

    /// Makes both pipes larger: a writer that fills its pipe has us called less often. Linux 2.6.35
    /// and later, and within the limits of pipe(7).
    fn enlarge(&self) -> bool {
        [self.write.as_fd(), standard(0)]
            .iter()
            .all(|pipe| descriptor::set_capacity(*pipe, LARGE).is_ok())
    }

    /// Fills `block` with what waits in the pipe.
    fn copy(&self, block: &mut [u8]) -> Result<usize, Errno> {
        let length = descriptor::mirror(standard(0), self.write.as_fd(), block.len())?;
        let mut filled = 0;
        while filled < length {
            let rest = block.get_mut(filled..length).unwrap_or_default();
            filled += descriptor::read(self.read.as_fd(), rest)?;
        }
        Ok(length)
    }

    /// Takes out the first `length` bytes of what waits.
    pub fn take_out(&self, length: usize) {
        let mut left = length;
        while left > 0 {
            match descriptor::discard(standard(0), self.null.as_fd(), left) {
                // Somebody else has taken it out.
                Ok(0) | Err(Errno::EAGAIN) => return,
                Ok(count) => left = left.saturating_sub(count),
                // By reading, then. Where that fails too there is nothing left to take.
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
    /// Standard input; nothing where there is no memory for it.
    #[must_use]
    pub fn open() -> Option<Self> {
        let mut block = room::at_most(USUAL)?;
        block.resize(block.capacity(), 0);
        Some(Self { block, pipe: Pipe::new(), has_asked: false, tail: 0 })
    }

    /// Looks at what there is, `most` bytes at most: how much of it is to be handled, 0 at the end.
    /// From a pipe these are whole lines, unless there is none.
    ///
    /// # Errors
    /// Those of read(2); EAGAIN when somebody else was quicker.
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
                // A kernel that will not: as everybody reads.
                self.pipe = None;
                descriptor::read(standard(0), block)
            }
        }
    }

    /// Whether what is looked at stays where it is until it is taken out.
    #[must_use]
    pub const fn is_pipe(&self) -> bool {
        self.pipe.is_some()
    }

    /// The first `length` bytes of what was looked at, and where to take them out of.
    #[must_use]
    pub fn seen(&self, length: usize) -> (&[u8], Option<&Pipe>) {
        (self.block.get(..length).unwrap_or_default(), self.pipe.as_ref())
    }
}

/// Whether there is memory for a larger look, and some to spare.
fn has_memory(block: &mut Vec<u8>) -> bool {
    let more = LARGE.saturating_sub(block.len());
    heap::ask(|| block.try_reserve_exact(more)).is_ok() && heap::with_room::<u8>(SPARE).is_some()
}
