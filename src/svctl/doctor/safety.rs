//! What another user can write of what supervise runs. Pure.

use super::finding::{Finding, Kind};
use crate::text;

/// A file or directory that is run, or stands on the way to what is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its path without links.
    pub path: Vec<u8>,
    /// Its owner.
    pub owner: u32,
    /// Its group.
    pub group: u32,
    /// Its mode.
    pub mode: u32,
    /// Whether it is a directory above the service's: then the sticky bit keeps others' hands off.
    pub is_above: bool,
}

/// Why another user than `user`, who runs it, can write a place.
fn reason(place: &Place, user: u32) -> Option<String> {
    let is_kept = place.is_above && place.mode & 0o1000 != 0;
    if place.owner != 0 && place.owner != user {
        return Some(format!("user {} owns it", place.owner));
    }
    if place.mode & 0o002 != 0 && !is_kept {
        return Some("all users may write it".to_owned());
    }
    // To root any other group is a group of others; to a user, his own may be his alone.
    if user == 0 && place.mode & 0o020 != 0 && place.group != 0 && !is_kept {
        return Some(format!("group {} may write it", place.group));
    }
    None
}

/// What is wrong with the places of a service that `user` runs, each place said once.
#[must_use]
pub fn judge(name: &[u8], user: u32, places: &[Place]) -> Option<Finding> {
    let wrong = |place| Some((place, reason(place, user)?));
    let wrong: Vec<(&Place, String)> = places.iter().filter_map(wrong).collect();
    if wrong.is_empty() {
        return None;
    }
    let who = if user == 0 { "root".to_owned() } else { format!("user {user}") };
    let title = format!("{who} runs what others can write");
    let mut found = Finding::on(name, Kind::WritableByOthers, title);
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
        Place { path: b"/d/x/run".to_vec(), owner, group, mode, is_above }
    }

    fn commands(user: u32, place: Place) -> Vec<String> {
        judge(b"x", user, &[place]).map(|found| found.commands).unwrap_or_default()
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
