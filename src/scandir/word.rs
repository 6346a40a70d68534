//! The words that svscanboot sends to svscan, and the bytes that stand for them.

/// A word to svscan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Stop in order. It may come more than once: at a halt both the init and its stop script may
    /// send it.
    Stop,
    /// Stop in order and hurry: kill what has not ended.
    Hurry,
    /// The scan is wanted again. A stop that has begun goes on, but leaves no mark. If svscan has
    /// not yet read an earlier `Stop`, it reads that one first.
    Wanted,
}

/// The bit that is set in no ASCII letter.
const HIGH: u8 = 0x80;

impl Word {
    /// The byte that stands for it. svc sends letters only: so svc cannot stop an svscan, even if a
    /// link leads it to this FIFO.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Stop => b't' | HIGH,
            Self::Hurry => b'h' | HIGH,
            Self::Wanted => b'u' | HIGH,
        }
    }

    /// The word that a byte stands for, if any.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        [Self::Stop, Self::Hurry, Self::Wanted].into_iter().find(|word| word.byte() == byte)
    }
}
