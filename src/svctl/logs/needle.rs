//! The bytes that `--grep` looks for. Pure.

use memchr::{memchr2_iter, memmem};

/// What a line must contain.
#[derive(Debug)]
pub enum Needle {
    /// These bytes.
    Exactly(Box<memmem::Finder<'static>>),
    /// These, in any case; they are stored in lower case.
    AnyCase(Vec<u8>),
}

impl Needle {
    /// Looks for `bytes`; with `any_case`, in upper and lower case of ASCII.
    #[must_use]
    pub fn new(bytes: &[u8], any_case: bool) -> Self {
        if any_case {
            Self::AnyCase(bytes.to_ascii_lowercase())
        } else {
            Self::Exactly(Box::new(memmem::Finder::new(bytes).into_owned()))
        }
    }

    /// Whether `text` contains them.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.find(text).is_some()
    }

    /// Their first place in `text`.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Exactly(finder) => finder.find(text),
            Self::AnyCase(small) => {
                let Some(&first) = small.first() else { return Some(0) };
                let last = text.len().checked_sub(small.len())?;
                let starts = memchr2_iter(first, first.to_ascii_uppercase(), text);
                starts.take_while(|&start| start <= last).find(|&start| {
                    let there = text.get(start..start + small.len());
                    there.is_some_and(|there| there.eq_ignore_ascii_case(small))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_as_they_are_or_in_any_case() {
        let is_in =
            |needle: &[u8], any_case, text: &[u8]| Needle::new(needle, any_case).is_in(text);
        assert!(is_in(b"err", false, b"an error"));
        assert!(!is_in(b"Err", false, b"an error"));
        assert!(is_in(b"ERR", true, b"an eRror") && is_in(b"r", true, b"eR"));
        assert!(!is_in(b"errors", true, b"an error"));
        assert!(is_in(b"\xff.*", false, b"a\xff.*") && !is_in(b"\xff.*", false, b"a\xffxx"));
        assert!(is_in(b"", false, b"") && is_in(b"", true, b""));
        assert!(is_in(b"aab", true, b"aaab") && !is_in(b"a", true, b""));
    }
}
