//! "Did you mean": the name that a mistyped one is nearest to. Pure.

/// The nearest of `names` to `typed`, if it is near enough to be meant.
pub fn nearest<'a>(typed: &[u8], names: impl IntoIterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    // One slip, and one more for each three bytes; at most three.
    let allowed = (typed.len() / 3 + 1).min(3);
    let mut best: Option<(usize, &[u8])> = None;
    for name in names {
        let distance = if typed.len() > 1 && name.starts_with(typed) {
            // The beginning of a name counts as one slip.
            1
        } else if name.len().abs_diff(typed.len()) > allowed {
            continue;
        } else {
            distance(typed, name)
        };
        // Where each byte of a short name is a slip, it is another name.
        let is_near = distance <= allowed && distance < name.len().max(2);
        if is_near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// How many slips lead from `one` to `other`: a byte left out, added, changed, or swapped with the
/// next one. A difference of case is no slip.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let same =
        |a: Option<&u8>, b: Option<&u8>| a.zip(b).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for row in 1..=one.len() {
        let mut current = vec![row];
        for column in 1..=other.len() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX);
            let (a, b) = (one.get(row - 1), other.get(column - 1));
            let changed = at(&last, column - 1) + usize::from(!same(a, b));
            let mut least = changed.min(at(&last, column) + 1).min(at(&current, column - 1) + 1);
            if row > 1 && column > 1 && same(a, other.get(column - 2)) && same(one.get(row - 2), b)
            {
                least = least.min(at(&before, column - 2) + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (one, other, expected) in [
            ("nginx", "nginx", 0),
            ("ngnix", "nginx", 1),
            ("nginxx", "nginx", 1),
            ("ngin", "nginx", 1),
            ("Nginx", "nginx", 0),
            ("mginy", "nginx", 2),
            ("", "abc", 3),
        ] {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
            assert_eq!(distance(other.as_bytes(), one.as_bytes()), expected, "{other} {one}");
        }
    }

    #[test]
    fn only_a_near_name_is_meant() {
        let names: [&[u8]; 4] = [b"nginx", b"mailer", b"api", b"database-primary"];
        let meant = |typed: &str| nearest(typed.as_bytes(), names);
        assert_eq!(meant("ngnix"), Some(&b"nginx"[..]));
        assert_eq!(meant("mialer"), Some(&b"mailer"[..]));
        assert_eq!(meant("database"), Some(&b"database-primary"[..]));
        assert_eq!(meant("apj"), Some(&b"api"[..]));
        assert_eq!(meant("postgres"), None);
        assert_eq!(meant("x"), None);
        assert_eq!(meant(""), None);
    }
}
