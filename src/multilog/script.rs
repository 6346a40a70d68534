//! The script: what the words of the command line ask for (contract.md, sections 10.3 and 10.4).
//! The first byte of a word says which action it is. Unknown words are ignored silently.

use super::pattern::matches;
use std::ffi::CString;

/// What multilog puts before each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Nothing.
    None,
    /// A TAI64N label and a space.
    Tai64n,
    /// The local time, as tai64nlocal prints it, and a space.
    Local,
}

/// One step of the script. All steps are done for each line, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Deselect(Vec<u8>),
    Select(Vec<u8>),
    Alert,
    /// The number of the status file.
    Status(usize),
    /// The number of the directory.
    Directory(usize),
}

/// The settings of a log directory in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name as it was typed.
    pub name: Vec<u8>,
    /// The greatest size of `current`, in bytes.
    pub size: u64,
    /// How many logs there may be, `current` included; at least two.
    pub number: usize,
    /// The processor, for `/bin/sh -c`.
    pub processor: Option<CString>,
}

/// A parsed script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What multilog puts before each line.
    pub stamp: Stamp,
    /// The status files, in their order.
    pub statuses: Vec<Vec<u8>>,
    /// The log directories, in their order.
    pub directories: Vec<Settings>,
    steps: Vec<Step>,
}

/// Receives what a script decides for a line.
pub trait Sink {
    /// Writes the line to stderr.
    fn alert(&mut self, head: &[u8]);
    /// Writes the line to the status file of this number.
    fn status(&mut self, number: usize, head: &[u8]);
    /// Whether the directory of this number gets the line.
    fn choose(&mut self, number: usize, is_selected: bool);
}

/// The bounds of a size in bytes, and the size without an `s`. `S` has no upper bound.
const SMALLEST: u64 = 4096;
const LARGEST: u64 = 16_777_215;
const USUAL: u64 = 99_999;

impl Script {
    /// Parses the words of a command line.
    pub fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut script = Self {
            stamp: Stamp::None,
            statuses: Vec::new(),
            directories: Vec::new(),
            steps: Vec::new(),
        };
        let (mut size, mut number, mut processor) = (USUAL, 10, None);
        for (place, word) in words.enumerate() {
            let Some((&first, rest)) = word.split_first() else { continue };
            match first {
                b't' if place == 0 => script.stamp = Stamp::Tai64n,
                b'T' if place == 0 => script.stamp = Stamp::Local,
                b'-' => script.steps.push(Step::Deselect(rest.to_vec())),
                b'+' => script.steps.push(Step::Select(rest.to_vec())),
                b'e' => script.steps.push(Step::Alert),
                b'=' => {
                    script.steps.push(Step::Status(script.statuses.len()));
                    script.statuses.push(rest.to_vec());
                }
                b's' => size = decimal(rest).clamp(SMALLEST, LARGEST),
                b'S' => size = decimal(rest).max(SMALLEST),
                b'n' => number = usize::try_from(decimal(rest)).unwrap_or(usize::MAX).max(2),
                b'!' => processor = CString::new(rest).ok(),
                b'.' | b'/' => {
                    script.steps.push(Step::Directory(script.directories.len()));
                    let (name, processor) = (word.to_vec(), processor.clone());
                    script.directories.push(Settings { name, size, number, processor });
                }
                _ => {}
            }
        }
        script
    }

    /// Whether every line goes to every directory and nowhere else. Then the script need not see
    /// any line.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Directory(_)))
    }

    /// Does the steps of the script for a line. `head` is the line's first bytes, the window.
    pub fn walk(&self, head: &[u8], sink: &mut impl Sink) {
        let mut is_selected = true;
        for step in &self.steps {
            match step {
                Step::Deselect(pattern) => is_selected &= !(is_selected && matches(pattern, head)),
                Step::Select(pattern) => is_selected |= !is_selected && matches(pattern, head),
                Step::Alert if is_selected => sink.alert(head),
                Step::Status(number) if is_selected => sink.status(*number, head),
                Step::Alert | Step::Status(_) => {}
                Step::Directory(number) => sink.choose(*number, is_selected),
            }
        }
    }
}

/// The decimal number that a text begins with; 0 without one. One too large for 64 bits wraps.
fn decimal(text: &[u8]) -> u64 {
    text.iter()
        .map_while(|byte| byte.is_ascii_digit().then(|| u64::from(byte - b'0')))
        .fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Script {
        Script::parse(words.iter().map(|word| word.as_bytes()))
    }

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Sink for Seen {
        fn alert(&mut self, head: &[u8]) {
            self.0.push(format!("alert {}", String::from_utf8_lossy(head)));
        }
        fn status(&mut self, number: usize, _: &[u8]) {
            self.0.push(format!("status {number}"));
        }
        fn choose(&mut self, number: usize, is_selected: bool) {
            self.0.push(format!("{number} {is_selected}"));
        }
    }

    fn walk(words: &[&str], head: &str) -> Vec<String> {
        let mut seen = Seen::default();
        parse(words).walk(head.as_bytes(), &mut seen);
        seen.0
    }

    #[test]
    fn settings_are_for_what_follows() {
        let script =
            parse(&["./a", "s4097x", "n1", "!x", "./b", "s", "s99999999", "S99999999", "/c"]);
        let settings: Vec<_> =
            script.directories.iter().map(|d| (d.size, d.number, d.processor.as_deref())).collect();
        let x = Some(c"x");
        assert_eq!(settings, [(99_999, 10, None), (4097, 2, x), (99_999_999, 2, x)]);
        assert_eq!(parse(&["s", "."]).directories[0].size, 4096);
        assert_eq!(parse(&["s99999999", "."]).directories[0].size, 16_777_215);
    }

    #[test]
    fn a_stamp_is_the_first_word_or_none() {
        assert_eq!(parse(&["tai", "."]).stamp, Stamp::Tai64n);
        assert_eq!(parse(&["T", "."]).stamp, Stamp::Local);
        assert_eq!(parse(&["", "t", "."]).stamp, Stamp::None);
        assert_eq!(parse(&[".", "T"]).stamp, Stamp::None);
        assert_eq!(parse(&["e", "t"]).stamp, Stamp::None);
    }

    #[test]
    fn each_directory_has_the_selection_of_its_place() {
        let words = ["./a", "-*", "./b", "e", "+x*", "e", "=s", "./c", "zzz", ""];
        assert_eq!(walk(&words, "xy"), ["0 true", "1 false", "alert xy", "status 0", "2 true"]);
        assert_eq!(walk(&words, "y"), ["0 true", "1 false", "2 false"]);
        // A pattern that does not match changes nothing, whatever was selected before.
        assert_eq!(
            walk(&["-x*", "./a", "-y*", "./b", "+x*", "./c"], "y"),
            ["0 true", "1 false", "2 false"]
        );
        assert!(parse(&["./a", "./b"]).takes_all() && !parse(&["./a", "-*"]).takes_all());
    }
}
