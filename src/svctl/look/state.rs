//! The states of a service, and which of them it is in. Pure.

use daemontools_rs::service::request::Want;
use daemontools_rs::service::status::Status;

/// What a service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It runs.
    Up,
    /// It does not run, and is not to be started.
    Down,
    /// It runs, and supervise stopped it by STOP (`svc -p`).
    Paused,
    /// It runs, and was asked to end.
    Stopping,
    /// It does not run, and is about to be started.
    Waiting,
    /// It is started again and again.
    Flapping,
    /// No supervise runs there.
    NotSupervised,
    /// Not known.
    Unreadable,
}

/// A service flaps when at least this many of its recorded starts are young.
pub const MANY: usize = 3;
/// A start is young if it was less than so many seconds ago.
pub const YOUNG: u64 = 10;

impl State {
    /// All states, in the order of the manual page.
    pub const ALL: [Self; 8] = [
        Self::Up,
        Self::Down,
        Self::Paused,
        Self::Stopping,
        Self::Waiting,
        Self::Flapping,
        Self::NotSupervised,
        Self::Unreadable,
    ];

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Waiting => "waiting to restart",
            Self::Flapping => "flapping",
            Self::NotSupervised => "not supervised",
            Self::Unreadable => "unreadable",
        }
    }

    /// Its short name, for a narrow table.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::NotSupervised => "gone",
            Self::Unreadable => "?",
            other => other.word(),
        }
    }

    /// The state of this name: the long name, also with hyphens for its spaces, or the short one.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let text = text.to_lowercase().replace(['-', '_'], " ");
        Self::ALL.into_iter().find(|state| text == state.word() || text == state.short())
    }

    /// Which state it is. `supervised`: whether a supervise runs, if that is known;
    /// `young_starts`: how many of the recorded starts are young.
    #[must_use]
    pub fn judge(supervised: Option<bool>, status: Option<&Status>, young_starts: usize) -> Self {
        let Some(status) = status else {
            return if supervised == Some(false) { Self::NotSupervised } else { Self::Unreadable };
        };
        if supervised == Some(false) {
            return Self::NotSupervised;
        }
        match (status.pid, status.want) {
            (0, Want::Up) if young_starts >= MANY => Self::Flapping,
            (0, Want::Up) => Self::Waiting,
            (0, Want::Down | Want::Once) => Self::Down,
            (_, Want::Down) => Self::Stopping,
            _ if status.is_paused => Self::Paused,
            (_, Want::Up) if young_starts >= MANY => Self::Flapping,
            (_, Want::Up | Want::Once) => Self::Up,
        }
    }

    /// Whether the service is as wanted.
    #[must_use]
    pub const fn is_as_wanted(self) -> bool {
        matches!(self, Self::Up | Self::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemontools_rs::tai64n::Label;

    fn judged(pid: u32, is_paused: bool, want: Want, young_starts: usize) -> State {
        let status = Status { label: Label::default(), pid, is_paused, want };
        State::judge(Some(true), Some(&status), young_starts)
    }

    #[test]
    fn pid_want_and_pause_say_the_state() {
        assert_eq!(judged(7, false, Want::Up, 1), State::Up);
        assert_eq!(judged(7, false, Want::Once, 1), State::Up);
        assert_eq!(judged(7, true, Want::Up, 0), State::Paused);
        assert_eq!(judged(7, true, Want::Once, 0), State::Paused);
        assert_eq!(judged(7, false, Want::Down, 0), State::Stopping);
        assert_eq!(judged(7, true, Want::Down, 0), State::Stopping);
        assert_eq!(judged(0, false, Want::Up, 0), State::Waiting);
        assert_eq!(judged(0, false, Want::Down, 0), State::Down);
        assert_eq!(judged(0, false, Want::Once, 0), State::Down);
    }

    #[test]
    fn three_young_starts_flap_but_what_is_to_end_does_not() {
        assert_eq!(judged(7, false, Want::Up, 2), State::Up);
        assert_eq!(judged(7, false, Want::Up, 3), State::Flapping);
        assert_eq!(judged(0, false, Want::Up, 3), State::Flapping);
        assert_eq!(judged(0, false, Want::Down, 8), State::Down);
        assert_eq!(judged(7, false, Want::Down, 8), State::Stopping);
        assert_eq!(judged(7, true, Want::Up, 8), State::Paused);
        assert_eq!(judged(7, false, Want::Once, 8), State::Up);
    }

    #[test]
    fn without_a_supervise_a_status_says_nothing() {
        let status = Status { label: Label::default(), pid: 7, is_paused: false, want: Want::Up };
        assert_eq!(State::judge(Some(false), Some(&status), 0), State::NotSupervised);
        assert_eq!(State::judge(Some(false), None, 0), State::NotSupervised);
        assert_eq!(State::judge(None, Some(&status), 0), State::Up);
        assert_eq!(State::judge(None, None, 0), State::Unreadable);
        assert_eq!(State::judge(Some(true), None, 0), State::Unreadable);
    }

    #[test]
    fn every_state_is_known_by_its_names() {
        for state in State::ALL {
            assert_eq!(State::named(state.word()), Some(state));
            assert_eq!(State::named(state.short()), Some(state));
            assert_eq!(State::named(&state.word().replace(' ', "-")), Some(state));
        }
        assert_eq!(State::named("Waiting"), Some(State::Waiting));
        assert_eq!(State::named("upp"), None);
    }
}
