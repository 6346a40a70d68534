//! Services and loggers that run although no name in the scan directory leads to them: an admin
//! removed the link and did not stop them. svscan warns of each once.

use super::Roster;
use crate::svscan::SVSCAN;
use crate::svscan::plan::{Key, Role};
use crate::sys::proc;
use std::collections::BTreeMap;
use std::os::fd::AsFd;

/// How many ticks in a row must find a service so: this leaves time for `rm /service/S` and then
/// `svc -dx . log`, and for a link that is made again.
const TICKS: u8 = 3;

/// The services without a name at the last tick, each with the number of ticks that found it so.
#[derive(Debug, Default)]
pub struct Nameless {
    ticks: BTreeMap<Key, u8>,
}

impl Nameless {
    /// Notes all services without a name at this tick. Returns those to warn of now.
    pub fn note(&mut self, those: &[Key]) -> Vec<Key> {
        let before = core::mem::take(&mut self.ticks);
        let count = |key: &Key| before.get(key).copied().unwrap_or(0);
        self.ticks = those.iter().map(|key| (*key, (count(key) + 1).min(TICKS + 1))).collect();
        those.iter().copied().filter(|key| count(key) + 1 == TICKS).collect()
    }
}

impl Roster {
    /// At a tick: warns, once, of services that run without a name in the scan directory.
    pub fn name_the_nameless(&mut self) {
        let running = |key: &Key| {
            let entry = self.entries.get(key)?;
            let role = Role::BOTH.into_iter().find(|role| entry.is_up(*role))?;
            Some((*key, entry, role))
        };
        let running: Vec<_> = self.missed.iter().filter_map(running).collect();
        let keys: Vec<Key> = running.iter().map(|(key, ..)| *key).collect();
        let named = self.nameless.note(&keys);
        for (_, entry, role) in running.iter().filter(|(key, ..)| named.contains(key)) {
            let place = entry.open_directory(*role).and_then(|it| proc::path_behind(it.as_fd()));
            let place =
                place.map_or_else(|_| Vec::new(), |path| [b" in ", &path[..], b","].concat());
            let who: &[&[u8]] = &[&entry.name, role.suffix(), b" still runs,", &place];
            SVSCAN.warning(&[who, &[b" and has no name in the scan directory"]].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_once_when_enough_ticks_agree() {
        let [a, b] = [(1, 1), (1, 2)];
        let mut nameless = Nameless::default();
        assert_eq!(nameless.note(&[a]), []);
        assert_eq!(nameless.note(&[a, b]), []);
        assert_eq!(nameless.note(&[a, b]), [a]);
        assert_eq!(nameless.note(&[a, b]), [b]);
        for _ in 0..300 {
            assert_eq!(nameless.note(&[a, b]), []);
        }
        // For a service that had a name again, or did not run, the count begins anew.
        assert_eq!(nameless.note(&[b]), []);
        let named: Vec<_> = (0..4).map(|_| nameless.note(&[a, b])).collect();
        assert_eq!(named, [vec![], vec![], vec![a], vec![]]);
    }
}
