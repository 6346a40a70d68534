//! Where lines begin and end, however what was read is cut.

use super::*;

/// The head and the whole of every line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    heads: Vec<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Take for Seen {
    fn begin(&mut self, head: &[u8]) -> Result<(), Stop> {
        self.heads.push(head.to_vec());
        Ok(())
    }
    fn append(&mut self, bytes: &[u8], _: ByteOrigin, _: usize) -> Result<(), Stop> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

fn seen(pieces: &[&[u8]], stamp: &[u8]) -> Seen {
    let (mut lines, mut seen) = (Lines::default(), Seen::default());
    for piece in pieces {
        lines.feed(piece, stamp, &mut seen).unwrap();
    }
    lines.end(&mut seen).unwrap();
    seen
}

/// The same rule for whole input, written in the simplest way.
fn naive(bytes: &[u8], stamp: &[u8]) -> Seen {
    let ended = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut expected = Seen::default();
    if bytes.is_empty() {
        return expected;
    }
    for line in ended.split(|&byte| byte == b'\n') {
        let line = [stamp, line].concat();
        expected.heads.push(line[..line.len().min(WINDOW)].to_vec());
        expected.bytes.extend_from_slice(&line);
        expected.bytes.push(b'\n');
    }
    expected
}

#[test]
fn every_cut_gives_the_same_lines() {
    let line = |length: usize| vec![b'x'; length];
    for stamp in [&b""[..], b"@stamp "] {
        for lengths in [[0, 1, 3], [998, 1, 999], [992, 993, 994], [1000, 1001, 0], [2500, 0, 1]] {
            for is_ended in [true, false] {
                let mut bytes = Vec::new();
                for length in lengths {
                    bytes.extend(line(length));
                    bytes.push(b'\n');
                }
                if !is_ended {
                    bytes.extend(line(lengths[0]));
                }
                let expected = naive(&bytes, stamp);
                for cut in 0..=bytes.len() {
                    let (one, two) = bytes.split_at(cut);
                    assert_eq!(seen(&[one, two], stamp), expected, "{lengths:?} at {cut}");
                }
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                assert_eq!(seen(&single, stamp), expected);
            }
        }
    }
}

#[test]
fn where_no_line_needs_a_look_the_bytes_are_the_same() {
    let bytes = [&b"a\n\nb\n"[..], &vec![b'x'; 3000], b"\nc\nlast"].concat();
    for (stamp, cut) in [&b""[..], b"@stamp "]
        .into_iter()
        .flat_map(|stamp| (0..bytes.len()).map(move |cut| (stamp, cut)))
    {
        let expected = naive(&bytes, stamp).bytes;
        let (mut lines, mut seen) = (Lines::new(true), Seen::default());
        let (one, two) = bytes.split_at(cut);
        lines.feed(one, stamp, &mut seen).unwrap();
        assert_eq!(lines.is_mid_line(), !one.is_empty() && !one.ends_with(b"\n"));
        lines.feed(two, stamp, &mut seen).unwrap();
        lines.end(&mut seen).unwrap();
        assert_eq!(seen.bytes, expected, "at {cut}");
    }
}

/// The bytes as they were appended, piece by piece.
#[derive(Debug, Default)]
struct Pieces(Vec<Vec<u8>>);

impl Take for Pieces {
    fn begin(&mut self, head: &[u8]) -> Result<(), Stop> {
        self.0.push([b"begin ", head].concat());
        Ok(())
    }
    fn append(&mut self, bytes: &[u8], _: ByteOrigin, _: usize) -> Result<(), Stop> {
        self.0.push(bytes.to_vec());
        Ok(())
    }
}

