//! What supervise does, as a pure function: [`step`] takes the state and one event and returns
//! the effects, to be performed in their order. No clock, no pid, no system: the driver has them.
//!
//! ```text
//! Down, nothing owed ---u,o---> Down, start owed ---(rested)---> Starting ---> Up
//!        ^                            ^                             |          |
//!        |                            +-------- fork failed --------+          |
//!        +---- exited, want Down or Once ----+---- exited, want Up: owed ------+
//! ```
//!
//! Starts stay at least a second apart: a start is *owed* until the second since the last one is
//! over ([`Rest`]). Nothing else ever waits, so every control byte acts at once. Contract:
//! supervise(8); reference, sections 3.3 to 3.5.

pub use crate::service::request::{Request, Signal, Want};

/// The service's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// There is none.
    Down,
    /// The driver was told to start one and has not answered yet.
    Starting,
    /// There is one.
    Up,
}

/// Whether a start may happen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rest {
    /// More than a second has passed since the last start.
    Rested,
    /// The second after a start is not over.
    Second,
    /// The last fork failed: a longer pause, which `u` and `o` cut short.
    Long,
}

/// All that supervise knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// The service's process.
    pub service: Service,
    /// What the service is wanted to be.
    pub want: Want,
    /// Whether a start is due as soon as the rest is over. Only ever while the service is down.
    pub start_owed: bool,
    /// Whether `x` was asked.
    pub exit_requested: bool,
    /// Whether `p` paused the process. Only ever while the service is up.
    pub is_paused: bool,
    /// Whether `k` was asked for this process: then its group goes with it.
    pub kill_asked: bool,
    /// Whether a supervise before us recorded that the process is wanted down, and was killed
    /// before it said so to the process. Only ever before [`Event::Begin`].
    pub down_untold: bool,
    /// Whether anyone can know of us yet: a status is there, and after it the presence.
    pub is_announced: bool,
    /// Whether a start may happen now.
    pub rest: Rest,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The first event: everything on disk is in place.
    Begin,
    /// A control byte.
    Asked(Request),
    /// The forked child waits for its release.
    Forked,
    /// There was no child to be had.
    ForkFailed,
    /// The process has ended.
    Ended,
    /// The rest since the last start, or fork, is over.
    Rested,
    /// The limit on how long `d` may take is over (`timeout-kill`).
    DownTimedOut,
}

/// What the driver has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Fork a child that waits; answer [`Event::Forked`] or [`Event::ForkFailed`].
    Start,
    /// Write the journal: from here on a successor knows the process.
    Record,
    /// Let the forked child exec the service.
    Release,
    /// Record the state: journal, then status.
    Publish,
    /// Keep the status of this moment for the next [`Effect::Publish`], which writes both: between
    /// an end and the start that follows at once nothing else may take time.
    PublishLater,
    /// Send a signal to the process.
    Send(Signal),
    /// Send the signal that takes the service down: TERM, or what `down-signal` says.
    SendDown,
    /// Take note of the ended process; its pid means nothing from here on.
    Reap,
    /// Send KILL to what the last process left in its group, if the service has a group.
    EndGroup,
    /// Let it be known that a supervise runs here.
    Announce,
    /// Record that we left, and leave.
    Leave,
}

/// The effects of one step, in the order to perform them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effects {
    list: [Option<Effect>; 6],
}

impl Effects {
    /// The effects in their order.
    pub fn iter(&self) -> impl Iterator<Item = Effect> + '_ {
        self.list.iter().flatten().copied()
    }

    /// Appends one effect; no step has more than six (the laws count them).
    pub fn push(&mut self, effect: Effect) {
        if let Some(slot) = self.list.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(effect);
        }
    }
}

impl State {
    /// The state of a supervise that starts as the first of its service: nothing runs.
    #[must_use]
    pub const fn first(marked_down: bool) -> Self {
        Self {
            service: Service::Down,
            want: if marked_down { Want::Down } else { Want::Up },
            start_owed: !marked_down,
            exit_requested: false,
            is_paused: false,
            kill_asked: false,
            down_untold: false,
            is_announced: false,
            rest: Rest::Rested,
        }
    }

    /// The state of a supervise that takes over from one that was killed. `recorded` is what
    /// that one last wrote down, and `lives` whether the process in it still does: what was
    /// asked for holds on, and a process that ended unseen is as one that just ended.
    #[must_use]
    pub fn taken_over(recorded: Self, lives: bool) -> Self {
        let ended_unseen = recorded.service == Service::Up && !lives;
        let is_down = !lives;
        Self {
            service: if lives { Service::Up } else { Service::Down },
            start_owed: if ended_unseen {
                recorded.want == Want::Up && !recorded.exit_requested
            } else {
                is_down && recorded.start_owed
            },
            is_paused: recorded.is_paused && lives,
            kill_asked: recorded.kill_asked && lives,
            down_untold: recorded.down_untold && lives && recorded.want == Want::Down,
            is_announced: false,
            ..recorded
        }
    }

