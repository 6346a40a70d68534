//! What svscanboot decides, as a pure function: [`step`] takes the state and one event and returns
//! the effects, to be performed in their order. No clock, no file, no process: the driver has them.
//!
//! ```text
//! Standby --nobody keeps the scan--> Leader: no svscan --lock, start--> its own
//!                                              ^   \------lock held---> one that it found
//!                                              +--------- ended ----------/
//! ```
//!
//! Of several svscanboots one leads, and sees to it that an svscan runs: one that it starts under
//! the scan directory's lock, or one that it finds at work. After an orderly stop it rests, without
//! svscan, lock and reader, until somebody asks for the scan again. TERM asks for that stop: the
//! wish is kept until the svscan that heard it is gone, and told again to the next if that one was
//! killed on the way. A question ([`Question`]) is answered by the next event. Contract:
//! svscanboot(8).

pub use crate::scandir::word::Word;

/// What we are among the svscanboots of this scan directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Another one leads, or nobody has looked yet.
    Standby,
    /// The one that keeps svscan and readproctitle.
    Leader,
}

/// The svscan of our scan directory, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Svscan {
    /// There is none.
    None,
    /// It is our child.
    Ours,
    /// It is somebody else's; its end shows.
    Found,
}

/// Whether we were asked to stop the scan, and whether the svscan that runs has heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// We were not.
    None,
    /// It has to be told this.
    Unheard(Word),
    /// It has heard all that there was to tell.
    Heard,
}

/// What the driver was asked and has not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// To become the leader: [`Event::Led`], [`Event::Kept`] or [`Event::CannotLead`].
    Lead,
    /// To take the scan directory's lock, unless an svscan of ours works there all the same:
    /// [`Event::Locked`], [`Event::Found`], [`Event::Held`] or [`Event::CannotLock`].
    Lock,
    /// To start an svscan: [`Event::Started`] or [`Event::NotStarted`].
    Start,
    /// To tell the svscan that runs: [`Event::Told`] or [`Event::NotTold`].
    Tell(Word),
}

/// All that svscanboot knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Whether an init started us: then TERM means the scan, whoever keeps it.
    pub is_inits: bool,
    /// Whether we leave where we would have to stand by (`--fallback`).
    pub is_fallback: bool,
    /// What we are among the svscanboots.
    pub rank: Rank,
    /// The svscan; a standby knows only one that it has told to stop.
    pub svscan: Svscan,
    /// Whether we hold the scan directory's lock.
    pub holds_lock: bool,
    /// Whether we keep a message pipe and its reader.
    pub keeps_reader: bool,
    /// Whether we were asked to stop the scan.
    pub wish: Wish,
    /// Whether another svscanboot kept the scan when we last looked.
    pub is_kept: bool,
    /// Whether the mark of an orderly stop was there when we last looked.
    pub is_marked: bool,
    /// What the driver has to answer next.
    pub question: Option<Question>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A look at the disk, at the beginning and after whatever else happened.
    Looked {
        /// Another svscanboot keeps the scan.
        is_kept: bool,
        /// The mark of an orderly stop is there.
        is_marked: bool,
        /// The scan directory or its records were made again: the lock that we hold is in what is
        /// gone.
        has_moved: bool,
    },
    /// We lead.
    Led {
        /// An svscan, ours or another, works in the scan directory.
        is_scanned: bool,
    },
    /// Another svscanboot leads.
    Kept,
    /// There is nothing to lead by: we do as the only one.
    CannotLead,
    /// We hold the lock.
    Locked,
    /// An svscan of ours is at work, and its end will show.
    Found,
    /// Somebody holds the lock who does not show.
    Held,
    /// There is no lock to be had: on without.
    CannotLock,
    /// Our svscan runs.
    Started,
    /// It could not be started, or not so soon after the last time.
    NotStarted,
    /// The svscan was told.
    Told,
    /// It could not be told: it does not listen yet, or there is none.
    NotTold,
    /// TERM.
    Term,
    /// Our svscan ended.
    OursEnded {
        /// It left of its own accord: nothing killed it.
        has_left: bool,
    },
    /// The svscan that we found, or told as a standby, is gone.
    FoundEnded,
}

/// What the driver has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Answer this at once.
    Ask(Question),
    /// See to it that there is a message pipe and that somebody reads it.
    KeepReader,
    /// Give the message pipe up, and wait a moment for its reader to read to the end.
    EndReader,
    /// Let go of the scan directory's lock.
    GiveLockBack,
    /// Remove the mark of an orderly stop.
    RemoveMark,
    /// Leave, with 0.
    Leave,
}

/// The effects of one step, in the order to perform them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effects {
    list: [Option<Effect>; 5],
}

impl Effects {
    /// The effects in their order.
    pub fn iter(&self) -> impl Iterator<Item = Effect> + '_ {
        self.list.iter().flatten().copied()
    }

    /// Appends one effect; no step has more than five (the laws count them).
    pub fn push(&mut self, effect: Effect) {
        if let Some(slot) = self.list.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(effect);
        }
    }
}

/// How long the driver waits for the next event before it looks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until something happens.
    Event,
    /// Until the leader goes; a leader that does not show is about to.
    Keeper,
    /// The pace at which an svscan is started, or a lock tried.
    Second,
    /// An svscan that was just started listens soon.
    Moment,
}