#[test]
fn whole_lines_go_on_at_once_in_portions_that_are_as_large_as_can_be() {
    let (mut lines, mut pieces) = (Lines::new(true), Pieces::default());
    lines.feed(b"a\nb\nc", b"", &mut pieces).unwrap();
    assert_eq!(pieces.0, [b"a\nb\n"], "what is not ended is held");
    let stamp = b"@stamp ";
    let line = [vec![b'x'; 64 - stamp.len() - 1], b"\n".to_vec()].concat();
    for (count, sizes) in [(1024, vec![PORTION]), (1025, vec![PORTION, 64])] {
        let (mut lines, mut pieces) = (Lines::new(true), Pieces::default());
        lines.feed(&line.repeat(count), stamp, &mut pieces).unwrap();
        assert_eq!(pieces.0.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
    }
}

#[test]
fn a_line_is_held_until_it_ends_or_is_too_long() {
    let (mut lines, mut pieces) = (Lines::default(), Pieces::default());
    assert!(!lines.is_mid_line());
    lines.feed(&[b'x'; WINDOW], b"", &mut pieces).unwrap();
    assert!(pieces.0.is_empty() && lines.is_mid_line());
    lines.feed(b"y", b"", &mut pieces).unwrap();
    let begun = [b"begin ", &[b'x'; WINDOW][..]].concat();
    assert_eq!(pieces.0, [begun, vec![b'x'; WINDOW], b"y".to_vec()]);
    assert!(lines.is_mid_line(), "it goes straight on");
    lines.feed(b"\nz\n", b"", &mut pieces).unwrap();
    assert_eq!(pieces.0.split_off(3), [&b"\n"[..], b"begin z", b"z\n"]);
    assert!(!lines.is_mid_line());
    lines.end(&mut pieces).unwrap();
    assert_eq!(pieces.0.len(), 3, "nothing is left to end");
}

/// Counts the bytes that come, and compares the count with the `end` of each piece.
#[derive(Debug, Default)]
struct Counted {
    fed_before: usize,
    taken: usize,
    stamp: usize,
    is_over: bool,
}

impl Take for Counted {
    fn begin(&mut self, _: &[u8]) -> Result<(), Stop> {
        Ok(())
    }
    fn append(&mut self, bytes: &[u8], origin: ByteOrigin, end: usize) -> Result<(), Stop> {
        self.taken += match origin {
            ByteOrigin::Held => bytes.len() - self.stamp,
            ByteOrigin::Fed | ByteOrigin::Stamped(_) => origin.left(bytes, 0).unwrap(),
        };
        if !self.is_over {
            assert_eq!(self.fed_before + end, self.taken, "{origin:?}");
        }
        Ok(())
    }
}

#[test]
fn what_is_done_of_a_piece_is_said_and_the_rest_is_held() {
    let bytes = [&b"a\n\nbcd\n"[..], &vec![b'x'; 1200], b"\ne\nfgh\ni\nlast"].concat();
    for takes_all in [true, false] {
        for stamp in [&b""[..], b"@stamp "] {
            for step in [1, 2, 7, 11, 600, 1205, 5000] {
                let mut lines =
                    Lines::new(takes_all).within(Vec::with_capacity(HELD), Vec::with_capacity(32));
                let mut counted = Counted { stamp: stamp.len(), ..Counted::default() };
                for piece in bytes.chunks(step) {
                    lines.feed(piece, stamp, &mut counted).unwrap();
                    counted.fed_before += piece.len();
                    assert_eq!(counted.taken + lines.held(), counted.fed_before);
                }
                assert!(lines.is_mid_line());
            }
        }
    }
}

#[test]
fn the_rest_of_what_was_appended_is_told_in_what_was_fed() {
    assert_eq!(ByteOrigin::Fed.left(b"abc", 1), Some(2));
    assert_eq!(ByteOrigin::Held.left(b"abc", 1), None);
    for origin in [ByteOrigin::Fed, ByteOrigin::Held, ByteOrigin::Stamped(2)] {
        assert_eq!((origin.left(b"abc", 3), origin.left(b"abc", 4)), (Some(0), None));
    }
    for stamp in [&b"@"[..], b"@st "] {
        for text in [&b"a\n"[..], b"\n\n", b"ab\n\ncd\n", b"abc\nde", b"a"] {
            // Each byte, and whether it was fed.
            let mut appended = Vec::new();
            for line in text.split_inclusive(|&byte| byte == b'\n') {
                appended.extend(stamp.iter().map(|byte| (*byte, 0)));
                appended.extend(line.iter().map(|byte| (*byte, 1)));
            }
            let bytes: Vec<u8> = appended.iter().map(|(byte, _)| *byte).collect();
            for done in 0..=bytes.len() {
                let left = appended[done..].iter().map(|(_, fed)| fed).sum();
                let told = ByteOrigin::Stamped(stamp.len()).left(&bytes, done);
                assert_eq!(told, Some(left), "{done} of {appended:?}");
            }
        }
    }
}

#[test]
fn the_memory_that_was_given_is_enough_and_sets_the_portion() {
    let memory = Vec::with_capacity;
    let (mut lines, mut pieces) =
        (Lines::default().within(memory(HELD), memory(32)), Pieces::default());
    // The longest line that is held: its newline with it.
    lines.feed(&[b'x'; WINDOW], b"", &mut pieces).unwrap();
    assert_eq!(lines.held(), WINDOW);
    lines.feed(b"\n", b"", &mut pieces).unwrap();
    assert_eq!((lines.window.capacity(), lines.held()), (HELD, 0));
    let mut lines = Lines::new(true).within(memory(HELD), memory(32));
    let mut pieces = Pieces::default();
    lines.feed(&b"abcdef\n".repeat(5), b"@stamp @", &mut pieces).unwrap();
    assert_eq!(pieces.0.iter().map(Vec::len).collect::<Vec<_>>(), [30, 30, 15]);
    assert_eq!(lines.stamped.capacity(), 32);
}

#[test]
fn lines_stand_where_others_do_and_each_gets_its_look() {
    let (mut other, mut pieces) = (Lines::new(true), Pieces::default());
    other.feed(b"a\nb", b"@", &mut pieces).unwrap();
    let mut lines = Lines::default();
    lines.stand_where(&other);
    assert_eq!((lines.held(), lines.is_mid_line()), (1, true));
    pieces.0.clear();
    lines.feed(b"c\nd\n", b"+", &mut pieces).unwrap();
    assert_eq!(pieces.0, [&b"begin @bc"[..], b"@bc\n", b"begin +d", b"+d\n"]);
    // In the middle of one that goes straight on.
    other.stand(true);
    assert_eq!((other.held(), other.is_mid_line()), (0, true));
    lines.stand_where(&other);
    pieces.0.clear();
    lines.feed(b"e\nf\n", b"", &mut pieces).unwrap();
    assert_eq!(pieces.0, [&b"e\n"[..], b"begin f", b"f\n"]);
    other.stand(false);
    assert!(!other.is_mid_line());
}
