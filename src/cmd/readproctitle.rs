//! readproctitle: keeps the last bytes of its input in its command line, where ps shows them.
//! Contract: readproctitle(8), contract.md, section 9.

use crate::args::Usage;
use crate::error::{Exit, Program};
use crate::filter;
use crate::sys::command_line::Arguments;
use crate::sys::title::Title;

/// How it is used. As in 0.76 it never prints that.
pub const USAGE: Usage = Usage::of(Program::command("readproctitle"), "readproctitle arg ... dots");
/// How many bytes at the beginning of the last argument always stay dots.
const FIXED: usize = 3;

/// Runs readproctitle.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if arguments.count() < 2 {
        return Exit::USAGE;
    }
    let Some(mut title) = Title::take(arguments) else { return Exit::USAGE };
    let title = title.bytes();
    if title.len() < 5 {
        return Exit::USAGE;
    }
    title.fill(b'.');
    let mut buffer = [0; 1024];
    loop {
        match filter::read(&mut buffer) {
            Ok(0) => return Exit::SUCCESS,
            Ok(count) => {
                let moving = title.get_mut(FIXED..).unwrap_or_default();
                shift_in(moving, buffer.get_mut(..count).unwrap_or_default());
            }
            Err(_) => return Exit::SYSTEM,
        }
    }
}

/// Shifts `new`, without its NUL bytes, into the end of `title`.
fn shift_in(title: &mut [u8], new: &mut [u8]) {
    // Move all bytes but NUL to the front of `new`, in their order.
    let mut count = 0;
    for index in 0..new.len() {
        if new.get(index) != Some(&0) {
            new.swap(index, count);
            count += 1;
        }
    }
    let new = new.get(..count).unwrap_or_default();
    let new = new.get(count.saturating_sub(title.len())..).unwrap_or_default();
    title.rotate_left(new.len());
    let place = title.len() - new.len();
    if let Some(place) = title.get_mut(place..) {
        place.copy_from_slice(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_of_the_input_gives_the_same_title() {
        let input = b"one\0two\nthree\0\0four five six";
        for size in 1..=input.len() {
            let mut title = *b"..........";
            for part in input.chunks(size) {
                shift_in(&mut title, &mut part.to_vec());
            }
            assert_eq!(&title, b"r five six", "{size}");
        }
    }
}
