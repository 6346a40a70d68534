//! What may go wrong: how often the adversary may act, and the faults that are seeded.

/// How often the adversary may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    /// kill -9 of a supervise or the svscan.
    pub kills: u8,
    /// `svc -u`, `-d` or `-o`.
    pub requests: u8,
    /// Ends of the service by itself.
    pub deaths: u8,
    /// Strangers that take a free pid.
    pub aliens: u8,
    /// Reboots.
    pub reboots: u8,
    /// `chown -R` of `supervise/`: the records so far belong to another user then.
    pub chowns: u8,
    /// Whether no process can be looked at: there is no /proc.
    pub is_blind: bool,
}

/// A plausible fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    None,
    ReleaseBeforeRecord,
    ChildDoesNotWait,
    ChildGoesOnWithoutParent,
    NoLock,
    NoAdoption,
    PidWithoutStartTime,
    AnyBoot,
    DownToldBeforeRecorded,
    DownNeverRetold,
    OwedStartForgotten,
    SvscanDoesNotLookForPresence,
    PublishedAfterRelease,
    GroupEndedAfterStart,
    AlienRecordForgotten,
    AlienRecordBelieved,
    UnseenIsGone,
    DoubtIsSignalled,
}

impl Fault {
    pub const ALL: [Self; 17] = [
        Self::ReleaseBeforeRecord,
        Self::ChildDoesNotWait,
        Self::ChildGoesOnWithoutParent,
        Self::NoLock,
        Self::NoAdoption,
        Self::PidWithoutStartTime,
        Self::AnyBoot,
        Self::DownToldBeforeRecorded,
        Self::DownNeverRetold,
        Self::OwedStartForgotten,
        Self::SvscanDoesNotLookForPresence,
        Self::PublishedAfterRelease,
        Self::GroupEndedAfterStart,
        Self::AlienRecordForgotten,
        Self::AlienRecordBelieved,
        Self::UnseenIsGone,
        Self::DoubtIsSignalled,
    ];
}
