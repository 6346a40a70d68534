//! What the words of a command line name. Pure: [`select`](super::select) finds out whether there
//! is such a service.

pub mod glob;
pub mod spelling;

/// A word, classified by its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It begins with `/` or `.`: a service directory.
    Directory(Vec<u8>),
    /// Anything else: a name in the scan directory.
    Name(Vec<u8>),
}

impl Word {
    /// What `word` names; slashes at its end are dropped.
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        let mut bytes = word;
        while let Some((b'/', before)) = bytes.split_last().filter(|(_, before)| !before.is_empty())
        {
            bytes = before;
        }
        match bytes.first() {
            Some(b'/' | b'.') => Self::Directory(bytes.to_vec()),
            _ => Self::Name(bytes.to_vec()),
        }
    }
}

/// Where a name belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role<'a> {
    /// A service of the scan directory.
    Main(&'a [u8]),
    /// The logger of that service.
    Logger(&'a [u8]),
    /// Neither: a scan directory cannot have this name.
    Neither,
}

impl<'a> Role<'a> {
    /// The role of `name`; it may be a glob.
    #[must_use]
    pub fn of(name: &'a [u8]) -> Self {
        let (main, is_logger) = match name.strip_suffix(b"/log") {
            Some(main) => (main, true),
            None => (name, false),
        };
        // svscan ignores names that begin with a dot.
        if matches!(main.first(), None | Some(b'.')) || main.contains(&b'/') {
            Self::Neither
        } else if is_logger {
            Self::Logger(main)
        } else {
            Self::Main(main)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_or_a_dot_makes_a_directory() {
        let directory = |text: &str| Word::Directory(text.as_bytes().to_vec());
        let name = |text: &str| Word::Name(text.as_bytes().to_vec());
        assert_eq!(Word::of(b"/service/x/"), directory("/service/x"));
        assert_eq!(Word::of(b"/"), directory("/"));
        assert_eq!(Word::of(b"//"), directory("/"));
        assert_eq!(Word::of(b"./x"), directory("./x"));
        assert_eq!(Word::of(b".."), directory(".."));
        assert_eq!(Word::of(b"x//"), name("x"));
        assert_eq!(Word::of(b"x/log/"), name("x/log"));
        assert_eq!(Word::of(b""), name(""));
    }

    #[test]
    fn only_a_name_or_name_slash_log_can_be_one() {
        assert_eq!(Role::of(b"x"), Role::Main(b"x"));
        assert_eq!(Role::of(b"log"), Role::Main(b"log"));
        assert_eq!(Role::of(b"x/log"), Role::Logger(b"x"));
        assert_eq!(Role::of(b"x*/log"), Role::Logger(b"x*"));
        for name in [&b""[..], b"/log", b".x", b".x/log", b"x/y", b"x/log/log", b"x/y/log"] {
            assert_eq!(Role::of(name), Role::Neither);
        }
    }
}
