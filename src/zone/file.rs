//! A zone's file: TZif, versions 1 to 4 (RFC 9636). Pure.

use super::Local;
use super::rule::Rule;

/// The contents of a file.
#[derive(Debug, Default)]
pub struct ZoneFile {
    /// Times, and how many seconds ahead of UTC the local clock is from then on. In order of time.
    changes: Vec<(i64, i64)>,
    /// How many seconds ahead of UTC the local clock is before the first change.
    first: i64,
    /// The rule after the last change. Without it the last change stays in force.
    rule: Option<Rule>,
    /// Times, and how many leap seconds there were in all from then on. In order of time.
    leaps: Vec<(i64, i64)>,
}

/// The counts of a header, in its order.
struct Counts {
    utc: usize,
    standard: usize,
    leaps: usize,
    changes: usize,
    kinds: usize,
    names: usize,
}

impl ZoneFile {
    /// Parses `bytes`; `None` if they are no such file.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut left = bytes;
        let (version, counts) = header(&mut left)?;
        if version == 0 {
            return Self::body(&mut left, &counts, 4);
        }
        // Skip the copy of the data with 32-bit times, which older readers use.
        Self::body(&mut left, &counts, 4)?;
        let (_, counts) = header(&mut left)?;
        let mut file = Self::body(&mut left, &counts, 8)?;
        let line =
            left.strip_prefix(b"\n").and_then(|line| line.split(|byte| *byte == b'\n').next());
        file.rule = line.and_then(Rule::parse);
        Some(file)
    }

    /// The part after a header, with times of `width` bytes.
    fn body(left: &mut &[u8], counts: &Counts, width: usize) -> Option<Self> {
        let moments = take(left, counts.changes.checked_mul(width)?)?;
        let kinds_of = take(left, counts.changes)?;
        let kinds = take(left, counts.kinds.checked_mul(6)?)?;
        take(left, counts.names)?;
        let leaps = take(left, counts.leaps.checked_mul(width + 4)?)?;
        take(left, counts.standard)?;
        take(left, counts.utc)?;
        let ahead_of = |kind: usize| kinds.chunks(6).nth(kind)?.get(..4).and_then(number);
        let changes = moments.chunks(width).zip(kinds_of);
        let changes = changes
            .map(|(moment, kind)| Some((number(moment)?, ahead_of(usize::from(*kind))?)))
            .collect::<Option<Vec<_>>>()?;
        let leaps = leaps
            .chunks(width + 4)
            .map(|leap| leap.split_at_checked(width))
            .map(|leap| leap.and_then(|(moment, sum)| Some((number(moment)?, number(sum)?))))
            .collect::<Option<Vec<_>>>()?;
        Some(Self { changes, first: ahead_of(0)?, rule: None, leaps })
    }

    /// What the local clock shows at `moment`.
    #[must_use]
    pub fn at(&self, moment: i64) -> Local {
        let before = self.changes.partition_point(|(change, _)| *change <= moment);
        let ahead = match (&self.rule, before.checked_sub(1).and_then(|at| self.changes.get(at))) {
            (Some(rule), _) if before == self.changes.len() => rule.ahead(moment),
            (_, Some((_, ahead))) => *ahead,
            (_, None) => self.first,
        };
        let before = self.leaps.partition_point(|(leap, _)| *leap <= moment);
        let (past, _) = self.leaps.split_at_checked(before).unwrap_or_default();
        let Some((last, sum)) = past.last() else { return Local { ahead, leap: 0 } };
        let earlier = past.iter().nth_back(1).map_or(0, |(_, sum)| *sum);
        let leap = i64::from(*last == moment && *sum > earlier);
        Local { ahead: ahead.saturating_sub(*sum), leap }
    }
}

/// Reads a header: the version (0 for the first one) and the counts.
fn header(left: &mut &[u8]) -> Option<(u8, Counts)> {
    if take(left, 4)? != b"TZif" {
        return None;
    }
    let version = *take(left, 16)?.first()?;
    let mut count = || number(take(left, 4)?).and_then(|count| usize::try_from(count).ok());
    let counts = Counts {
        utc: count()?,
        standard: count()?,
        leaps: count()?,
        changes: count()?,
        kinds: count()?,
        names: count()?,
    };
    Some((version, counts))
}

fn take<'a>(left: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = left.split_at_checked(count)?;
    *left = rest;
    Some(taken)
}

/// A signed number, big-endian.
fn number(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        4 => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
        _ => bytes.try_into().ok().map(i64::from_be_bytes),
    }
}
