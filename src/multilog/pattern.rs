//! Whether a pattern matches a line (contract.md, section 10.3): the whole line, byte by byte. A
//! star skips to the first occurrence of the pattern byte after it, and never tries a later one. A
//! star at the end matches the rest. There is no escape character. Of two stars in a row, the first
//! one looks for a literal `*`.

/// Whether `pattern` matches all of `line`.
#[must_use]
pub fn matches(mut pattern: &[u8], mut line: &[u8]) -> bool {
    loop {
        match pattern {
            [] => return line.is_empty(),
            [b'*'] => return true,
            [b'*', rest @ ..] => {
                let place = rest.first().and_then(|&next| memchr::memchr(next, line));
                let Some(found) = place.and_then(|place| line.get(place..)) else { return false };
                (pattern, line) = (rest, found);
            }
            [byte, rest @ ..] => match line {
                [first, left @ ..] if first == byte => (pattern, line) = (rest, left),
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same rule, written differently: where each byte of the pattern has to be.
    fn naive(pattern: &[u8], line: &[u8]) -> bool {
        let mut at = 0;
        for (index, &byte) in pattern.iter().enumerate() {
            if byte == b'*' {
                if index + 1 == pattern.len() {
                    return true;
                }
                let next = pattern[index + 1];
                match (at..line.len()).find(|&place| line[place] == next) {
                    Some(place) => at = place,
                    None => return false,
                }
            } else if at < line.len() && line[at] == byte {
                at += 1;
            } else {
                return false;
            }
        }
        at == line.len()
    }

    fn words(longest: usize) -> Vec<Vec<u8>> {
        let mut all = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..longest {
            let until = all.len();
            for index in from..until {
                for byte in *b"ab*" {
                    all.push([&all[index][..], &[byte]].concat());
                }
            }
            from = until;
        }
        all
    }

    #[test]
    fn every_short_pattern_matches_what_the_rule_says() {
        let (patterns, lines) = (words(6), words(5));
        for pattern in &patterns {
            for line in &lines {
                assert_eq!(matches(pattern, line), naive(pattern, line), "{pattern:?} {line:?}");
            }
        }
    }

    #[test]
    fn the_contract_s_own_cases() {
        assert!(!matches(b"*y", b"yy"));
        assert!(matches(b"a**", b"a*b"));
        assert!(!matches(b"a**", b"ab"));
        assert!(matches(b"*", b""));
        assert!(!matches(b"", b"a"));
        assert!(!matches(b"* fatal: *", b"prog: x fatal: y"));
    }
}
