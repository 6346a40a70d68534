//! Which of the files that supervise runs another user can write. Pure.

use super::finding::{Finding, Kind};
use crate::text;

/// A file or directory that supervise runs, or a directory above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its path without links.
    pub path: Vec<u8>,
    /// Its owner.
    pub owner: u32,
    /// Its group.
    pub group: u32,
    /// Whether the group has a member besides root, or may have one.
    pub has_members: bool,
    /// Its mode.
    pub mode: u32,
    /// Whether it is a directory above the service's: then the sticky bit protects what is in it.
    pub is_above: bool,
}

/// Why a user other than root and `user` can write a place; `user` is the one that supervise runs
/// as.
fn reason(place: &Place, user: u32) -> Option<String> {
    let is_kept = place.is_above && place.mode & 0o1000 != 0;
    if place.owner != 0 && place.owner != user {
        return Some(format!("user {} owns it", place.owner));
    }
    if place.mode & 0o002 != 0 && !is_kept {
        return Some("all users may write it".to_owned());
    }
    // A group with no member but root counts as root. A user's own group may have that user alone
    // as its member, so groups count for services of root only.
    let is_of_others = place.group != 0 && place.has_members;
    if user == 0 && place.mode & 0o020 != 0 && is_of_others && !is_kept {
        return Some(format!("group {} may write it", place.group));
    }
    None
}

/// Whether a group has a member besides root, by the texts of /etc/group and /etc/passwd. A group
/// that neither has may come from elsewhere, and counts as having members.
#[must_use]
pub fn has_members(group: u32, groups: &[u8], accounts: &[u8]) -> bool {
    let fields = |line: &[u8]| -> Vec<Vec<u8>> {
        line.split(|&byte| byte == b':').map(<[u8]>::to_vec).collect()
    };
    let number = group.to_string().into_bytes();
    let lines = |text: &[u8]| -> Vec<Vec<Vec<u8>>> {
        text.split(|&byte| byte == b'\n').map(fields).collect()
    };
    let groups = lines(groups);
    let Some(found) = groups.iter().find(|fields| fields.get(2) == Some(&number)) else {
        return true;
    };
    let members = found.get(3).cloned().unwrap_or_default();
    let mut members = members.split(|&byte| byte == b',');
    members.any(|member| !member.is_empty() && member != b"root")
        || lines(accounts).iter().any(|fields| {
            fields.get(3) == Some(&number) && fields.get(2).is_some_and(|user| user != b"0")
        })
}

/// The finding about the places of a service that `user` runs; without the name of a service, about
/// those of the scan directory.
#[must_use]
pub fn judge(name: Option<&[u8]>, user: u32, places: &[Place]) -> Option<Finding> {
    let wrong = |place| Some((place, reason(place, user)?));
    let wrong: Vec<(&Place, String)> = places.iter().filter_map(wrong).collect();
    if wrong.is_empty() {
        return None;
    }
    let who = if user == 0 { "root".to_owned() } else { format!("user {user}") };
    let title = format!("{who} runs what others can write");
    let kind = Kind::WritableByOthers;
    let mut found = match name {
        Some(name) => Finding::on(name, kind, title),
        None => Finding::at_large(kind, title),
    };
    for (place, reason) in &wrong {
        found =
            found.saw(format!("{}: {reason}, mode {:04o}", text::name(&place.path), place.mode));
    }
    for (place, _) in wrong {
        let path = text::quoted(&place.path);
        if place.owner != 0 && place.owner != user {
            found = found.command(format!("chown {user} {path}"));
        }
        if place.mode & 0o022 != 0 {
            found = found.command(format!("chmod go-w {path}"));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(owner: u32, group: u32, mode: u32, is_above: bool) -> Place {
        let has_members = true;
        Place { path: b"/d/x/run".to_vec(), owner, group, has_members, mode, is_above }
    }

    #[test]
    fn a_group_without_members_is_no_other_user() {
        let groups = b"root:x:0:\nstaff:x:50:\nadm:x:4:root,joe\nown:x:1000:\n";
        let accounts = b"root:x:0:0:::\njoe:x:1000:1000:::\nnone";
        assert!(!has_members(50, groups, accounts));
        assert!(has_members(4, groups, accounts) && has_members(1000, groups, accounts));
        // The group may come from a directory service, or not exist.
        assert!(has_members(77, groups, accounts));
        let empty = Place { has_members: false, ..place(0, 50, 0o775, true) };
        assert!(commands(0, empty).is_empty());
    }

    fn commands(user: u32, place: Place) -> Vec<String> {
        judge(Some(b"x"), user, &[place]).map(|found| found.commands).unwrap_or_default()
    }

    #[test]
    fn what_only_root_and_the_user_can_write_is_safe() {
        for (user, right) in [
            (0, place(0, 0, 0o755, false)),
            (0, place(0, 0, 0o775, false)),
            (0, place(0, 0, 0o1777, true)),
            (0, place(0, 50, 0o2755, false)),
            (1000, place(1000, 1000, 0o775, false)),
            (1000, place(0, 0, 0o755, false)),
        ] {
            assert!(commands(user, right.clone()).is_empty(), "{right:?}");
        }
    }

    #[test]
    fn what_others_can_write_is_found() {
        let go = "chmod go-w /d/x/run";
        assert_eq!(commands(0, place(1000, 0, 0o755, false)), ["chown 0 /d/x/run"]);
        assert_eq!(commands(0, place(0, 0, 0o777, false)), [go]);
        assert_eq!(commands(0, place(0, 50, 0o775, false)), [go]);
        assert_eq!(commands(0, place(0, 0, 0o1777, false)), [go]);
        assert_eq!(commands(0, place(0, 0, 0o777, true)), [go]);
        assert_eq!(commands(1000, place(1001, 0, 0o755, false)), ["chown 1000 /d/x/run"]);
        assert_eq!(commands(1000, place(1000, 0, 0o777, false)), [go]);
    }
}
