//! The search: every state reachable by steps of any actor, and from each of them a way to a
//! settled state by our own steps alone.

use crate::world::World;
use std::collections::{BTreeMap, VecDeque};

/// Visits all states. Returns how many there are, or the first broken law and the steps that lead
/// to it.
pub fn explore(first: World) -> Result<usize, String> {
    let mut numbers = BTreeMap::from([(first.clone(), 0)]);
    let mut states = vec![first];
    // The step by which each state was first reached, for the report; and our own steps, reversed.
    let mut came_by: Vec<Option<(usize, String)>> = vec![None];
    let mut backwards: Vec<Vec<usize>> = vec![Vec::new()];
    let mut left = VecDeque::from([0]);
    while let Some(number) = left.pop_front() {
        let state = states[number].clone();
        for step in state.steps() {
            let after = step
                .world
                .map_err(|law| format!("{law}, after {}", way(&came_by, number, &step.name)))?;
            let next = *numbers.entry(after.clone()).or_insert_with(|| {
                states.push(after);
                came_by.push(Some((number, step.name.clone())));
                backwards.push(Vec::new());
                left.push_back(states.len() - 1);
                states.len() - 1
            });
            if step.is_ours {
                backwards[next].push(number);
            }
        }
    }
    let mut settles = vec![false; states.len()];
    let mut left: Vec<usize> = (0..states.len()).filter(|&n| states[n].is_settled()).collect();
    while let Some(number) = left.pop() {
        if !std::mem::replace(&mut settles[number], true) {
            left.extend(&backwards[number]);
        }
    }
    match settles.iter().position(|settles| !settles) {
        None => Ok(states.len()),
        Some(stuck) => Err(format!("stuck, after {}", way(&came_by, stuck, ""))),
    }
}

fn way(came_by: &[Option<(usize, String)>], mut number: usize, last: &str) -> String {
    let mut names = vec![last.to_owned()];
    while let Some((before, name)) = &came_by[number] {
        names.push(name.clone());
        number = *before;
    }
    names.reverse();
    names.retain(|name| !name.is_empty());
    names.join(", ")
}
