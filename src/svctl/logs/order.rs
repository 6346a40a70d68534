//! When a log gets its name while we follow: whether we have read it already. Pure: the caller
//! finds out which file has a name now, and whether a file still has one.
//!
//! multilog renames a full `current` to `previous`, and then `previous` to a name with the time.
//! With a processor, another file gets that name, and `previous` is removed. multilog may remove
//! old logs before we look.

/// A log that we opened before it had its final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opened<Id> {
    id: Id,
    /// Whether it is `previous` by now: then the next name is for it.
    is_moved: bool,
}

/// What to do about a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is a log that was not read.
    Read,
    /// It was opened under another name.
    Known,
    /// It was removed before it was opened.
    Pruned,
}

/// The logs that were opened and have no name yet, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<Id> {
    unnamed: Vec<Opened<Id>>,
}

impl<Id> Default for Order<Id> {
    fn default() -> Self {
        Self { unnamed: Vec::new() }
    }
}

impl<Id: Copy + PartialEq> Order<Id> {
    /// `current` was opened, or `previous`.
    pub fn open(&mut self, id: Id, is_moved: bool) {
        // A `current` that was removed never gets a name.
        self.unnamed.retain(|opened| opened.is_moved && opened.id != id);
        self.unnamed.push(Opened { id, is_moved });
    }

    /// `current`, which was opened, has become `previous`.
    pub fn has_moved(&mut self) {
        if let Some(last) = self.unnamed.last_mut() {
            last.is_moved = true;
        }
    }

    /// Whether this file was opened and has no name yet.
    #[must_use]
    pub fn has(&self, id: Id) -> bool {
        self.unnamed.iter().any(|opened| opened.id == id)
    }

    /// Whether a log waits for a name: then a processor's file was made of it.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.unnamed.iter().any(|opened| opened.is_moved)
    }

    /// A log got a name, which `found` has now. `is_lost`: whether a file has no name left.
    pub fn name(&mut self, found: Option<Id>, is_lost: impl Fn(Id) -> bool) -> Verdict {
        let same = self.unnamed.iter().position(|opened| Some(opened.id) == found);
        // The file was removed, or a processor made another one of it: the name belongs to the
        // first log that waits for a name.
        let waits =
            |opened: &Opened<Id>| opened.is_moved && (found.is_none() || is_lost(opened.id));
        match same.or_else(|| self.unnamed.iter().position(waits)) {
            Some(place) => {
                self.unnamed.remove(place);
                Verdict::Known
            }
            None if found.is_some() => Verdict::Read,
            None => Verdict::Pruned,
        }
    }

    /// Drops the logs that got their names unseen; whether some of them are lost (`is_lost`).
    pub fn forget_waiting(&mut self, is_lost: impl Fn(Id) -> bool) -> bool {
        let count = self.unnamed.len();
        self.unnamed.retain(|opened| !opened.is_moved || !is_lost(opened.id));
        self.unnamed.len() < count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_opened_as_current_is_known_under_its_name() {
        let mut order = Order::default();
        order.open(1, false);
        order.has_moved();
        assert!(order.has(1));
        assert_eq!(order.name(Some(1), |_| false), Verdict::Known);
        assert_eq!(order.name(Some(2), |_| false), Verdict::Read);
        assert_eq!(order.name(None, |_| false), Verdict::Pruned);
    }

    #[test]
    fn a_name_that_is_gone_was_that_of_the_log_that_waited_for_it() {
        let mut order = Order::default();
        order.open(1, false);
        order.has_moved();
        assert_eq!(order.name(None, |_| true), Verdict::Known);
        assert_eq!(order.name(None, |_| true), Verdict::Pruned);
    }

    #[test]
    fn what_a_processor_made_of_a_log_is_known_with_it() {
        let mut order = Order::default();
        order.open(1, false);
        order.has_moved();
        order.open(2, false);
        // A processor's file gets the name, and `previous` is gone.
        assert_eq!(order.name(Some(7), |id| id == 1), Verdict::Known);
        // An older log is named while log 2 is being written.
        assert_eq!(order.name(Some(8), |_| false), Verdict::Read);
        assert!(order.has(2) && !order.has(1));
    }

    #[test]
    fn a_log_waits_for_its_name_once_it_has_moved() {
        let mut order = Order::default();
        order.open(1, false);
        assert!(!order.has_waiting());
        order.has_moved();
        assert!(order.has_waiting());
    }

    #[test]
    fn a_log_that_became_current_again_waits_once() {
        let mut order = Order::default();
        order.open(1, false);
        order.has_moved();
        order.open(1, false);
        assert_eq!(order.name(Some(1), |_| false), Verdict::Known);
        assert!(!order.has(1));
    }

    #[test]
    fn a_current_that_was_removed_takes_no_name_from_another() {
        let mut order = Order::default();
        order.open(1, false);
        order.open(2, false);
        assert!(!order.has(1));
        assert_eq!(order.name(Some(3), |_| true), Verdict::Read);
    }
}
