//! Accounts: finds the ids of a name, and changes to them irrevocably.
//!
//! We read /etc/passwd ourselves, line by line, and ask nscd for a name that is not in it. The C
//! library's own parser turns an id that is missing or too large into 0, and 0 is root.

pub mod lines;

use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::{Errno, account, nscd};
use lines::Ids;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;

pub use account::BecomeError;

/// The account that a program is to run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its user and its primary group.
    pub ids: Ids,
    /// Its name, if it was found by name.
    name: Option<CString>,
}

/// Which supplementary groups the program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// The primary group alone, as in 0.76.
    Primary,
    /// All that the group database gives the account.
    OfAccount,
}

/// Looks up an account: `:USER:GROUP` are the ids themselves, anything else is a name.
#[must_use]
pub fn find(name: &CStr) -> Option<Account> {
    if let Some(numbers) = name.to_bytes().strip_prefix(b":") {
        let mut parts = numbers.split(|&byte| byte == b':').map(lines::number);
        let ids = Ids { user: parts.next()??, group: parts.next()?? };
        return parts.next().is_none().then_some(Account { ids, name: None });
    }
    let mut found = None;
    // If the file cannot be read to its end, the name counts as not found, as in 0.76.
    let _ = each_line(b"/etc/passwd", |line| {
        found = found.or_else(|| lines::ids(line, name.to_bytes()));
        found.is_none()
    });
    let ids = found.or_else(|| {
        let (user, group) = nscd::ids(name)?;
        // The value with all bits set is no id.
        (user != u32::MAX && group != u32::MAX).then_some(Ids { user, group })
    })?;
    Some(Account { ids, name: Some(name.to_owned()) })
}

/// The name of the account with this user id, if /etc/passwd has one.
#[must_use]
pub fn name_of(user: u32) -> Option<Vec<u8>> {
    let mut found = None;
    // If the file cannot be read to its end, the name counts as not found.
    let _ = each_line(b"/etc/passwd", |line| {
        found = lines::name_with(line, user).map(<[u8]>::to_vec);
        found.is_none()
    });
    found
}

impl Account {
    /// Changes to this account: groups, group, user, in that order, irrevocably.
    ///
    /// # Errors
    /// See [`BecomeError`]; then the change may be half done, and the process must end.
    pub fn become_it(&self, groups: Groups) -> Result<(), BecomeError> {
        let mut list = vec![self.ids.group];
        if let (Groups::OfAccount, Some(name)) = (groups, &self.name) {
            self.add_groups(name, &mut list).map_err(BecomeError::Group)?;
        }
        account::become_user(self.ids.user, self.ids.group, &list)
    }

    /// Adds the groups of /etc/group that list the account, and those that nscd knows of.
    fn add_groups(&self, name: &CStr, list: &mut Vec<u32>) -> Result<(), Errno> {
        let mut add = |group| {
            if group != u32::MAX && !list.contains(&group) {
                list.push(group);
            }
        };
        let read = each_line(b"/etc/group", |line| {
            lines::group_with(line, name.to_bytes()).into_iter().for_each(&mut add);
            true
        });
        match read {
            Err(error) if error != Errno::ENOENT => return Err(error),
            _ => {}
        }
        nscd::groups(name).into_iter().for_each(add);
        Ok(())
    }
}

/// Calls `look` with each line of a file, without its newline, as long as it returns true.
fn each_line(path: &[u8], mut look: impl FnMut(&[u8]) -> bool) -> Result<(), Errno> {
    let file = descriptor::open(HERE, path, Purpose::Read)?;
    let mut block = [0; 4096];
    let mut line = Vec::new();
    loop {
        let length = descriptor::read(file.as_fd(), &mut block)?;
        let bytes = block.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            // The last line may lack its newline.
            look(&line);
            return Ok(());
        }
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            line.extend_from_slice(part);
            if line.last() == Some(&b'\n') {
                line.pop();
                if !look(&line) {
                    return Ok(());
                }
                line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_and_nothing_else() {
        let account = |user, group| Some(Account { ids: Ids { user, group }, name: None });
        assert_eq!(find(c":1000:1001"), account(1000, 1001));
        assert_eq!(find(c":0:0"), account(0, 0));
        for name in [c":", c":1", c":1:", c"::1", c":1:2:3", c":+1:2", c":1:-2", c": 1:2"] {
            assert_eq!(find(name), None, "{name:?}");
        }
        for name in [c":4294967295:1", c":1:4294967295", c":4294967296:1"] {
            assert_eq!(find(name), None, "{name:?}");
        }
    }
}
