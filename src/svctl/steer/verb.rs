//! What each verb asks of a supervise, and what it then waits for. Pure.

use super::seen::Seen;
use crate::look::state::State;
use core::time::Duration;
use daemontools_rs::service::request::Want;

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Be up, and still be up so long later.
    Start(Duration),
    /// Be down.
    Stop,
    /// Be started again, and still be up so long later.
    Restart(Duration),
    /// Run once.
    Once,
    /// Be paused.
    Pause,
    /// Be continued.
    Continue,
    /// Get this letter.
    Send(u8),
    /// Only wait until it is up.
    AwaitUp,
    /// Only wait until it is down.
    AwaitDown,
    /// Only wait until no supervise runs.
    AwaitGone,
}

/// What the command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Nothing.
    Nothing,
    /// It is up, and still up so long later.
    Up(Duration),
    /// It was started after the request.
    Ran,
    /// It was started after the request, is up, and still up so long later.
    UpAgain(Duration),
    /// It is down, and so is the rest of its process group, with `kill-group`.
    Down,
    /// It is paused.
    Paused,
    /// It is up and not paused.
    Unpaused,
    /// No supervise runs.
    Gone,
}

/// What to do with one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Send these letters, and wait for this aim.
    Ask(&'static [u8], Aim),
    /// It is as asked already. These letters are sent nevertheless.
    Already(&'static [u8]),
    /// It is not possible: a service that is down has no process.
    NoProcess,
}

impl Deed {
    /// The verb as messages name it: `unable to run x`, `asked to run` for `svctl once x`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Stop => "stop",
            Self::Restart(_) => "restart",
            Self::Once => "run",
            Self::Pause => "pause",
            Self::Continue => "continue",
            Self::Send(_) => "signal",
            Self::AwaitUp | Self::AwaitDown | Self::AwaitGone => "wait for",
        }
    }

    /// Whether the verb only waits, and asks the supervise for nothing.
    #[must_use]
    pub const fn asks_nothing(self) -> bool {
        matches!(self, Self::AwaitUp | Self::AwaitDown | Self::AwaitGone)
    }

    /// What to do with a service that has a supervise.
    #[must_use]
    pub fn plan(self, seen: &Seen) -> Plan {
        let is_up = seen.pid.is_some();
        match self {
            Self::Start(settle) => match seen.state {
                // A service that was started a moment ago may not stay up.
                State::Up if seen.want == Some(Want::Up) && seen.since >= settle => {
                    Plan::Already(b"")
                }
                State::Paused => Plan::Ask(b"cu", Aim::Up(settle)),
                _ => Plan::Ask(b"u", Aim::Up(settle)),
            },
            Self::Stop if seen.state == State::Down && seen.group_left == 0 => Plan::Already(b""),
            Self::Stop => Plan::Ask(b"d", Aim::Down),
            Self::Restart(settle) => {
                let letters: &[u8] = match seen.want {
                    _ if !is_up => b"u",
                    Some(Want::Up) => b"tc",
                    // Without `u`, it would end and stay down.
                    _ => b"utc",
                };
                Plan::Ask(letters, Aim::UpAgain(settle))
            }
            Self::Once if is_up => Plan::Already(b"o"),
            Self::Once => Plan::Ask(b"o", Aim::Ran),
            Self::Pause if !is_up => Plan::NoProcess,
            Self::Pause if seen.is_paused => Plan::Already(b""),
            Self::Pause => Plan::Ask(b"p", Aim::Paused),
            Self::Continue if !is_up => Plan::NoProcess,
            // Another program may have stopped it by a signal, which supervise does not know.
            Self::Continue if !seen.is_paused => Plan::Already(b"c"),
            Self::Continue => Plan::Ask(b"c", Aim::Unpaused),
            Self::Send(letter) if !is_up && !b"udoxk".contains(&letter) => Plan::NoProcess,
            Self::Send(letter) => Plan::Ask(letters(letter), Aim::Nothing),
            Self::AwaitUp => Plan::Ask(b"", Aim::Up(Duration::ZERO)),
            Self::AwaitDown => Plan::Ask(b"", Aim::Down),
            Self::AwaitGone => Plan::Ask(b"", Aim::Gone),
        }
    }
}

/// The letters that can be sent, each with its signal; the letters of svc that are no signal have
/// none.
const LETTERS: [(&[u8], &str); 15] = [
    (b"u", ""),
    (b"d", ""),
    (b"o", ""),
    (b"x", ""),
    (b"p", "STOP"),
    (b"c", "CONT"),
    (b"h", "HUP"),
    (b"a", "ALRM"),
    (b"i", "INT"),
    (b"t", "TERM"),
    (b"k", "KILL"),
    (b"1", "USR1"),
    (b"2", "USR2"),
    (b"q", "QUIT"),
    (b"w", "WINCH"),
];

fn letters(letter: u8) -> &'static [u8] {
    let found = LETTERS.iter().find(|(letters, _)| letters.first() == Some(&letter));
    found.map_or(b"", |(letters, _)| letters)
}

