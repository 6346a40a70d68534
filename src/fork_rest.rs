//! How long to rest after a failed fork: 1, 2, 4 and so on to 60 seconds. 0.76 always rests 60
//! seconds. Pure: the caller passes the time.

use core::time::Duration;

/// The longest rest in seconds; in 0.76 the only one.
const LONGEST: u64 = 60;
/// The number of failures that gives the longest rest. More need not be counted.
pub const MOST_FAILURES: u8 = 6;

/// The seconds to rest after a failed fork, with so many failures before it.
#[must_use]
pub fn seconds(failures: u8) -> u64 {
    (1_u64 << failures.min(MOST_FAILURES)).min(LONGEST)
}

/// The rest of a process that forks for many services: if one fork fails, the next would too.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForkRest {
    failures: u8,
    until: Duration,
}

impl ForkRest {
    /// Notes that a fork failed now. Returns the seconds to rest.
    pub fn fail(&mut self, now: Duration) -> u64 {
        let seconds = seconds(self.failures);
        self.failures = (self.failures + 1).min(MOST_FAILURES);
        self.until = now.saturating_add(Duration::from_secs(seconds));
        seconds
    }

    /// Ends the rest: a fork succeeded, or no service waits for one any more.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// When the rest will be over, if it is not.
    #[must_use]
    pub fn over_at(&self, now: Duration) -> Option<Duration> {
        (self.until > now).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_doubles_to_a_minute_and_a_fork_that_works_ends_it() {
        let now = Duration::from_secs(100);
        let mut rest = ForkRest::default();
        assert_eq!(rest.over_at(now), None);
        let rests: Vec<u64> = (0..9).map(|_| rest.fail(now)).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let over = now + Duration::from_secs(60);
        assert_eq!((rest.over_at(now), rest.over_at(over)), (Some(over), None));
        rest.end();
        assert_eq!((rest.over_at(now), rest.fail(now)), (None, 1));
    }

    #[test]
    fn no_count_of_failures_is_too_large() {
        assert_eq!([0, 5, 6, 63, u8::MAX].map(seconds), [1, 32, 60, 60, 60]);
    }
}
