//! Becoming somebody else, for good.

use super::Errno;
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

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

/// Sets the supplementary groups, the group and the user, in that order (the right to set the
/// first goes with the last), and makes sure that the old ones cannot be had back.
///
/// # Errors
/// See [`BecomeError`]; the process then is neither the one nor the other, and must end.
pub fn become_user(user: u32, group: u32, groups: &[u32]) -> Result<(), BecomeError> {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(BecomeError::Group)?;
    setgid(Gid::from_raw(group)).map_err(BecomeError::Group)?;
    setuid(Uid::from_raw(user)).map_err(BecomeError::User)?;
    let can_return =
        setuid(Uid::from_raw(0)).is_ok() || group != 0 && setgid(Gid::from_raw(0)).is_ok();
    if user != 0 && can_return { Err(BecomeError::NotForGood) } else { Ok(()) }
}