/// The letter for the name of a signal, with or without `SIG`, or for the letter itself.
#[must_use]
pub fn letter_of(word: &str) -> Option<u8> {
    let upper = word.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let found = LETTERS.iter().find(|(letters, signal)| {
        *letters == word.as_bytes() || !signal.is_empty() && *signal == name
    });
    found.and_then(|(letters, _)| letters.first().copied())
}

/// What a letter does, in words.
#[must_use]
pub fn meaning(letter: u8) -> String {
    let found = LETTERS.iter().find(|(letters, _)| letters.first() == Some(&letter));
    match found {
        Some((_, signal)) if !signal.is_empty() => (*signal).to_owned(),
        _ => char::from(letter).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::aim::tests::seen;
    use super::*;

    const SETTLE: Duration = Duration::from_secs(1);

    #[test]
    fn each_verb_asks_by_what_the_service_does() {
        let up = seen(State::Up, 7, Want::Up, 1);
        let once = seen(State::Up, 7, Want::Once, 1);
        let down = seen(State::Down, 0, Want::Down, 1);
        let waiting = seen(State::Waiting, 0, Want::Up, 1);
        let flapping = seen(State::Flapping, 7, Want::Up, 5);
        let stopping = seen(State::Stopping, 7, Want::Down, 1);
        let paused = Seen { is_paused: true, ..seen(State::Paused, 7, Want::Up, 1) };
        let start = |seen: &Seen| Deed::Start(SETTLE).plan(seen);
        assert_eq!(start(&up), Plan::Already(b""));
        let new = Seen { since: Duration::ZERO, ..up.clone() };
        assert_eq!(start(&new), Plan::Ask(b"u", Aim::Up(SETTLE)));
        assert_eq!(Deed::Start(Duration::ZERO).plan(&new), Plan::Already(b""));
        assert_eq!(start(&once), Plan::Ask(b"u", Aim::Up(SETTLE)));
        assert_eq!(start(&flapping), Plan::Ask(b"u", Aim::Up(SETTLE)));
        assert_eq!(start(&stopping), Plan::Ask(b"u", Aim::Up(SETTLE)));
        assert_eq!(start(&paused), Plan::Ask(b"cu", Aim::Up(SETTLE)));
        assert_eq!(start(&down), Plan::Ask(b"u", Aim::Up(SETTLE)));
        assert_eq!(Deed::Stop.plan(&down), Plan::Already(b""));
        let left = Seen { group_left: 2, ..down.clone() };
        assert_eq!(Deed::Stop.plan(&left), Plan::Ask(b"d", Aim::Down));
        for seen in [&up, &waiting, &stopping, &paused] {
            assert_eq!(Deed::Stop.plan(seen), Plan::Ask(b"d", Aim::Down));
        }
        let restart = |seen: &Seen| match Deed::Restart(SETTLE).plan(seen) {
            Plan::Ask(letters, Aim::UpAgain(SETTLE)) => letters,
            other => panic!("{other:?}"),
        };
        assert_eq!(restart(&up), b"tc");
        assert_eq!(restart(&paused), b"tc");
        assert_eq!(restart(&waiting), b"u");
        assert_eq!(restart(&down), b"u");
        assert_eq!(restart(&stopping), b"utc");
        assert_eq!(restart(&once), b"utc");
        assert_eq!(Deed::Once.plan(&down), Plan::Ask(b"o", Aim::Ran));
        assert_eq!(Deed::Once.plan(&up), Plan::Already(b"o"));
        assert_eq!(Deed::Pause.plan(&up), Plan::Ask(b"p", Aim::Paused));
        assert_eq!(Deed::Pause.plan(&paused), Plan::Already(b""));
        assert_eq!(Deed::Pause.plan(&waiting), Plan::NoProcess);
        assert_eq!(Deed::Continue.plan(&paused), Plan::Ask(b"c", Aim::Unpaused));
        assert_eq!(Deed::Continue.plan(&up), Plan::Already(b"c"));
        assert_eq!(Deed::Send(b'h').plan(&up), Plan::Ask(b"h", Aim::Nothing));
        assert_eq!(Deed::Send(b'h').plan(&down), Plan::NoProcess);
        assert_eq!(Deed::Send(b'x').plan(&down), Plan::Ask(b"x", Aim::Nothing));
    }

    #[test]
    fn signals_are_known_by_name_and_by_letter() {
        for (word, letter) in
            [("HUP", b'h'), ("sighup", b'h'), ("h", b'h'), ("x", b'x'), ("1", b'1'), ("USR1", b'1')]
        {
            assert_eq!(letter_of(word), Some(letter), "{word}");
        }
        for word in ["", "SIG", "9", "15", "H", "CHLD", "ud", "SEGV"] {
            assert_eq!(letter_of(word), None, "{word}");
        }
        assert_eq!((meaning(b'h').as_str(), meaning(b'x').as_str()), ("HUP", "x"));
    }
}
