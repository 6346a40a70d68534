//! The measurements. Each takes all contestants by turns, and a different one begins each turn.

use crate::Fallible;
use crate::arena::Arena;
use crate::contestant::Contestant;
use crate::machine::Processors;
use crate::patience;
use crate::process::{self, Memory};
use crate::service::{Watch, now};
use nix::sys::signal::{Signal, kill};
use std::path::Path;
use std::time::Duration;

/// How long the contestants are left alone to see how often they wake up.
pub const IDLE: Duration = Duration::from_secs(12);
/// Over the second that each contestant leaves between two starts of a service; 0.76 takes up to
/// 20 ms more.
const OVER_A_SECOND: Duration = Duration::from_millis(1200);

/// How long after a start `svc -d` comes.
pub const AFTER_START: Duration = Duration::from_millis(50);
/// Between two links for one contestant: 20 of them fall evenly on the 5 s between two scans.
const LINK_PAUSE: Duration = Duration::from_millis(760);

/// Between two deaths.
const APART: Duration = Duration::from_millis(25);

const DOWN_ROUNDS: usize = 12;
const RESTART_ROUNDS: usize = 6;
const RESTARTED: usize = 8;
const LINKS: usize = 20;
const CROWD_ROUNDS: usize = 9;

/// Times in milliseconds, one list per contestant.
pub type Times = Vec<Vec<f64>>;

/// The contestants' numbers in the order of this turn.
pub fn turn(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}

fn milliseconds(from: u64, to: u64) -> f64 {
    Duration::from_nanos(to.saturating_sub(from)).as_secs_f64() * 1e3
}

/// Sleeps until `delay` after the moment `from`.
fn nap_until(from: u64, delay: Duration) -> Fallible<()> {
    let passed = Duration::from_nanos(now().saturating_sub(from));
    patience::nap(delay.saturating_sub(passed))
}

/// `svc -d` within the second after a start: from its byte to the service's death.
pub fn down_after_start(arenas: &mut [Arena]) -> Fallible<Times> {
    let mut times = vec![Vec::new(); arenas.len()];
    for arena in arenas.iter_mut() {
        arena.victim().send(b"d")?;
        arena.victim().wait_for_death()?;
    }
    for round in 0..DOWN_ROUNDS {
        for place in turn(arenas.len(), round) {
            let victim = arenas[place].victim();
            victim.send(b"u")?;
            let start = victim.look_for_start()?;
            nap_until(start.at, AFTER_START)?;
            let sent = now();
            victim.send(b"d")?;
            times[place].push(milliseconds(sent, victim.wait_for_death()?));
        }
        patience::nap(OVER_A_SECOND)?;
    }
    Ok(times)
}

/// Kills services that ran for over a second: from the death of one to its next `./run`.
pub fn restart(arenas: &mut [Arena]) -> Fallible<Times> {
    let mut times = vec![Vec::new(); arenas.len()];
    for round in 0..RESTART_ROUNDS {
        patience::nap(OVER_A_SECOND)?;
        let mut killed = Vec::new();
        for number in 1..=RESTARTED {
            for place in turn(arenas.len(), round + number) {
                let start = arenas[place].services[number].last.ok_or("a service not up")?;
                killed.push((place, number, now()));
                kill(start.pid, Signal::SIGKILL)?;
                patience::nap(APART)?;
            }
        }
        // Only now: a contestant that takes a second for it must not delay the others.
        for (place, number, killed) in killed {
            let start = arenas[place].services[number].look_for_start()?;
            times[place].push(milliseconds(killed, start.at));
        }
    }
    Ok(times)
}

/// Links new services into the scan directory: from each link to its first `./run`.
pub fn new_link(arenas: &mut [Arena]) -> Fallible<Times> {
    let mut links = Vec::new();
    for number in 0..LINKS {
        for (place, arena) in arenas.iter().enumerate() {
            links.push((place, arena.make_service(&format!("new{number}"))?, 0));
        }
    }
    let pause = LINK_PAUSE / u32::try_from(arenas.len())?;
    for (place, service, linked) in &mut links {
        let arena = &arenas[*place];
        *linked = now();
        service.link_into(&arena.scan())?;
        arena.contestant.announce(&arena.scan())?;
        nap_until(*linked, pause)?;
    }
    let mut times = vec![Vec::new(); arenas.len()];
    for (place, service, linked) in &mut links {
        times[*place].push(milliseconds(*linked, service.look_for_start()?.at));
    }
    Ok(times)
}

/// Many services at once, as at boot: from svscan's start to the last `./run`.
pub fn crowd(contestants: &[Contestant], root: &Path, count: usize) -> Fallible<Times> {
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..CROWD_ROUNDS {
        for place in turn(contestants.len(), round) {
            let mut arena = Arena::start(&contestants[place], root, count, &Watch::Starts)?;
            arena.wait_until_up()?;
            let starts = arena.services.iter().filter_map(|service| service.last);
            let last = starts.map(|start| start.at).max().unwrap_or_default();
            times[place].push(milliseconds(arena.started, last));
        }
    }
    Ok(times)
}

/// Wake-ups while nothing happens: of one supervise on average, and of svscan.
pub struct Idle {
    pub supervise: f64,
    pub svscan: f64,
}

pub fn idle(arenas: &[Arena]) -> Fallible<Vec<Idle>> {
    // 0.76 is busy with a start for over a second after it.
    patience::nap(OVER_A_SECOND * 2)?;
    let before = arenas.iter().map(wakeups).collect::<Fallible<Vec<Idle>>>()?;
    let processors = Processors::now()?;
    patience::nap(IDLE)?;
    Processors::now()?.tell_since(&processors);
    let after = arenas.iter().map(wakeups).collect::<Fallible<Vec<Idle>>>()?;
    let pairs = before.into_iter().zip(after);
    Ok(pairs
        .map(|(before, after)| Idle {
            supervise: after.supervise - before.supervise,
            svscan: after.svscan - before.svscan,
        })
        .collect())
}

fn wakeups(arena: &Arena) -> Fallible<Idle> {
    let each: Vec<f64> =
        arena.supervises()?.into_iter().map(process::wakeups).collect::<Fallible<_>>()?;
    let svscan = process::wakeups(arena.svscan)?;
    Ok(Idle { supervise: each.iter().sum::<f64>() / each.len() as f64, svscan })
}

/// What one supervise, on average, and svscan take of the memory.
pub struct Weight {
    pub supervise: Memory,
    pub svscan: Memory,
}

pub fn memory(arenas: &[Arena]) -> Fallible<Vec<Weight>> {
    // A page of a program that was written a moment ago is not clean before.
    nix::unistd::sync();
    arenas.iter().map(weight).collect()
}

fn weight(arena: &Arena) -> Fallible<Weight> {
    let each: Vec<Memory> =
        arena.supervises()?.into_iter().map(Memory::of).collect::<Fallible<_>>()?;
    let mean = |part: fn(&Memory) -> f64| each.iter().map(part).sum::<f64>() / each.len() as f64;
    let supervise = Memory {
        unshared: mean(|memory| memory.unshared),
        proportional: mean(|memory| memory.proportional),
    };
    Ok(Weight { supervise, svscan: Memory::of(arena.svscan)? })
}
