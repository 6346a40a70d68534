//! Random and mutated input for what reads foreign bytes: never a crash, and always what a naive
//! model says. A file per area. The seeds are constants: a failure comes again.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod account;
mod multilog;
mod random;
mod tai64n;
mod tai64nlocal;
