//! The laws of the machine: what one step (an edge between two states) may do.
//! [`super::machine_walks`] checks them on every edge, [`super::machine_mutants`] shows that each
//! law catches a fault.

use super::machine::{Effect, Effects, Event, Owed, Pause, Request, Service, Signal, State, Want};

/// Every law about one edge: the state before, the event, the state after, and the effects.
pub fn edge_laws(
    before: State,
    event: Event,
    after: State,
    effects: &Effects,
) -> Result<(), String> {
    let list: Vec<Effect> = effects.iter().collect();
    let has = |effect| list.contains(&effect);
    let at = |effect| list.iter().position(|&other| other == effect);
    let law = |holds: bool, law: &str| {
        if holds { Ok(()) } else { Err(format!("{law}: {before:?} {event:?} {list:?} {after:?}")) }
    };
    let was_up = before.service == Service::Up;
    let is_up = after.service == Service::Up;
    let request = match event {
        Event::Asked(request) => Some(request),
        _ => None,
    };

    law(list.len() < 6, "no step fills the list of effects")?;
    law(after.owed == Owed::Nothing || !is_up, "a start is owed only while there is no process")?;
    law(!after.is_paused || is_up, "only a process can be paused")?;
    law(
        !after.down_told || is_up && after.want == Want::Down,
        "down_told: only while up and wanted down",
    )?;
    law(
        !has(Effect::Start) || before.service == Service::Down || event == Event::Ended,
        "a process is started only where there is none",
    )?;
    law(
        has(Effect::Start) == (after.service == Service::Starting),
        "starting means told to start",
    )?;
    law(!has(Effect::Start) || after.pause == Pause::Over, "no start within the second")?;
    law(!has(Effect::Start) || after.want != Want::Down, "what is wanted down is not started")?;
    law(
        !has(Effect::Start)
            || !after.exit_requested
            || before.owed == Owed::Asked
            || request == Some(Request::Up)
            || request == Some(Request::Once),
        "nothing is started on the way out but what was asked for",
    )?;
    law(
        !has(Effect::Start)
            || list.last() == Some(&Effect::Start) && at(Effect::EndGroup) < at(Effect::Start),
        "Start is last: the old group is ended before the new process, and nothing behind it",
    )?;
    law(
        !has(Effect::SendDown) || list.last() == Some(&Effect::SendDown),
        "an effect that is answered comes last: the answer has effects of its own",
    )?;
    law(
        !has(Effect::EndGroup) || event != Event::Ended || at(Effect::EndGroup) < at(Effect::Reap),
        "the group is ended while its number is surely ours",
    )?;
    law(
        !has(Effect::Leave) || !is_up && after.exit_requested,
        "supervise leaves only after x, with the service down",
    )?;
    law(
        !after.exit_requested
            || after.service != Service::Down
            || has(Effect::Leave)
            || after.owed == Owed::Asked && after.pause == Pause::Second,
        "x leaves as soon as the service is down and nothing was asked for since",
    )?;
    law(has(Effect::Reap) == (event == Event::Ended), "an end is noted once")?;
    law(
        event != Event::Forked
            || list == [Effect::Publish, Effect::Release]
            || list == [Effect::Publish, Effect::Announce, Effect::Release],
        "a child is released after it is published and we are announced",
    )?;
    law(
        has(Effect::Announce) == (!before.is_announced && after.service != Service::Starting),
        "a supervise is announced when it begins, or with the start that follows at once",
    )?;
    law(after.is_announced != (event == Event::Begin && has(Effect::Start)), "announced for good")?;
    law(
        !has(Effect::Announce) || list.starts_with(&[Effect::Publish, Effect::Announce]),
        "a status, the presence, and then the rest",
    )?;
    law(!has(Effect::Release) || event == Event::Forked, "only a forked child is released")?;

    let signals: Vec<Signal> = list
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(signal) => Some(*signal),
            _ => None,
        })
        .collect();
    let expected: &[Signal] = match request {
        _ if !was_up => &[],
        Some(Request::Pause) => &[Signal::Stop],
        Some(Request::Continue) => &[Signal::Continue],
        Some(Request::Send(signal)) => &[signal],
        None if event == Event::DownSent => &[Signal::Continue],
        None if event == Event::LimitOver && before.has_limit() => &[Signal::Kill],
        _ => &[],
    };
    law(signals == expected, "a control byte sends its signals, at once, and nothing else does")?;
    let is_untold = was_up && before.want == Want::Down && !before.down_told;
    law(
        has(Effect::SendDown)
            == (request == Some(Request::Down) && was_up
                || matches!(event, Event::Begin | Event::Recognised) && is_untold),
        "the signal of d is sent at d, or as soon as it can be if it was not",
    )?;
    law(event != Event::DownSent || after.down_told, "after DownSent, down_told is set")?;
    law(
        after.down_told == before.down_told
            || event == Event::DownSent
            || event == Event::Ended
            || matches!(request, Some(Request::Up | Request::Once)),
        "only DownSent sets down_told; an end, u and o clear it",
    )?;
    let had_limit = event != Event::Begin && before.has_limit();
    law(
        has(Effect::SetLimit) == (!had_limit && after.has_limit()),
        "the limit begins when the process was told, and a further d does not put it off",
    )?;
    law(
        has(Effect::DropLimit) == (had_limit && !after.has_limit()),
        "the limit is dropped when its reason is gone",
    )?;

    let published = match event {
        Event::Begin => !has(Effect::Start),
        Event::Asked(Request::Send(_)) => false,
        Event::PauseOver | Event::LimitOver | Event::Recognised => false,
        Event::Asked(_) | Event::Forked | Event::ForkFailed | Event::DownSent => true,
        // If a start follows at once, the status of the start is enough.
        Event::Ended => !has(Effect::Start),
    };
    law(has(Effect::Publish) == published, "the status is written when the contract says")?;
    law(
        !has(Effect::Publish) || at(Effect::Reap) < at(Effect::Publish),
        "an end, then its status",
    )?;

    let want = match request {
        Some(Request::Up) => Want::Up,
        Some(Request::Down) => Want::Down,
        Some(Request::Once) => Want::Once,
        _ => before.want,
    };
    law(after.want == want, "only u, d and o change what is wanted")?;
    law(
        after.exit_requested == (before.exit_requested || request == Some(Request::Exit)),
        "an exit is requested by x, for good",
    )?;
    let paused = match request {
        Some(Request::Pause) => was_up,
        Some(Request::Continue | Request::Down) => false,
        _ => before.is_paused && is_up,
    };
    law(after.is_paused == paused, "p pauses a process, c and d let it go on")?;
    law(
        request != Some(Request::Down) || list.first() == Some(&Effect::Publish),
        "d is recorded before its signal is sent",
    )?;

    // A start that is wanted happens at once, or is owed.
    let idle = after.service == Service::Down && !after.exit_requested;
    let is_owed = after.owed != Owed::Nothing;
    law(!idle || after.want != Want::Up || is_owed, "what is wanted up is owed a start")?;
    let drops_restart = request == Some(Request::Once) && before.owed == Owed::Restart;
    law(request != Some(Request::Once) || !idle || is_owed != drops_restart, "o is owed a start")?;
    law(
        !drops_restart || !is_owed && after.service == Service::Down,
        "o drops a start that is owed from an end",
    )?;
    law(
        request != Some(Request::Exit) || before.owed != Owed::Restart || !is_owed,
        "x drops a start that is owed from an end",
    )?;
    law(
        request != Some(Request::Up) || was_up || after.owed == Owed::Asked,
        "u: a start is asked for and not dropped by an end",
    )?;
    law(
        before.owed != Owed::Asked
            || after.owed == Owed::Asked
            || matches!(event, Event::Forked | Event::Asked(Request::Down)),
        "only d takes back what was asked for",
    )?;
    law(
        event != Event::Ended || after.owed == Owed::Nothing || after.want == Want::Up,
        "once is once",
    )?;
    law(event != Event::Ended || after.owed != Owed::Asked, "an end asks for nothing")?;
    law(after.want != Want::Down || !is_owed, "d takes back a start that is owed")?;
    law(
        !idle || !is_owed || after.pause != Pause::Over,
        "a start that is owed and may happen does happen",
    )?;
    let failed = after.pause == Pause::ForkFailed;
    law(
        !failed || event == Event::ForkFailed || before.pause == Pause::ForkFailed,
        "only a failed fork pauses for long",
    )?;
    law(event != Event::ForkFailed || failed, "a failed fork is not repeated at once")?;
    law(
        event != Event::ForkFailed || after.fork_pause() == (before.fork_pause() * 2).min(60),
        "each failure doubles the pause, up to a minute",
    )?;
    law(event != Event::Forked || after.fork_pause() == 1, "a fork ends the row of failures")?;
    law(
        after.fork_failures == before.fork_failures
            || matches!(event, Event::Forked | Event::ForkFailed),
        "only forks count",
    )?;
    law(
        event != Event::Forked || after.pause == Pause::Second,
        "a start begins a second of pause",
    )?;
    law(
        after.pause == before.pause
            || matches!(event, Event::Forked | Event::ForkFailed | Event::PauseOver)
            || before.pause == Pause::ForkFailed
                && matches!(request, Some(Request::Up | Request::Once)),
        "the second is not cut short; u and o cut the pause after a failed fork",
    )?;

    // k sends KILL to the whole group, now or when the process has ended; so does a restart.
    law(
        !(event == Event::Ended && before.kill_asked) || has(Effect::EndGroup),
        "k ends the group",
    )?;
    law(
        !(request == Some(Request::Send(Signal::Kill)) || signals.contains(&Signal::Kill))
            || after.kill_asked
            || has(Effect::EndGroup),
        "k is remembered",
    )?;
    law(
        !has(Effect::EndGroup)
            || has(Effect::Start)
            || is_owed
            || before.kill_asked
            || request == Some(Request::Send(Signal::Kill)),
        "without k and without a restart the group is left alone",
    )
}
