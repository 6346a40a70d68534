//! Filters: standard input to standard output, in large blocks. Owns the reading and writing, and
//! when what was made of the input goes out; what becomes of it is for the command.
//!
//! All that was made of what has been read is written before the next read, so a quiet service's
//! line waits for nothing.

use crate::error::Exit;
use crate::sys::{Errno, descriptor, heap, poll};

/// What one read takes: as much as a pipe holds, or as much as there is memory for; 0.76 gets along
/// with a kilobyte.
const BLOCKS: [usize; 4] = [64 << 10, 16 << 10, 4 << 10, 1 << 10];
/// A filter is given this part of a block at once.
const PIECES: usize = 8;

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

/// What is read into, and where what becomes of it is gathered.
struct Buffers {
    block: Vec<u8>,
    output: Vec<u8>,
}

impl Buffers {
    /// The largest that there is memory for; only what is used of them takes any.
    fn new() -> Self {
        let found = BLOCKS.iter().find_map(|&size| {
            let mut block = heap::with_room(size)?;
            block.resize(size, 0);
            Some(Self { block, output: heap::with_room(Self::room(size))? })
        });
        found.unwrap_or_else(|| {
            let size = BLOCKS.into_iter().fold(usize::MAX, usize::min);
            Self { block: vec![0; size], output: Vec::with_capacity(Self::room(size)) }
        })
    }

    /// While there is more of a block, a block's worth is gathered before it is written. Then comes
    /// what the last piece grew to, and what was kept back.
    const fn room(size: usize) -> usize {
        size + (GROWTH + 1) * (size / PIECES)
    }
}

fn pump(filter: &mut impl Filter) -> Result<(), Errno> {
    let Buffers { mut block, mut output } = Buffers::new();
    let size = block.len();
    // What was read must not be lost.
    heap::outlast_shortage();
    loop {
        let count = read(&mut block)?;
        if count == 0 {
            break;
        }
        filter.begin_block();
        for piece in block.get(..count).unwrap_or_default().chunks(size / PIECES) {
            filter.take(piece, &mut output);
            if output.len() >= size {
                write_all(&mut output)?;
            }
        }
        write_all(&mut output)?;
    }
    filter.finish(&mut output);
    write_all(&mut output)
}

/// Reads standard input; where its other holders have made it non-blocking, waits first.
///
/// # Errors
/// Those of read(2) and poll(2), EINTR and EAGAIN excepted.
pub fn read(block: &mut [u8]) -> Result<usize, Errno> {
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
