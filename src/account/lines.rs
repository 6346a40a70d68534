//! The lines of /etc/passwd and /etc/group, passwd(5) and group(5). Pure.
//!
//! A line whose ids cannot be read is ignored: a missing number must never become 0, which is root.
//! As glibc does, we accept white space before the first field and before an id, a passwd line of
//! four fields, and a group line of three. Lines that begin with `+` or `-` are for NIS and are
//! ignored.

/// The ids of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The user id.
    pub user: u32,
    /// The primary group's id.
    pub group: u32,
}

/// The ids of the account of this name, if this `line` of /etc/passwd describes it.
#[must_use]
pub fn ids(line: &[u8], name: &[u8]) -> Option<Ids> {
    let mut fields = fields(line, 5)?;
    if name.is_empty() || fields.next()? != name {
        return None;
    }
    let _password = fields.next()?;
    let (user, group) = (id(fields.next()?)?, id(fields.next()?)?);
    Some(Ids { user, group })
}

/// The name of the account that this `line` of /etc/passwd describes, if it has this user id.
#[must_use]
pub fn name_with(line: &[u8], user: u32) -> Option<&[u8]> {
    let mut fields = fields(line, 5)?;
    let name = fields.next().filter(|name| !name.is_empty())?;
    let _password = fields.next()?;
    (id(fields.next()?)? == user).then_some(name)
}

/// The group that this `line` of /etc/group describes, if it lists `name` as a member.
#[must_use]
pub fn group_with(line: &[u8], name: &[u8]) -> Option<u32> {
    let mut fields = fields(line, 4)?;
    let _name = fields.next()?;
    let _password = fields.next()?;
    let group = id(fields.next()?)?;
    let mut members = fields.next()?.split(|&byte| byte == b',');
    let is_member = !name.is_empty() && members.any(|member| without_blanks(member) == name);
    is_member.then_some(group)
}

/// Parses an id: decimal digits and nothing else. The value with all bits set is refused, because
/// setresuid(2) takes it for "leave unchanged".
#[must_use]
pub fn number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()?;
    (number != u32::MAX).then_some(number)
}

/// The fields of a line that is neither a comment nor for NIS. The last of `count` fields is the
/// rest of the line.
fn fields(line: &[u8], count: usize) -> Option<impl Iterator<Item = &[u8]>> {
    let line = without_blanks(line);
    let says_something = !matches!(line.first(), None | Some(b'#' | b'+' | b'-'));
    says_something.then(|| line.splitn(count, |&byte| byte == b':'))
}

fn id(field: &[u8]) -> Option<u32> {
    number(without_blanks(field))
}

/// The text after leading white space, as isspace(3) defines it.
fn without_blanks(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let first = text.iter().position(|byte| !is_blank(byte));
    text.get(first.unwrap_or(text.len())..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<(u32, u32)> {
        ids(line.as_bytes(), b"www").map(|ids| (ids.user, ids.group))
    }

    #[test]
    fn an_id_has_the_name_of_its_line() {
        let name = |line: &'static str| name_with(line.as_bytes(), 33);
        assert_eq!(name("www:x:33:33::/:/bin/sh"), Some(&b"www"[..]));
        for line in ["www:x:34:33::/:/bin/sh", ":x:33:33:::", "#www:x:33:33:::", "www:x", ""] {
            assert_eq!(name(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_without_two_plain_numbers_is_no_line() {
        for line in [
            "",
            "www",
            "www:x",
            "www:x:33",
            "www:x::33::/:/bin/sh",
            "www:x:33:::/:/bin/sh",
            "www:x:::::",
            "www:x:4294967296:33::/:/bin/sh",
            "www:x:33:4294967296::/:/bin/sh",
            "www:x:4294967295:33::/:/bin/sh",
            "www:x:18446744073709551617:33::/:/bin/sh",
            "www:x:-1:33::/:/bin/sh",
            "www:x:+33:33::/:/bin/sh",
            "www:x:0x21:33::/:/bin/sh",
            "www:x:33 :33::/:/bin/sh",
            "www:x:33:33 ::/:/bin/sh",
            "www:x:33:33\r",
            "www:x:3\x003:33::/:/bin/sh",
            "www:x:33a:33::/:/bin/sh",
        ] {
            assert_eq!(found(line), None, "{line:?}");
        }
    }

    #[test]
    fn what_glibc_takes_is_taken() {
        for line in [
            "www:x:33:34::/:/bin/sh",
            "www::0033:034",
            "www:x:33:34:",
            " \t\x0b\x0c\rwww:x: 33:\t34::/:/bin/sh",
            "www:x:33:34:::::::::",
        ] {
            assert_eq!(found(line), Some((33, 34)), "{line:?}");
        }
        let largest = found("www:x:4294967294:0:");
        assert_eq!(largest, Some((4_294_967_294, 0)));
    }

    #[test]
    fn only_a_name_that_is_there_whole_is_found() {
        for line in ["ww:x:1:1", "wwww:x:1:1", "www :x:1:1", "#www:x:1:1", " #www:x:1:1"] {
            assert_eq!(found(line), None, "{line:?}");
        }
        for name in ["", "+", "-", "+nis", "#hash", "#"] {
            let line = format!("{name}:x:5:5::/:/bin/sh");
            assert_eq!(ids(line.as_bytes(), name.as_bytes()), None, "{line:?}");
        }
        assert_eq!(ids(b"+::::::", b"+"), None);
    }

    #[test]
    fn a_group_has_the_members_of_its_list() {
        let in_group = |line: &str| group_with(line.as_bytes(), b"www");
        for line in [
            "g:x:9:www",
            "g::9:root,www",
            " g:x: 9: www",
            "g:x:9:,, www,,",
            "g:x:9:www,root:",
            ":x:9:www",
        ] {
            assert_eq!(in_group(line), Some(9), "{line:?}");
        }
        for line in [
            "g:x:9",
            "g:x:9:",
            "g:x:9:ww,wwww",
            "g:x:9:www ,root",
            "g:x:9:www\r",
            "g:x:9:www:",
            "g:x::www",
            "g:x:-1:www",
            "g:x:9 :www",
            "g:x:4294967295:www",
            "g:x:4294967296:www",
            "+:x:9:www",
            "+::0:www",
            "-g:x:9:www",
            "#g:x:9:www",
        ] {
            assert_eq!(in_group(line), None, "{line:?}");
        }
        assert_eq!(group_with(b"g:x:9:,", b""), None);
    }

    #[test]
    fn a_number_is_digits_and_below_all_ones() {
        assert_eq!(number(b"4294967294"), Some(4_294_967_294));
        for text in [&b""[..], b" 1", b"1 ", b"+1", b"-1", b"4294967295", b"4294967296"] {
            assert_eq!(number(text), None);
        }
    }
}
