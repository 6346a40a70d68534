//! `--json`, in ASCII only: whatever the locale, no service name can then send control characters
//! to a terminal.

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// Writes compact JSON, with all but ASCII escaped.
#[derive(Debug)]
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                writer.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// `value` as one line of JSON.
#[must_use]
pub fn text(value: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Ascii);
    // Writing to memory does not fail, and all our keys are strings.
    let _ = value.serialize(&mut serializer);
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_beyond_ascii_is_escaped() {
        let shown = |value: &str| String::from_utf8(text(&value)).unwrap();
        assert_eq!(shown("a\"\\"), "\"a\\\"\\\\\"\n");
        assert_eq!(shown("\x1b\n\x7f"), "\"\\u001b\\n\\u007f\"\n");
        assert_eq!(shown("ü\u{9b}\u{1f600}"), "\"\\u00fc\\u009b\\ud83d\\ude00\"\n");
    }
}
