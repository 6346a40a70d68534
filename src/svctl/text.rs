//! Text that is safe to print. A service's name, its command line and its log may contain any
//! bytes, and none of these may control the terminal. A byte that cannot be printed becomes `\xNN`.

use std::sync::OnceLock;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Which characters are printed unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// ASCII only: a terminal that does not read UTF-8 may take other bytes for control characters.
    Ascii,
    /// All characters that neither control the terminal nor change the order of the text.
    Unicode,
}

impl Alphabet {
    /// The alphabet of a terminal in this locale, by the values of LC_ALL, LC_CTYPE and LANG.
    #[must_use]
    pub fn of_locale(values: [Option<&[u8]>; 3]) -> Self {
        let value = values.into_iter().flatten().find(|value| !value.is_empty());
        let value = value.unwrap_or_default().to_ascii_lowercase();
        let is_utf8 = value.ends_with(b"utf-8") || value.ends_with(b"utf8");
        if is_utf8 { Self::Unicode } else { Self::Ascii }
    }

    fn of_environment() -> Self {
        static FOUND: OnceLock<Alphabet> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let names: [&[u8]; 3] = [b"LC_ALL", b"LC_CTYPE", b"LANG"];
            Self::of_locale(names.map(daemontools_rs::env::value))
        })
    }
}

/// The kind of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name. No two names may look alike, so a backslash is escaped too.
    Name,
    /// A line of a file or a command line: backslashes and tabs stay.
    Line,
}

/// A name, as svctl prints it; a user may type it so.
#[must_use]
pub fn name(bytes: &[u8]) -> String {
    escaped(bytes, Kind::Name, Alphabet::of_environment())
}

/// A line, as svctl prints it.
#[must_use]
pub fn line(bytes: &[u8]) -> String {
    escaped(bytes, Kind::Line, Alphabet::of_environment())
}

/// As [`name`] or [`line`], for this alphabet.
#[must_use]
pub fn escaped(bytes: &[u8], kind: Kind, alphabet: Alphabet) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_plain(character, kind, alphabet) {
                shown.push(character);
            } else {
                escape(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut shown);
            }
        }
        escape(chunk.invalid(), &mut shown);
    }
    shown
}

fn is_plain(character: char, kind: Kind, alphabet: Alphabet) -> bool {
    match character {
        '\\' => kind == Kind::Line,
        '\t' => kind == Kind::Line,
        ' '..='~' => true,
        _ => alphabet == Alphabet::Unicode && !is_control(character),
    }
}

/// Characters that control the terminal, reverse the order of the text, or are invisible.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

fn escape(bytes: &[u8], shown: &mut String) {
    for byte in bytes {
        shown.push_str(&format!("\\x{byte:02x}"));
    }
}

/// The bytes for which an escaped name stands.
#[must_use]
pub fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut left = name;
    while let Some((&first, after)) = left.split_first() {
        left = after;
        let byte = match after {
            [b'x', high, low, ..] if first == b'\\' => hexadecimal(*high, *low),
            _ => None,
        };
        bytes.push(byte.unwrap_or(first));
        if byte.is_some() {
            left = left.get(3..).unwrap_or_default();
        }
    }
    bytes
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A name as it is typed in a shell: quoted if necessary.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    let shown = name(bytes);
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./,:+@%".contains(&byte);
    if !shown.is_empty() && shown.bytes().all(is_safe) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', "'\\''"))
}

/// How many columns a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns` columns. If it is cut, it ends in `~`.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |character: &char| match left.checked_sub(character.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let mut shown: String = text.chars().take_while(fits).collect();
    shown.push('~');
    shown
}

/// The words of a text in lines of at most `columns` columns. A longer word has a line of its own.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        let shown = |bytes: &[u8]| escaped(bytes, Kind::Name, Alphabet::Unicode);
        assert_eq!(shown(b"nginx"), "nginx");
        assert_eq!(shown(b"a\x1b[31m\n\x7f\xff"), "a\\x1b[31m\\x0a\\x7f\\xff");
        assert_eq!(shown("grüße".as_bytes()), "grüße");
        // An 8-bit control character, and one that reverses the order of the text.
        assert_eq!(shown("\u{9b}1m\u{202e}".as_bytes()), "\\xc2\\x9b1m\\xe2\\x80\\xae");
        assert_eq!(shown(b"a\\x41\t"), "a\\x5cx41\\x09");
        assert_eq!(escaped(b"a\\n\t\r", Kind::Line, Alphabet::Unicode), "a\\n\t\\x0d");
        assert_eq!(escaped("ü".as_bytes(), Kind::Name, Alphabet::Ascii), "\\xc3\\xbc");
    }

    #[test]
    fn a_name_as_shown_is_the_name_again() {
        for alphabet in [Alphabet::Ascii, Alphabet::Unicode] {
            for name in [&b"a\\x41"[..], b"\xff\n \\", b"\\", b"\\x", "ü\u{9b}".as_bytes(), b""] {
                assert_eq!(unescaped(escaped(name, Kind::Name, alphabet).as_bytes()), name);
            }
        }
        assert_eq!(unescaped(b"a\\xgg\\x4"), b"a\\xgg\\x4");
    }

    #[test]
    fn a_quoted_name_is_one_word_to_a_shell() {
        assert_eq!(quoted(b"x/log"), "x/log");
        assert_eq!(quoted(b""), "''");
        assert_eq!(quoted(b"a b"), "'a b'");
        assert_eq!(quoted(b"it's\n"), "'it'\\''s\\x0a'");
    }

    #[test]
    fn a_long_text_is_cut_by_columns_not_by_bytes() {
        assert_eq!(cut("nginx", 5), "nginx");
        assert_eq!(cut("nginx-1", 5), "ngin~");
        assert_eq!(
            (width("日本"), cut("日本語", 5), cut("日本語", 4)),
            (4, "日本~".into(), "日~".into())
        );
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("a loooooong b", 4), ["a", "loooooong", "b"]);
    }

    #[test]
    fn the_first_locale_that_is_set_says_which_alphabet() {
        let of = |all: &'static str, kind: &'static str, lang: &'static str| {
            Alphabet::of_locale([all, kind, lang].map(|value| Some(value.as_bytes())))
        };
        assert_eq!(of("", "", "en_US.UTF-8"), Alphabet::Unicode);
        assert_eq!(of("", "C.utf8", "C"), Alphabet::Unicode);
        assert_eq!(of("C", "", "en_US.UTF-8"), Alphabet::Ascii);
        assert_eq!(of("", "", ""), Alphabet::Ascii);
    }
}
