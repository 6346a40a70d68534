//! Filters: standard input to standard output, in large blocks. Owns the reading and writing, and
//! when what was made of the input goes out; what becomes of it is for the command.
//!
//! All that was made of what has been read is written before the next read, so a quiet service's
//! line waits for nothing.

use crate::error::Exit;
use crate::sys::poll;
use crate::sys::{Errno, descriptor};

/// What one read takes: as much as a pipe holds.
const BLOCK: usize = 64 << 10;
/// How much of a block a filter is given at once.
const PIECE: usize = 8 << 10;
/// How much is gathered, at least, before it is written while there is more of the block.
const GATHERED: usize = 64 << 10;

/// What a command does with its input, however that is cut into pieces.
pub trait Filter {
    /// A new block was read.
    fn begin_block(&mut self) {}

    /// Appends what becomes of `piece`: at most [`GROWTH`] bytes for each of its bytes, and for
    /// what was kept back before.
    fn take(&mut self, piece: &[u8], output: &mut Vec<u8>);

    /// The input has ended: appends what was kept back.
    fn finish(&mut self, output: &mut Vec<u8>);
}

/// How many bytes a filter may make of one.
pub const GROWTH: usize = 27;

/// Runs `filter` to the end of standard input. Errors are silent: 111.
#[must_use]
pub fn run(filter: &mut impl Filter) -> Exit {
    match pump(filter) {
        Ok(()) => Exit::SUCCESS,
        Err(_) => Exit::SYSTEM,
    }
}

fn pump(filter: &mut impl Filter) -> Result<(), Errno> {
    let mut block = vec![0; BLOCK];
    // Only what is used of it takes memory.
    let mut output = Vec::with_capacity(GATHERED + GROWTH * PIECE + PIECE);
    loop {
        let count = read(&mut block)?;
        if count == 0 {
            break;
        }
        filter.begin_block();
        for piece in block.get(..count).unwrap_or_default().chunks(PIECE) {
            filter.take(piece, &mut output);
            if output.len() >= GATHERED {
                write_all(&mut output)?;
            }
        }
        write_all(&mut output)?;
    }
    filter.finish(&mut output);
    write_all(&mut output)
}

/// Reads; where the other holders of the input have made it non-blocking, waits first.
fn read(block: &mut [u8]) -> Result<usize, Errno> {
    let input = descriptor::standard(0);
    loop {
        match descriptor::read(input, block) {
            Err(Errno::EAGAIN) => poll::wait(&mut [poll::readable(input)], None)?,
            other => return other,
        }
    }
}

/// Writes what was gathered, and empties it.
fn write_all(gathered: &mut Vec<u8>) -> Result<(), Errno> {
    let output = descriptor::standard(1);
    let mut left = gathered.as_slice();
    while !left.is_empty() {
        match descriptor::write(output, left) {
            Err(Errno::EAGAIN) => poll::wait(&mut [poll::writable(output)], None)?,
            taken => left = left.get(taken?..).unwrap_or_default(),
        }
    }
    gathered.clear();
    Ok(())
}
