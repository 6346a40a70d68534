//! What svscanboot decides, as a pure function: [`step`] takes the state and one event and returns
//! the effects, to be performed in their order. No clock, no file, no process: the driver has them.
//!
//! ```text
//! Standby --no other one leads-----> Leader: no svscan --lock, start--> its own
//!                                              ^   \------lock held---> one that it found
//!                                              +--------- ended ----------/
//! ```
//!
//! Of several svscanboots one leads and keeps an svscan running: one that it starts under the scan
//! directory's lock, or one that it finds at work. TERM asks for the orderly stop: svscanboot asks,
//! svscan stops the services and exits. If svscan is killed before the stop is done, svscanboot
//! asks the next svscan again. After an orderly stop the leader rests, without svscan, lock and
//! reader, until a newly started svscanboot wants svscan again. Where a step asks a question
//! ([`Question`]), the next event is the answer. Contract: svscanboot(8).

use crate::effects::EffectList;

pub use crate::scandir::word::Word;

/// What we are among the svscanboots of this scan directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Another one leads, or we have not looked yet.
    Standby,
    /// We keep svscan and readproctitle running.
    Leader,
}

/// The svscan of our scan directory, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Svscan {
    /// There is none.
    None,
    /// It is our child.
    Ours,
    /// We did not start it. We can see its end.
    Found,
}

/// Whether we were asked to stop svscan, and whether we have asked the running svscan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// We were not asked.
    None,
    /// We still have to send svscan this word.
    Unheard(Word),
    /// We have sent svscan all words.
    Heard,
}

/// A question to the driver that is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Become the leader. Answers: [`Event::Led`], [`Event::OtherLeads`] or [`Event::CannotLead`].
    Lead,
    /// Take the scan directory's lock, unless an svscan of ours works there without it. Answers:
    /// [`Event::Locked`], [`Event::Found`], [`Event::Held`] or [`Event::CannotLock`].
    Lock,
    /// Start an svscan. Answers: [`Event::Started`] or [`Event::NotStarted`].
    Start,
    /// Send the running svscan a word. Answers: [`Event::Told`] or [`Event::NotTold`].
    Tell(Word),
}

/// All that svscanboot knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Whether an init started us. Then TERM asks for the orderly stop even if we do not lead.
    pub is_inits: bool,
    /// Whether we exit instead of standing by (`--fallback`).
    pub is_fallback: bool,
    /// What we are among the svscanboots.
    pub rank: Rank,
    /// The running svscan. A standby knows only one that it has asked to stop.
    pub svscan: Svscan,
    /// Whether we hold the scan directory's lock.
    pub holds_lock: bool,
    /// Whether we have a message pipe and keep its reader running.
    pub keeps_reader: bool,
    /// Whether we were asked to stop svscan.
    pub wish: Wish,
    /// Whether another svscanboot led when we last looked.
    pub other_leads: bool,
    /// Whether there was the mark of an orderly stop when we last looked.
    pub is_marked: bool,
    /// What the driver has to answer next.
    pub question: Option<Question>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A look at the disk, at the beginning and after each other event.
    Looked {
        /// Another svscanboot leads.
        other_leads: bool,
        /// There is the mark of an orderly stop.
        is_marked: bool,
        /// The scan directory or its records were made again: our lock is in the old ones.
        has_moved: bool,
    },
    /// We lead.
    Led {
        /// An svscan, ours or another, works in the scan directory.
        is_scanned: bool,
    },
    /// Another svscanboot leads.
    OtherLeads,
    /// The leader's files cannot be made: act as the only svscanboot.
    CannotLead,
    /// We hold the lock.
    Locked,
    /// An svscan of ours is at work. We will see its end.
    Found,
    /// An unknown process holds the lock.
    Held,
    /// The lock cannot be made: go on without it.
    CannotLock,
    /// Our svscan runs.
    Started,
    /// It could not be started, or not yet, so soon after the last start.
    NotStarted,
    /// The word was sent to svscan.
    Told,
    /// The word could not be sent: svscan does not listen yet, or there is none.
    NotTold,
    /// TERM.
    Term,
    /// Our svscan ended.
    OursEnded {
        /// It exited by itself: no signal killed it.
        has_left: bool,
    },
    /// The svscan that we found, or that we asked to stop as a standby, has ended.
    FoundEnded,
}

/// What the driver has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Answer this at once.
    Ask(Question),
    /// Make the message pipe and start its reader, if they are not there.
    KeepReader,
    /// Close the message pipe, and wait a moment for its reader to read to the end.
    EndReader,
    /// Release the scan directory's lock.
    GiveLockBack,
    /// Remove the mark of an orderly stop.
    RemoveMark,
    /// Exit with 0.
    Leave,
}

/// The effects of one step.
pub type Effects = EffectList<Effect, 5>;

/// How long the driver waits for the next event before it looks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitUntil {
    /// Until an event comes.
    Event,
    /// Until the leader ends. If we cannot watch it, for a short time.
    LeaderEnds,
    /// A second: the time between two starts of svscan, or two tries of a lock.
    Second,
    /// A moment: an svscan that has just started will soon listen.
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
            other_leads: false,
            is_marked: false,
            question: None,
        }
    }

    /// How long to wait, once all effects are performed and all questions answered.
    #[must_use]
    pub fn patience(&self) -> WaitUntil {
        match (self.rank, self.wish, self.svscan) {
            (Rank::Standby, Wish::None, _) => WaitUntil::LeaderEnds,
            (Rank::Leader, _, Svscan::None) => WaitUntil::Second,
            (_, Wish::Unheard(_), _) => WaitUntil::Moment,
            _ => WaitUntil::Event,
        }
    }

    /// Whether an orderly stop was made. Then we start no svscan until a newly started svscanboot
    /// wants it again.
    fn rests(&self) -> bool {
        self.is_marked && self.svscan == Svscan::None
    }

    fn ask(&mut self, question: Question, effects: &mut Effects) {
        self.question = Some(question);
        effects.push(Effect::Ask(question));
    }

    /// The svscan that we asked to stop is gone: the next one has to be asked again.
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
        Event::Looked { other_leads, is_marked, has_moved } => {
            (state.other_leads, state.is_marked) = (other_leads, is_marked);
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
        Event::OtherLeads if state.is_fallback => effects.push(Effect::Leave),
        // Nothing to do: another event will come, or the next look comes soon.
        Event::OtherLeads | Event::Held | Event::NotStarted => {}
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
            // A standby tries again as long as there is a leader that may start an svscan.
            let is_over = state.is_marked || !state.other_leads;
            if state.rank == Rank::Standby && state.svscan == Svscan::None && is_over {
                effects.push(Effect::Leave);
            }
        }
        // A standby that no init started only ends itself.
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
                // It may have been killed in the middle of a stop, after it wrote the mark. Remove
                // the mark, so that another svscan is started; it is then asked again to stop.
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

/// Stands by: tries to lead if no svscanboot leads. After TERM (only an init's svscanboot comes
/// here) asks the running svscan to stop, whichever svscanboot leads.
fn stand_by(state: &mut State, effects: &mut Effects) {
    match state.wish {
        Wish::None if !state.other_leads => state.ask(Question::Lead, effects),
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
