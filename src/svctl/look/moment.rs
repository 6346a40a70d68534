//! What a log directory has at one moment, although multilog renames logs while svctl looks. Pure:
//! the caller has the directory.
//!
//! A log goes one way: it is `current`, then `previous`, and then it has a name with the time. What
//! a processor made of it is `processed` before it gets that name, and multilog removes `previous`
//! once `processed` is whole. A log gets its next name before it loses the last one. So svctl looks
//! in this order, and lists the directory last: a log that has left a place when svctl comes to it
//! is in a later one. A listing may leave out a name that comes or goes meanwhile, but none that
//! stays.
//!
//! If `current` is the same file after the listing, no other log began its way meanwhile. If the
//! file that waits for its name is the same too, no other took its place. Else svctl looks again.

use daemontools_rs::tai64n::{Label, TEXT};

/// The log that multilog writes.
pub const CURRENT: &[u8] = b"current";
/// The log that gets a name next, or that a processor reads.
pub const PREVIOUS: &[u8] = b"previous";
/// What a processor made of `previous`.
pub const PROCESSED: &[u8] = b"processed";
/// The names that a log has before it is finished, in their order.
pub const UNNAMED: [&[u8]; 3] = [CURRENT, PREVIOUS, PROCESSED];
/// How many times svctl looks, where logs are finished meanwhile.
const TRIES: usize = 16;

/// A log. If it is finished, its name says when it ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Log {
    /// Its name.
    pub name: Vec<u8>,
    /// When it was finished, by its name.
    pub end: Option<Label>,
}

impl Log {
    /// The log of this name, if multilog gives such names to finished logs.
    #[must_use]
    pub fn finished(name: &[u8]) -> Option<Self> {
        let (label, ending) = name.split_first_chunk::<TEXT>()?;
        let end = Label::of_text(label)?;
        (ending == b".s" || ending == b".u").then(|| Self { name: name.to_vec(), end: Some(end) })
    }

    /// A log of this name, which does not say when it ended.
    #[must_use]
    pub fn named(name: &[u8]) -> Self {
        Self { name: name.to_vec(), end: None }
    }

    /// Whether its multilog was killed, or the machine failed: it may end in the middle of a line.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.name.ends_with(b".u")
    }
}

/// A log directory.
pub trait Names {
    /// Which file it is, whatever its names are.
    type Id: PartialEq;
    /// An open file, or why it cannot be opened.
    type File;
    /// Why the directory cannot be read.
    type Error;

    /// Opens a file, if there is one: `processed` only if it is whole.
    fn open(&self, name: &'static [u8]) -> Option<Self::File>;
    /// Which file this is; `None` if it could not be opened.
    fn id(file: &Self::File) -> Option<Self::Id>;
    /// Whether an open file has no more than one name.
    fn has_one_name(&self, file: &Self::File) -> bool;
    /// The file of this name.
    fn named(&self, name: &[u8]) -> Option<Self::Id>;
    /// The finished logs, in the order of their names.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn list(&self) -> Result<Vec<Log>, Self::Error>;
}

/// The logs of a directory, each once.
#[derive(Debug)]
pub struct Moment<File> {
    /// The finished logs, in their order.
    pub finished: Vec<Log>,
    /// The log that waits for its name, and where: `previous`, or else `processed`.
    pub waiting: Option<(&'static [u8], File)>,
    /// The log that multilog writes.
    pub current: Option<File>,
    /// Whether no log has moved that svctl could have missed, or found twice.
    pub is_sure: bool,
}

/// Looks at a directory.
///
/// # Errors
/// Why it cannot be read.
pub fn look<N: Names>(place: &N) -> Result<Moment<N::File>, N::Error> {
    let mut moment = glance(place)?;
    for _ in 1..TRIES {
        if moment.is_sure {
            break;
        }
        moment = glance(place)?;
    }
    Ok(moment)
}

fn glance<N: Names>(place: &N) -> Result<Moment<N::File>, N::Error> {
    let current = place.open(CURRENT);
    let mut places = [PREVIOUS, PROCESSED].into_iter();
    let waiting = places.find_map(|name| Some((name, place.open(name)?)));
    let finished = place.list()?;
    let mut is_sure = current.is_some() || place.named(CURRENT).is_none();
    // multilog gives a log its last name, and then removes the one that svctl has opened.
    let mut is_unfinished = |name: &[u8], file: &N::File| {
        let Some(id) = N::id(file) else { return true };
        // In this order: what has its name still, has had no other before.
        let has_one_name = place.has_one_name(file);
        let stays = place.named(name).as_ref() == Some(&id);
        is_sure &= stays;
        has_one_name && stays || !is_among(place, &finished, &id)
    };
    let current = current.filter(|file| is_unfinished(CURRENT, file));
    let waiting = waiting.filter(|(name, file)| is_unfinished(name, file));
    Ok(Moment { finished, waiting, current, is_sure })
}

/// Whether a file has one of these names. The newest is tried first: most often it is that.
fn is_among<N: Names>(place: &N, logs: &[Log], id: &N::Id) -> bool {
    logs.iter().rev().any(|log| place.named(&log.name).as_ref() == Some(id))
}

/// Whether a file has a name in the directory, as long as that can be told.
pub fn has_name<N: Names>(place: &N, id: &N::Id) -> bool {
    UNNAMED.into_iter().any(|name| place.named(name).as_ref() == Some(id))
        || place.list().map_or(true, |logs| is_among(place, &logs, id))
}

#[cfg(test)]
#[path = "moment_tests.rs"]
mod tests;
