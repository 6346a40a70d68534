//! Filters: from standard input to standard output, in large blocks. This file reads and writes;
//! the command only says what becomes of the bytes.
//!
//! All output for the input so far is written before the next read, so that a line of a quiet
//! service does not wait for the next line.

use crate::error::Exit;
use crate::sys::{Errno, descriptor, heap, poll};

/// Sizes of one read to try: as much as a pipe holds, or less if there is no memory. The least is
/// 0.76's kilobyte.
const BLOCKS: [usize; 4] = [64 << 10, 16 << 10, 4 << 10, 1 << 10];
/// A block is passed to the filter in so many pieces.
const PIECES: usize = 8;

/// What a command does with its input, which comes in pieces of any size.
pub trait Filter {
    /// A new block was read.
    fn begin_block(&mut self) {}

    /// Appends the output for `piece`: at most [`GROWTH`] bytes for each byte of it, and for each
    /// byte that was kept back before.
    fn take(&mut self, piece: &[u8], output: &mut Vec<u8>);

    /// The input has ended: appends what was kept back.
    fn finish(&mut self, output: &mut Vec<u8>);
}

/// The most bytes of output for one byte of input.
pub const GROWTH: usize = 27;

/// Runs `filter` to the end of standard input. Errors are silent: 111.
#[must_use]
pub fn run(filter: &mut impl Filter) -> Exit {
    match pump(filter) {
        Ok(()) => Exit::SUCCESS,
        Err(_) => Exit::SYSTEM,
    }
}

/// The buffers for input and output.
struct Buffers {
    block: Vec<u8>,
    output: Vec<u8>,
}

impl Buffers {
    /// The largest buffers that there is memory for. Pages that are never used take no memory.
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

    /// The size of the output buffer: it is written once it holds a block's worth, and may then
    /// also hold the output of the last piece and of what was kept back.
    const fn room(size: usize) -> usize {
        size + (GROWTH + 1) * (size / PIECES)
    }
}

fn pump(filter: &mut impl Filter) -> Result<(), Errno> {
    let Buffers { mut block, mut output } = Buffers::new();
    let size = block.len();
    // From here on, wait for memory rather than end: input that was read must not be lost.
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

/// Reads standard input. If another process has made it non-blocking, waits first.
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

/// Writes the gathered output and empties the buffer.
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
