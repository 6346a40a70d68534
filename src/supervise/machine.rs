//! What supervise does, as a pure function: [`step`] takes the state and one event and returns
//! the effects, to be performed in their order. No clock, no pid, no system: the driver has them.
//!
//! ```text
//! Down, nothing owed ---u,o---> Down, start owed ---(pause over)---> Starting ---> Up
//!        ^                            ^                             |          |
//!        |                            +-------- fork failed --------+          |
//!        +---- exited, want Down or Once ----+---- exited, want Up: owed ------+
//! ```
//!
//! Starts stay at least a second apart: a start is *owed* until the second since the last one is
//! over ([`Pause`]). Nothing else waits, so every control byte acts at once. Contract:
//! supervise(8); contract.md, sections 3.3 to 3.5.

use crate::effects::EffectList;
use crate::fork_rest;
pub use crate::service::record::{Owed, Record};
pub use crate::service::request::{Request, Signal, Want};
use core::time::Duration;

/// The shortest time between two starts.
pub const SECOND: Duration = Duration::from_secs(1);

/// The service's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// There is none.
    Down,
    /// The driver has to start one and has not answered yet.
    Starting,
    /// There is one.
    Up,
}

/// Why a start that is owed has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// It does not wait: the second since the last start, or the pause after a failed fork, is
    /// over.
    Over,
    /// The second after a start is not over.
    Second,
    /// The last fork failed: a pause that grows with each failure, and that `u` and `o` cut short.
    ForkFailed,
}

/// All that supervise knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// The service's process.
    pub service: Service,
    /// What the service is wanted to be.
    pub want: Want,
    /// Whether a start is due as soon as the pause is over. Only while the service is down.
    pub owed: Owed,
    /// Whether `x` was asked.
    pub exit_requested: bool,
    /// Whether `p` paused the process. Only while the service is up.
    pub is_paused: bool,
    /// Whether KILL was sent to this process. When it ends, its group is sent KILL too.
    pub kill_asked: bool,
    /// Whether the process was sent the signal of `d`, and has been wanted down since then.
    pub down_told: bool,
    /// Whether clients can find us yet: the status is written, and after it the presence.
    pub is_announced: bool,
    /// Why a start has to wait.
    pub pause: Pause,
    /// How many forks in a row have failed. It stops counting once the pause has its greatest
    /// length.
    pub fork_failures: u8,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The first event: everything on disk is in place.
    Begin,
    /// A control byte.
    Asked(Request),
    /// The forked child waits for its release: one answer to [`Effect::Start`].
    Forked,
    /// The fork failed: the other answer to [`Effect::Start`].
    ForkFailed,
    /// The process was sent the signal of `d`: the answer to [`Effect::SendDown`], if one was sent.
    DownSent,
    /// Now we know that a doubtful process is our service.
    Recognised,
    /// The process has ended.
    Ended,
    /// The pause since the last start, or fork, is over.
    PauseOver,
    /// The limit on how long `d` may take is over (`timeout-kill`).
    LimitOver,
}

/// What the driver has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Fork a child that waits; answer [`Event::Forked`] or [`Event::ForkFailed`].
    Start,
    /// Let the forked child exec the service.
    Release,
    /// Record the state: journal, then status. A successor and the service itself find the pid
    /// there.
    Publish,
    /// Send a signal to the process.
    Send(Signal),
    /// Send the signal that takes the service down (TERM, or the one in `down-signal`); answer
    /// [`Event::DownSent`].
    SendDown,
    /// Start the time limit on `d` (`timeout-kill`), if the service has one.
    SetLimit,
    /// Drop that time limit.
    DropLimit,
    /// Reap the ended process and note its end. From here on its pid is free.
    Reap,
    /// Send KILL to what the last process left in its group, if the service has a group.
    EndGroup,
    /// Open the presence, so that clients see that a supervise runs here.
    Announce,
    /// Record that we left, and leave.
    Leave,
}

/// The effects of one step.
pub type Effects = EffectList<Effect, 6>;

