//! Changes the user and the groups of this process, irrevocably.

use super::Errno;
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

/// Which step of the change failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BecomeError {
    /// The groups or the group id could not be set.
    Group(Errno),
    /// The user id could not be set.
    User(Errno),
    /// The old user or group could be taken back.
    NotForGood,
}

/// Sets the supplementary groups, the group and the user, in that order, since the right to set
/// groups is lost with the user. Makes sure that the old ones cannot be taken back.
///
/// # Errors
/// See [`BecomeError`]; then the change may be half done, and the process must end.
pub fn become_user(user: u32, group: u32, groups: &[u32]) -> Result<(), BecomeError> {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(BecomeError::Group)?;
    setgid(Gid::from_raw(group)).map_err(BecomeError::Group)?;
    setuid(Uid::from_raw(user)).map_err(BecomeError::User)?;
    let can_return =
        setuid(Uid::from_raw(0)).is_ok() || group != 0 && setgid(Gid::from_raw(0)).is_ok();
    if user != 0 && can_return { Err(BecomeError::NotForGood) } else { Ok(()) }
}
