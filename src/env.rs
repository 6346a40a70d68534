//! The environment: the one that we were started with, and the one that a wrapper makes for its
//! program.

use crate::sys::command_line;
use std::ffi::{CStr, CString};

/// The value of `name`, if it is set.
#[must_use]
pub fn value(name: &[u8]) -> Option<&'static [u8]> {
    command_line::environment()
        .find_map(|string| string.to_bytes().strip_prefix(name)?.strip_prefix(b"="))
}

/// Changes to an environment, in their order. They are applied when the program is run.
#[derive(Debug, Default)]
pub struct Changes {
    list: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    /// The first string that begins with this is removed.
    name_and_sign: Vec<u8>,
    /// The string that is added, if any.
    string: Option<CString>,
}

impl Changes {
    /// Sets `name`. If `name` contains a `=`, the variable of the part before it is replaced, as in
    /// 0.76. A NUL byte cannot be in an environment: it and everything after it is cut off.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let string = [name, b"=", value].concat();
        let string = string.split(|&byte| byte == 0).next().unwrap_or_default();
        self.list.push(Change { name_and_sign: sign(name), string: CString::new(string).ok() });
    }

    /// Removes `name`.
    pub fn unset(&mut self, name: &[u8]) {
        self.list.push(Change { name_and_sign: sign(name), string: None });
    }

    /// Applies the changes to `before`. As in 0.76, the last string takes the place of a removed
    /// one, a new string is put at the end, and of several strings of one name only the first is
    /// removed.
    #[must_use]
    pub fn apply<'a, 'b: 'a>(&'a self, before: impl Iterator<Item = &'b CStr>) -> Vec<&'a CStr> {
        let mut strings: Vec<&'a CStr> = before.map(|string| string as &'a CStr).collect();
        for change in &self.list {
            let is_it = |string: &&CStr| string.to_bytes().starts_with(&change.name_and_sign);
            if let Some(place) = strings.iter().position(is_it) {
                strings.swap_remove(place);
            }
            strings.extend(change.string.as_deref());
        }
        strings
    }
}

fn sign(name: &[u8]) -> Vec<u8> {
    let name = name.split(|&byte| byte == b'=').next().unwrap_or_default();
    [name, b"="].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(before: &[&CStr], changes: &Changes) -> Vec<CString> {
        changes.apply(before.iter().copied()).into_iter().map(CStr::to_owned).collect()
    }

    #[test]
    fn the_last_string_takes_the_place_of_one_that_goes() {
        let mut changes = Changes::default();
        changes.set(b"K=L", b"q");
        changes.set(b"N", b"");
        changes.set(b"A", b"x");
        changes.unset(b"B");
        let before = [c"A=2", c"B=2", c"C=3", c"K=9", c"PATH=p"];
        let expected = [c"N=", c"A=x", c"C=3", c"PATH=p", c"K=L=q"];
        assert_eq!(applied(&before, &changes), expected.map(CStr::to_owned));
    }

    #[test]
    fn of_two_of_one_name_the_first_goes() {
        let mut changes = Changes::default();
        changes.unset(b"A");
        changes.unset(b"NONE");
        let before = [c"A=1", c"AB=2", c"A=3"];
        assert_eq!(applied(&before, &changes), [c"A=3", c"AB=2"].map(CStr::to_owned));
    }
}