impl State {
    /// The state of the first supervise of a service: nothing runs.
    #[must_use]
    pub const fn first(marked_down: bool) -> Self {
        Self {
            service: Service::Down,
            want: if marked_down { Want::Down } else { Want::Up },
            owed: if marked_down { Owed::Nothing } else { Owed::Asked },
            exit_requested: false,
            is_paused: false,
            kill_asked: false,
            down_told: false,
            is_announced: false,
            pause: Pause::Over,
            fork_failures: 0,
        }
    }

    /// The state of a supervise that takes over after another was killed. `record` is the last
    /// record of the killed supervise, and `lives` says whether the process in it still lives.
    /// Requests made before still hold. A process that ended in between counts as ended just now.
    #[must_use]
    pub fn taken_over(record: &Record, lives: bool, pause: Pause) -> Self {
        let ended_unseen = record.service.is_some() && !lives;
        Self {
            service: if lives { Service::Up } else { Service::Down },
            want: record.want,
            owed: match record.owed {
                _ if lives => Owed::Nothing,
                _ if ended_unseen => owed_from_end(record.want, record.exit_requested),
                owed => owed,
            },
            exit_requested: record.exit_requested,
            is_paused: record.is_paused && lives,
            kill_asked: record.kill_asked && lives,
            down_told: record.down_told && lives && record.want == Want::Down,
            is_announced: false,
            pause,
            fork_failures: 0,
        }
    }

    /// Writes this state into a record, for [`Self::taken_over`] to read.
    pub fn write_to(&self, record: &mut Record) {
        record.want = self.want;
        record.owed = self.owed;
        record.exit_requested = self.exit_requested;
        record.is_paused = self.is_paused;
        record.kill_asked = self.kill_asked;
        record.down_told = self.down_told;
    }

    /// Whether the driver has to report the end of the pause ([`Event::PauseOver`]): only then does
    /// a start follow.
    #[must_use]
    pub fn waits_for_pause(&self) -> bool {
        self.owed != Owed::Nothing && self.pause != Pause::Over
    }

    /// The seconds to pause after a fork that fails in this state: 1, 2, 4 and so on, 60 at most.
    #[must_use]
    pub fn fork_pause(&self) -> u64 {
        fork_rest::seconds(self.fork_failures)
    }

    /// Whether the time limit on `d` is running. After KILL there is nothing more to do when it is
    /// over.
    #[must_use]
    pub fn has_limit(&self) -> bool {
        self.service == Service::Up && self.want == Want::Down && self.down_told && !self.kill_asked
    }

    fn starts_now(&self) -> bool {
        self.service == Service::Down && self.owed != Owed::Nothing && self.pause == Pause::Over
    }
}

/// One step.
#[must_use]
pub fn step(before: State, event: Event) -> (State, Effects) {
    let mut state = before;
    let mut effects = Effects::default();
    match event {
        Event::Begin => {
            // If the service is started at once, no status is written before the start: the status
            // of the start is the first.
            if !state.starts_now() {
                announce(&mut state, &mut effects);
            }
            tell_what_was_not_told(&state, &mut effects);
        }
        Event::Asked(request) => asked(&mut state, request, &mut effects),
        Event::Forked => {
            state.service = Service::Up;
            state.owed = Owed::Nothing;
            state.pause = Pause::Second;
            state.fork_failures = 0;
            // Before the release: the service may read its own status, and look for us, as soon as
            // it runs.
            publish(&mut state, &mut effects);
            effects.push(Effect::Release);
        }
        Event::ForkFailed => {
            state.service = Service::Down;
            // As in 0.76 the service is down now: x and o find no process to wait for.
            state.owed = Owed::Asked;
            state.pause = Pause::ForkFailed;
            state.fork_failures = (state.fork_failures + 1).min(fork_rest::MOST_FAILURES);
            publish(&mut state, &mut effects);
        }
        Event::DownSent => {
            state.down_told = state.service == Service::Up && state.want == Want::Down;
            effects.push(Effect::Send(Signal::Continue));
            effects.push(Effect::Publish);
        }
        Event::Recognised => tell_what_was_not_told(&state, &mut effects),
        Event::Ended => ended(&mut state, &mut effects),
        Event::PauseOver => state.pause = Pause::Over,
        Event::LimitOver => {
            if state.has_limit() {
                state.kill_asked = true;
                effects.push(Effect::Send(Signal::Kill));
            }
        }
    }
    match (before.has_limit() && event != Event::Begin, state.has_limit()) {
        (false, true) => effects.push(Effect::SetLimit),
        (true, false) => effects.push(Effect::DropLimit),
        (true, true) | (false, false) => {}
    }
    settle(&mut state, &mut effects);
    (state, effects)
}

