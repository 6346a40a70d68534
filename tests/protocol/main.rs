//! The protocol of killing and succeeding as a model: two generations of supervise and svscan, a
//! service, a killer that may kill between any two steps, pid reuse and a reboot. The test visits
//! every reachable state ([`explore`]), checks the laws there ([`world`]), and must find each
//! seeded fault. The decisions of supervise are not modelled: the test calls the program's own
//! machine, record, and judgement of records. The steps around them have the names of the code.

mod adversary;
mod explore;
mod world;

use adversary::{Budget, Fault};
use explore::explore;
use world::World;

/// Several budgets of the adversary. Each is explored completely.
const NOTHING: Budget =
    Budget { kills: 0, requests: 0, deaths: 0, aliens: 0, reboots: 0, chowns: 0, is_blind: false };

const BUDGETS: [Budget; 6] = [
    Budget { kills: 1, requests: 1, deaths: 1, chowns: 1, ..NOTHING },
    Budget { kills: 1, requests: 1, deaths: 1, aliens: 1, is_blind: true, ..NOTHING },
    Budget { kills: 1, requests: 1, aliens: 1, reboots: 1, ..NOTHING },
    Budget { kills: 3, requests: 1, deaths: 1, ..NOTHING },
    Budget { kills: 1, requests: 3, deaths: 1, ..NOTHING },
    Budget { kills: 2, requests: 1, deaths: 1, aliens: 1, ..NOTHING },
];

#[test]
fn no_kill_runs_two_copies_starts_unasked_touches_a_stranger_or_gets_stuck() {
    for budget in BUDGETS {
        let states = explore(World::new(budget, Fault::None)).unwrap();
        assert!(states > 1000, "only {states} states with {budget:?}");
        println!("{states} states with {budget:?}");
    }
}

#[test]
fn every_seeded_fault_is_found() {
    for fault in Fault::ALL {
        let found = BUDGETS.iter().find_map(|&budget| explore(World::new(budget, fault)).err());
        println!("{fault:?}: {}", found.as_deref().unwrap_or("not found"));
        assert!(found.is_some(), "{fault:?} was not found");
    }
}
