//! The house rules of the project, held against the sources.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod circles;
mod citations;
mod lengths;
mod lowest_rust;
mod manual;
mod mutants;
mod openings;
mod rules;
mod waits;