fn asked(state: &mut State, request: Request, effects: &mut Effects) {
    let is_up = state.service == Service::Up;
    match request {
        Request::Up | Request::Once => {
            state.want = if request == Request::Up { Want::Up } else { Want::Once };
            state.down_told = false;
            if !is_up {
                // In the second after a start, 0.76 reads an o before it notices that the process
                // has ended. Then the ended process was the one run that o asks for, and 0.76 does
                // not start another.
                let drops_restart = request == Request::Once && state.owed == Owed::Restart;
                state.owed = if drops_restart { Owed::Nothing } else { Owed::Asked };
                if state.pause == Pause::ForkFailed {
                    state.pause = Pause::Over;
                }
            }
            effects.push(Effect::Publish);
        }
        Request::Down => {
            state.want = Want::Down;
            state.owed = Owed::Nothing;
            state.is_paused = false;
            // Recorded before the signal is sent: if supervise is killed in between, its successor
            // finds that the service is wanted down, and does not start it again after the signal
            // has ended it.
            effects.push(Effect::Publish);
            if is_up {
                effects.push(Effect::SendDown);
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
            if state.owed == Owed::Restart {
                state.owed = Owed::Nothing;
            }
            effects.push(Effect::Publish);
        }
        Request::Send(signal) => {
            if is_up {
                state.kill_asked |= signal == Signal::Kill;
                effects.push(Effect::Send(signal));
            } else if signal == Signal::Kill {
                // The process has ended, but others of its group may still run.
                effects.push(Effect::EndGroup);
            }
        }
    }
}

/// Publishes the state. The first status comes before the presence: a client that finds us finds a
/// status too.
fn publish(state: &mut State, effects: &mut Effects) {
    if state.is_announced {
        effects.push(Effect::Publish);
    } else {
        announce(state, effects);
    }
}

fn announce(state: &mut State, effects: &mut Effects) {
    state.is_announced = true;
    effects.push(Effect::Publish);
    effects.push(Effect::Announce);
}

/// Sends the signal of `d` if it is still to be sent: the supervise before us recorded `d` and was
/// killed before it sent the signal, or we did not know until now that the process is ours.
fn tell_what_was_not_told(state: &State, effects: &mut Effects) {
    if state.service == Service::Up && state.want == Want::Down && !state.down_told {
        effects.push(Effect::SendDown);
    }
}

fn owed_from_end(want: Want, exit_requested: bool) -> Owed {
    if want == Want::Up && !exit_requested { Owed::Restart } else { Owed::Nothing }
}

fn ended(state: &mut State, effects: &mut Effects) {
    state.service = Service::Down;
    state.is_paused = false;
    state.down_told = false;
    state.owed = owed_from_end(state.want, state.exit_requested);
    // Before the reaping: until then no other process group can get this number.
    if state.owed != Owed::Nothing || state.kill_asked {
        effects.push(Effect::EndGroup);
    }
    state.kill_asked = false;
    effects.push(Effect::Reap);
    // If a start follows at once, its status is enough: one for the end would delay the start.
    if !state.starts_now() {
        effects.push(Effect::Publish);
    }
}

/// Adds what follows from the state alone: leaving, or the start that is owed. A start comes last,
/// so that the KILL for the old group cannot reach the new process.
fn settle(state: &mut State, effects: &mut Effects) {
    if state.service != Service::Down {
        return;
    }
    // A start that is owed comes first, as in 0.76: `ox` runs once and leaves.
    let is_owed = state.owed != Owed::Nothing && state.pause != Pause::ForkFailed;
    if state.exit_requested && !is_owed {
        effects.push(Effect::Leave);
    } else if state.starts_now() {
        state.service = Service::Starting;
        effects.push(Effect::EndGroup);
        effects.push(Effect::Start);
    }
}
