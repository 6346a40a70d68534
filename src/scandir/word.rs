//! The words that svscanboot says to svscan, and the bytes that carry them.

/// A word to svscan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// The orderly stop is asked for. Several may ask for it: at a halt an init and the script of its
    /// own do.
    Stop,
    /// The orderly stop is asked for, and hurry with it: what has not ended is killed.
    Hurry,
    /// The scan is wanted again: a stop that is on its way goes on, and leaves no mark. Behind a
    /// request to stop that nobody has read yet, it keeps its place.
    Wanted,
}

/// The bit that no letter has.
const HIGH: u8 = 0x80;

impl Word {
    /// The byte that says it: none that svc could send, whatever it was led to.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Stop => b't' | HIGH,
            Self::Hurry => b'h' | HIGH,
            Self::Wanted => b'u' | HIGH,
        }
    }

    /// What a byte says, if anything.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        [Self::Stop, Self::Hurry, Self::Wanted].into_iter().find(|word| word.byte() == byte)
    }
}
