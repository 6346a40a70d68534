//! How a service is taken down, by two optional files of its directory: `down-signal` (the name or
//! number of a signal to send instead of TERM) and `timeout-kill` (milliseconds after which KILL
//! follows). The file names are those of s6. Additions of ours; without the files supervise does as
//! 0.76.

use crate::sys::descriptor::{Purpose, open, read};
use crate::sys::signal::{self, SignalNumber};
use crate::sys::{Errno, file};
use core::time::Duration;
use std::os::fd::{AsFd, BorrowedFd};

/// What one of these files says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<T> {
    /// It is not there.
    Nothing,
    /// It has this value.
    Word(T),
    /// It is there, but cannot be read or is not valid.
    Nonsense(Errno),
}

/// The signal that `d` sends.
#[must_use]
pub fn down_signal(directory: BorrowedFd<'_>) -> Said<SignalNumber> {
    word(directory, b"down-signal", |text| {
        let number = text.parse().ok().filter(|number| (1..=signal::LAST).contains(number));
        number.or_else(|| signal::by_name(text))
    })
}

/// How long after `d` KILL follows. 0 in the file means the same as no file.
#[must_use]
pub fn kill_timeout(directory: BorrowedFd<'_>) -> Said<Duration> {
    match word(directory, b"timeout-kill", |text| text.parse().ok().map(Duration::from_millis)) {
        Said::Word(Duration::ZERO) => Said::Nothing,
        said => said,
    }
}

fn word<T>(
    directory: BorrowedFd<'_>,
    name: &[u8],
    understand: impl FnOnce(&str) -> Option<T>,
) -> Said<T> {
    let mut text = [0; 64];
    let read = open(directory, name, Purpose::Read).and_then(|file| {
        // A FIFO or a directory is an error; reading a FIFO could block.
        match file::facts_of(file.as_fd())?.kind {
            file::Kind::Regular => read(file.as_fd(), &mut text),
            _ => Err(Errno::EINVAL),
        }
    });
    match read {
        Err(Errno::ENOENT) => Said::Nothing,
        Err(error) => Said::Nonsense(error),
        Ok(length) => {
            let text = text.get(..length).map(std::str::from_utf8);
            let first = text.and_then(Result::ok).and_then(|text| text.lines().next());
            first
                .and_then(|line| understand(line.trim()))
                .map_or(Said::Nonsense(Errno::EINVAL), Said::Word)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_nonsense_are_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let directory = std::fs::File::open(place.path()).unwrap();
        assert_eq!(down_signal(directory.as_fd()), Said::Nothing);
        assert_eq!(kill_timeout(directory.as_fd()), Said::Nothing);
        let signal = |text: &str| {
            std::fs::write(place.path().join("down-signal"), text).unwrap();
            down_signal(directory.as_fd())
        };
        for (text, number) in
            [("QUIT\n", 3), ("SIGQUIT", 3), ("quit", 3), ("15\nx", 15), ("64", 64)]
        {
            assert_eq!(signal(text), Said::Word(number), "{text}");
        }
        for text in ["", "\n", "0", "65", "-1", "NONE", "15 16"] {
            assert_eq!(signal(text), Said::Nonsense(Errno::EINVAL), "{text}");
        }
        let timeout = |text: &str| {
            std::fs::write(place.path().join("timeout-kill"), text).unwrap();
            kill_timeout(directory.as_fd())
        };
        assert_eq!(timeout("1500\n"), Said::Word(Duration::from_millis(1500)));
        assert_eq!(timeout("0\n"), Said::Nothing);
        assert_eq!(timeout("soon\n"), Said::Nonsense(Errno::EINVAL));
    }
}
