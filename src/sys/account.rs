//! Accounts: who one is by name, and becoming somebody for good.

use super::Errno;
use nix::unistd::{Gid, Uid, getgrouplist, setgid, setgroups, setuid};
use std::ffi::{CStr, CString};

/// Who a program shall run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user id.
    pub user: u32,
    /// The primary group's id.
    pub group: u32,
    /// Its name, if it was found by one.
    name: Option<CString>,
}

/// Looks an account up: `:USER:GROUP` are its ids themselves, all else is a name in the account
/// database (getpwnam(3); the C library in this program reads /etc/passwd and asks nscd, and knows
/// no other source).
#[must_use]
pub fn find(name: &CStr) -> Option<Account> {
    if let Some(numbers) = name.to_bytes().strip_prefix(b":") {
        let mut parts = numbers.split(|&byte| byte == b':');
        let (user, group) = (number(parts.next()?)?, number(parts.next()?)?);
        return parts.next().is_none().then_some(Account { user, group, name: None });
    }
    // SAFETY: the name is NUL-terminated, and there is one thread.
    let found = unsafe { libc::getpwnam(name.as_ptr()) };
    // SAFETY: null, or a record that stays until the next call.
    let found = unsafe { found.as_ref() }?;
    Some(Account { user: found.pw_uid, group: found.pw_gid, name: Some(name.to_owned()) })
}

/// All ones means "leave as it is" to setuid(2)'s relatives: no id.
fn number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()?;
    (number != u32::MAX).then_some(number)
}

/// Which supplementary groups come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// The primary group alone, as in 0.76.
    Primary,
    /// All that the group database gives the account.
    OfAccount,
}

/// Which step of becoming somebody failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BecomeError {
    /// The groups or the group id could not be set.
    Group(Errno),
    /// The user id could not be set.
    User(Errno),
    /// What was given up could be had back.
    NotForGood,
}

impl Account {
    /// Becomes this account: groups, group, user, in that order (the right to set the first goes
    /// with the last), and makes sure that the old ones cannot be had back.
    ///
    /// # Errors
    /// See [`BecomeError`]; the process then is neither the one nor the other, and must end.
    pub fn become_it(&self, groups: Groups) -> Result<(), BecomeError> {
        let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
        let list = match (groups, &self.name) {
            (Groups::OfAccount, Some(name)) => {
                getgrouplist(name, group).map_err(BecomeError::Group)?
            }
            _ => vec![group],
        };
        setgroups(&list).map_err(BecomeError::Group)?;
        setgid(group).map_err(BecomeError::Group)?;
        setuid(user).map_err(BecomeError::User)?;
        let root = Uid::from_raw(0);
        let can_return =
            setuid(root).is_ok() || self.group != 0 && setgid(Gid::from_raw(0)).is_ok();
        if self.user != 0 && can_return { Err(BecomeError::NotForGood) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_and_nothing_else() {
        let account = |user, group| Some(Account { user, group, name: None });
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
