//! Globs: `*`, `?` and `[...]` over the bytes of a name. Pure.

/// Whether a word has a byte of a glob.
#[must_use]
pub fn is_glob(word: &[u8]) -> bool {
    word.iter().any(|byte| b"*?[]".contains(byte))
}

/// Whether `name` matches `pattern`. A bracket without its closing one stands for itself. Takes at
/// most as many steps as the product of the two lengths.
#[must_use]
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // The last star, and where its text ended: if what follows it does not match, the star takes
    // one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match (pattern.split_first(), name.split_first()) {
            (None, None) => return true,
            (Some((b'*', after)), _) => {
                retry = Some((after, name));
                Some((after, name))
            }
            (Some(_), Some((&byte, rest))) => takes(pattern, byte).map(|after| (after, rest)),
            _ => None,
        };
        (pattern, name) = match step {
            Some(next) => next,
            None => {
                let Some((after, from)) = retry else { return false };
                let Some((_, rest)) = from.split_first() else { return false };
                retry = Some((after, rest));
                (after, rest)
            }
        };
    }
}

/// The rest of `pattern` when its first element has matched `byte`; nothing if it does not match.
fn takes(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (&first, after) = pattern.split_first()?;
    match first {
        b'?' => Some(after),
        b'[' => match set(after) {
            Some((set, after)) => set.has(byte).then_some(after),
            None => (byte == b'[').then_some(after),
        },
        _ => (first == byte).then_some(after),
    }
}

struct Set<'a> {
    is_inverted: bool,
    members: &'a [u8],
}

/// The set after a `[`, and what follows its `]`.
fn set(text: &[u8]) -> Option<(Set<'_>, &[u8])> {
    let (is_inverted, members) = match text.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, text),
    };
    // As the first character of a set, a closing bracket is a member.
    let end = members.iter().skip(1).position(|&byte| byte == b']')? + 1;
    let (members, after) = members.split_at_checked(end)?;
    Some((Set { is_inverted, members }, after.get(1..)?))
}

impl Set<'_> {
    fn has(&self, byte: u8) -> bool {
        let mut left = self.members;
        let mut is_member = false;
        while let Some((&first, after)) = left.split_first() {
            left = match after {
                [b'-', last, rest @ ..] => {
                    is_member |= (first..=*last).contains(&byte);
                    rest
                }
                _ => {
                    is_member |= first == byte;
                    after
                }
            };
        }
        is_member != self.is_inverted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_globs_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("web*", "web1", true),
            ("web*", "web", true),
            ("*web", "web1", false),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxbxxa", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]]x", "]x", true),
            ("[-a]x", "-x", true),
            ("[a", "[a", true),
            ("[", "[", true),
            ("[]", "[]", true),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    /// Compares with the plainest definition, for all short patterns and names.
    #[test]
    fn every_short_pattern_matches_what_the_definition_says() {
        fn naive(pattern: &[u8], name: &[u8]) -> bool {
            match pattern.split_first() {
                None => name.is_empty(),
                Some((b'*', after)) => (0..=name.len()).any(|taken| naive(after, &name[taken..])),
                Some((b'?', after)) => !name.is_empty() && naive(after, &name[1..]),
                Some((first, after)) => name.first() == Some(first) && naive(after, &name[1..]),
            }
        }
        fn words(alphabet: &[u8], longest: u32) -> Vec<Vec<u8>> {
            let mut words = vec![Vec::new()];
            let mut from = 0;
            for _ in 0..longest {
                let end = words.len();
                for word in from..end {
                    for byte in alphabet {
                        words.push([&words[word][..], &[*byte]].concat());
                    }
                }
                from = end;
            }
            words
        }
        for pattern in words(b"ab*?", 5) {
            for name in words(b"ab", 5) {
                assert_eq!(matches(&pattern, &name), naive(&pattern, &name));
            }
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = b"*a".repeat(200);
        assert!(!matches(&pattern, &[b'a'; 199]));
        assert!(matches(&pattern, &[b'a'; 400]));
    }
}