    /// Whether the driver has to wake us when the rest is over.
    #[must_use]
    pub fn waits_for_rest(&self) -> bool {
        self.start_owed && self.rest != Rest::Rested
    }

    fn starts_now(&self) -> bool {
        self.service == Service::Down && self.start_owed && self.rest == Rest::Rested
    }
}

/// One step.
#[must_use]
pub fn step(mut state: State, event: Event) -> (State, Effects) {
    let mut effects = Effects::default();
    match event {
        Event::Begin => {
            // With a start at once nobody is told of the moment before it: one status for both.
            if !state.starts_now() {
                announce(&mut state, &mut effects);
            }
            if state.down_untold {
                send_down(&mut effects);
            }
            state.down_untold = false;
        }
        Event::Asked(request) => asked(&mut state, request, &mut effects),
        Event::Forked => {
            state.service = Service::Up;
            state.start_owed = false;
            state.rest = Rest::Second;
            if state.is_announced {
                effects.push(Effect::Record);
                effects.push(Effect::Release);
                effects.push(Effect::Publish);
            } else {
                // The service may look for us as soon as it runs.
                announce(&mut state, &mut effects);
                effects.push(Effect::Release);
            }
        }
        Event::ForkFailed => {
            state.service = Service::Down;
            state.rest = Rest::Long;
            if state.is_announced {
                effects.push(Effect::Publish);
            } else {
                announce(&mut state, &mut effects);
            }
        }
        Event::Ended => ended(&mut state, &mut effects),
        Event::Rested => state.rest = Rest::Rested,
        Event::DownTimedOut => {
            if state.service == Service::Up && state.want == Want::Down {
                state.kill_asked = true;
                effects.push(Effect::Send(Signal::Kill));
            }
        }
    }
    settle(&mut state, &mut effects);
    (state, effects)
}

fn asked(state: &mut State, request: Request, effects: &mut Effects) {
    let is_up = state.service == Service::Up;
    match request {
        Request::Up | Request::Once => {
            state.want = if request == Request::Up { Want::Up } else { Want::Once };
            if !is_up {
                state.start_owed = true;
                if state.rest == Rest::Long {
                    state.rest = Rest::Rested;
                }
            }
            effects.push(Effect::Publish);
        }
        Request::Down => {
            state.want = Want::Down;
            state.start_owed = false;
            state.is_paused = false;
            // Recorded first: a supervise that is killed in between leaves a service that is wanted
            // down, not one that died of the signal and is started again.
            effects.push(Effect::Publish);
            if is_up {
                send_down(effects);
            }
        }
        Request::Pause => {
            state.is_paused = is_up;
            effects.push(Effect::Publish);
            if is_up {
                effects.push(Effect::Send(Signal::Stop));
            }
        }
        Request::Continue => {
            state.is_paused = false;
            effects.push(Effect::Publish);
            if is_up {
                effects.push(Effect::Send(Signal::Continue));
            }
        }
        Request::Exit => {
            state.exit_requested = true;
            effects.push(Effect::Publish);
        }
        Request::Send(signal) => {
            if is_up {
                state.kill_asked |= signal == Signal::Kill;
                effects.push(Effect::Send(signal));
            } else if signal == Signal::Kill {
                // The process has gone, and may have left others behind.
                effects.push(Effect::EndGroup);
            }
        }
    }
}

/// The first status, then the presence: whoever finds us finds a status.
fn announce(state: &mut State, effects: &mut Effects) {
    state.is_announced = true;
    effects.push(Effect::Publish);
    effects.push(Effect::Announce);
}

/// The signals of `d`, and the record that they were sent.
fn send_down(effects: &mut Effects) {
    effects.push(Effect::SendDown);
    effects.push(Effect::Send(Signal::Continue));
    effects.push(Effect::Publish);
}

fn ended(state: &mut State, effects: &mut Effects) {
    state.service = Service::Down;
    state.is_paused = false;
    state.start_owed = state.want == Want::Up && !state.exit_requested;
    // Before the reaping: until then nobody else can have the group's number.
    if state.start_owed || state.kill_asked {
        effects.push(Effect::EndGroup);
    }
    state.kill_asked = false;
    effects.push(Effect::Reap);
    let starts_now = state.start_owed && state.rest == Rest::Rested;
    effects.push(if starts_now { Effect::PublishLater } else { Effect::Publish });
}

/// What follows from the state alone: leaving, or the start that is owed.
fn settle(state: &mut State, effects: &mut Effects) {
    if state.service != Service::Down {
        return;
    }
    // A start that is owed comes first, as in 0.76: `ox` runs once and leaves.
    let is_owed = state.start_owed && state.rest != Rest::Long;
    if state.exit_requested && !is_owed {
        effects.push(Effect::Leave);
    } else if state.starts_now() {
        state.service = Service::Starting;
        effects.push(Effect::EndGroup);
        effects.push(Effect::Start);
    }
}
