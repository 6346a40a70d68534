//! All processes, counted once: which belong to a service, and how much memory they use.

use daemontools_rs::sys::file::Facts;
use daemontools_rs::sys::proc::{self, Counted};
use daemontools_rs::sys::process::Pid;
use std::collections::BTreeSet;

/// What a service's process and its descendants use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in RAM. A page that several processes share counts for each of them.
    pub resident: u64,
    /// How many processes.
    pub processes: usize,
}

/// The processes at one time.
#[derive(Debug)]
pub struct Processes {
    /// Sorted by pid.
    all: Vec<Counted>,
    /// The place of each process in `all`, sorted by its parent's pid.
    by_parent: Vec<(Pid, usize)>,
}

impl Processes {
    /// Counts all processes but those in `left_out`; nothing if /proc does not show them.
    #[must_use]
    pub fn count(left_out: &BTreeSet<Pid>) -> Option<Self> {
        proc::census(|pid| !left_out.contains(&pid))
            .ok()
            .filter(|all| !all.is_empty())
            .map(Self::of)
    }

    fn of(all: Vec<Counted>) -> Self {
        let mut by_parent: Vec<(Pid, usize)> =
            all.iter().enumerate().map(|(place, process)| (process.parent, place)).collect();
        by_parent.sort_unstable();
        Self { all, by_parent }
    }

    /// All of them, sorted by pid.
    #[must_use]
    pub fn all(&self) -> &[Counted] {
        &self.all
    }

    /// The process of this pid.
    #[must_use]
    pub fn find(&self, pid: Pid) -> Option<&Counted> {
        let place = self.all.binary_search_by_key(&pid, |process| process.pid).ok()?;
        self.all.get(place)
    }

    fn children(&self, parent: Pid) -> impl Iterator<Item = &Counted> {
        let from = self.by_parent.partition_point(|(pid, _)| *pid < parent);
        let those = self.by_parent.get(from..).unwrap_or_default();
        let those = those.iter().take_while(move |(pid, _)| *pid == parent);
        those.filter_map(|(_, place)| self.all.get(*place))
    }

    /// A process and its descendants, each after its parent and with its depth in the tree.
    #[must_use]
    pub fn tree(&self, root: Pid) -> Vec<(usize, &Counted)> {
        let mut tree: Vec<(usize, &Counted)> = Vec::new();
        let mut left: Vec<(usize, &Counted)> =
            self.find(root).map(|root| (0, root)).into_iter().collect();
        // The processes are read one after another, so parents may seem to form a circle: the count
        // ends it.
        while let Some((depth, process)) = left.pop() {
            if tree.len() == self.all.len() {
                break;
            }
            tree.push((depth, process));
            let children: Vec<_> =
                self.children(process.pid).filter(|child| child.pid != root).collect();
            left.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
        }
        tree
    }

    /// The memory of a process and its descendants; nothing if the process did not start at
    /// `start`: then another process has its pid. A `start` of 0 is not known.
    #[must_use]
    pub fn weigh(&self, root: Pid, start: Option<u64>) -> Option<Memory> {
        let found = self.find(root)?;
        if start.is_some_and(|start| start != 0 && start != found.start) {
            return None;
        }
        let tree = self.tree(root);
        let resident = tree.iter().map(|(_, process)| process.resident).sum();
        Some(Memory { resident, processes: tree.len() })
    }

    /// How many processes a group has, without zombies.
    #[must_use]
    pub fn group_size(&self, leader: Pid) -> usize {
        let is_there = |process: &&Counted| process.group == leader && process.state != b'Z';
        self.all.iter().filter(is_there).count()
    }

    /// Whether a supervise was started for the service of this name, by the command lines; not
    /// known for a logger, as svscan starts the supervise of each as `supervise log`.
    #[must_use]
    pub fn has_supervise_of(&self, name: &[u8]) -> Option<bool> {
        // If /proc does not show process 1 (hidepid), it shows no process of another user.
        if name.ends_with(b"/log") || self.find(1).is_none() {
            return None;
        }
        let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
        let expected = [b"supervise\0", name, b"\0"].concat();
        let mut supervises = self.all.iter().filter(|process| process.name == b"supervise");
        Some(supervises.any(|process| {
            let words = proc::command_line(process.pid);
            words == expected || words.ends_with(&[b"/", &expected[..]].concat())
        }))
    }

    /// The supervise whose working directory is the one of these facts.
    #[must_use]
    pub fn supervise_in(&self, directory: &Facts) -> Option<&Counted> {
        let mut supervises = self.all.iter().filter(|process| process.name == b"supervise");
        supervises.find(|process| proc::works_in(process.pid, directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: Pid, parent: Pid, group: Pid, resident: u64) -> Counted {
        Counted { pid, parent, group, state: b'S', start: 5, resident, name: b"x".to_vec() }
    }

    #[test]
    fn descendants_are_weighed_with_the_process() {
        let all = vec![
            process(1, 0, 1, 1),
            process(10, 1, 10, 10),
            process(11, 10, 10, 100),
            process(12, 11, 12, 1000),
            process(13, 1, 10, 10_000),
        ];
        let processes = Processes::of(all);
        assert_eq!(processes.weigh(10, Some(5)), Some(Memory { resident: 1110, processes: 3 }));
        assert_eq!(processes.weigh(10, None), Some(Memory { resident: 1110, processes: 3 }));
        assert_eq!(processes.weigh(10, Some(6)), None);
        assert_eq!(processes.weigh(99, None), None);
        let tree: Vec<_> =
            processes.tree(10).into_iter().map(|(depth, process)| (depth, process.pid)).collect();
        assert_eq!(tree, [(0, 10), (1, 11), (2, 12)]);
        assert_eq!(processes.group_size(10), 3);
    }

    #[test]
    fn a_circle_of_parents_has_an_end() {
        let processes = Processes::of(vec![process(10, 11, 1, 1), process(11, 10, 1, 1)]);
        assert_eq!(processes.tree(10).len(), 2);
        let processes =
            Processes::of(vec![process(9, 10, 1, 1), process(10, 11, 1, 1), process(11, 10, 1, 1)]);
        assert!(processes.tree(9).len() <= 3);
    }
}
