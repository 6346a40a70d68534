//! tai64n on any bytes: each line gets the label of the block with its first byte.

use crate::random::Random;
use daemontools_rs::cmd::tai64n::Stamper;
use daemontools_rs::filter::Filter;
use daemontools_rs::tai64n::Label;
use std::cell::Cell;
use std::time::Duration;

const RUNS: usize = 5000;

/// The clock at block `number`.
fn label(number: u64) -> Label {
    Label::of_unix(Duration::from_micros(1_700_000_000_000_000 + number * 999_983))
}

#[test]
fn each_line_has_the_label_of_the_block_it_begins_in() {
    let mut random = Random::new(3);
    for run in 0..RUNS {
        let input: Vec<u8> = (0..random.below(400))
            .map(|_| if random.below(9) == 0 { b'\n' } else { random.byte() })
            .collect();
        let blocks = Cell::new(0);
        let mut stamper = Stamper::new(|| label(blocks.get()));
        let (mut output, mut expected) = (Vec::new(), Vec::new());
        let mut at_start = true;
        for block in random.cut(&input) {
            blocks.set(blocks.get() + 1);
            stamper.begin_block();
            for piece in random.cut(block) {
                stamper.take(piece, &mut output);
            }
            for byte in block {
                if at_start {
                    expected.extend(label(blocks.get()).text());
                    expected.push(b' ');
                }
                expected.push(*byte);
                at_start = *byte == b'\n';
            }
        }
        stamper.finish(&mut output);
        assert!(output == expected, "run {run}: {}", input.escape_ascii());
    }
}