impl State {
    /// The state at the beginning.
    #[must_use]
    pub const fn first(is_inits: bool, is_fallback: bool) -> Self {
        Self {
            is_inits,
            is_fallback,
            rank: Rank::Standby,
            svscan: Svscan::None,
            holds_lock: false,
            keeps_reader: false,
            wish: Wish::None,
            is_kept: false,
            is_marked: false,
            question: None,
        }
    }

    /// How long to wait, once everything has been done and answered.
    #[must_use]
    pub fn patience(&self) -> Patience {
        match (self.rank, self.wish, self.svscan) {
            (Rank::Standby, Wish::None, _) => Patience::Keeper,
            (Rank::Leader, _, Svscan::None) => Patience::Second,
            (_, Wish::Unheard(_), _) => Patience::Moment,
            _ => Patience::Event,
        }
    }

    /// Whether the scan was stopped in order: until somebody asks for it again it is not ours to
    /// start.
    fn rests(&self) -> bool {
        self.is_marked && self.svscan == Svscan::None
    }

    fn ask(&mut self, question: Question, effects: &mut Effects) {
        self.question = Some(question);
        effects.push(Effect::Ask(question));
    }

    /// What was heard by an svscan that is gone has to be told again.
    fn forget_hearing(&mut self) {
        if self.wish == Wish::Heard {
            self.wish = Wish::Unheard(Word::Stop);
        }
    }
}

/// One step.
#[must_use]
pub fn step(mut state: State, event: Event) -> (State, Effects) {
    let mut effects = Effects::default();
    state.question = None;
    match event {
        Event::Looked { is_kept, is_marked, has_moved } => {
            (state.is_kept, state.is_marked) = (is_kept, is_marked);
            if has_moved && core::mem::take(&mut state.holds_lock) {
                effects.push(Effect::GiveLockBack);
            }
            match state.rank {
                Rank::Standby => stand_by(&mut state, &mut effects),
                Rank::Leader => lead(&mut state, &mut effects),
            }
        }
        Event::Led { is_scanned: true } if state.is_fallback => effects.push(Effect::Leave),
        Event::Led { .. } | Event::CannotLead => {
            state.rank = Rank::Leader;
            lead(&mut state, &mut effects);
        }
        Event::Kept if state.is_fallback => effects.push(Effect::Leave),
        // They show by themselves, or the next look comes soon.
        Event::Kept | Event::Held | Event::NotStarted => {}
        Event::Locked => {
            state.holds_lock = true;
            state.ask(Question::Start, &mut effects);
        }
        Event::CannotLock => state.ask(Question::Start, &mut effects),
        Event::Found | Event::Started => {
            state.svscan = if event == Event::Found { Svscan::Found } else { Svscan::Ours };
            tell(&mut state, &mut effects);
        }
        Event::Told => {
            state.wish = Wish::Heard;
            if state.svscan == Svscan::None {
                state.svscan = Svscan::Found;
            }
        }
        Event::NotTold => {
            // A standby waits for a listener as long as there is somebody to start one.
            let is_over = state.is_marked || !state.is_kept;
            if state.rank == Rank::Standby && state.svscan == Svscan::None && is_over {
                effects.push(Effect::Leave);
            }
        }
        // A stray one that stands by takes nothing along.
        Event::Term if state.rank == Rank::Standby && !state.is_inits => {
            effects.push(Effect::Leave);
        }
        Event::Term => {
            let word = if state.wish == Wish::None { Word::Stop } else { Word::Hurry };
            state.wish = Wish::Unheard(word);
        }
        Event::OursEnded { has_left } => {
            state.svscan = Svscan::None;
            if state.wish == Wish::Heard && has_left {
                leave(&mut state, &mut effects);
            } else if !has_left {
                // Killed in the middle of a stop: the next one has to go on with it, and whoever
                // asked asks again.
                effects.push(Effect::RemoveMark);
            }
            state.forget_hearing();
        }
        Event::FoundEnded => {
            state.svscan = Svscan::None;
            if state.rank == Rank::Standby {
                effects.push(Effect::Leave);
            }
            state.forget_hearing();
        }
    }
    (state, effects)
}

/// TERM to an svscanboot of an init's stops the scan, whoever holds it; without it we wait for our
/// turn.
fn stand_by(state: &mut State, effects: &mut Effects) {
    match state.wish {
        Wish::None if !state.is_kept => state.ask(Question::Lead, effects),
        Wish::None if state.is_fallback => effects.push(Effect::Leave),
        Wish::None | Wish::Heard => {}
        Wish::Unheard(_) => tell(state, effects),
    }
}

fn lead(state: &mut State, effects: &mut Effects) {
    if state.rests() {
        if core::mem::take(&mut state.holds_lock) {
            effects.push(Effect::GiveLockBack);
        }
        if state.wish == Wish::None {
            end_reader(state, effects);
        } else {
            leave(state, effects);
        }
        return;
    }
    state.keeps_reader = true;
    effects.push(Effect::KeepReader);
    match state.svscan {
        Svscan::None if state.holds_lock => state.ask(Question::Start, effects),
        Svscan::None => state.ask(Question::Lock, effects),
        Svscan::Ours | Svscan::Found => tell(state, effects),
    }
}

fn tell(state: &mut State, effects: &mut Effects) {
    if let Wish::Unheard(word) = state.wish {
        state.ask(Question::Tell(word), effects);
    }
}

fn end_reader(state: &mut State, effects: &mut Effects) {
    if core::mem::take(&mut state.keeps_reader) {
        effects.push(Effect::EndReader);
    }
}

fn leave(state: &mut State, effects: &mut Effects) {
    end_reader(state, effects);
    effects.push(Effect::Leave);
}
