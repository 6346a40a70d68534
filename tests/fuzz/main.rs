//! Random and mutated input for what reads foreign bytes: never a crash, and always what a naive
//! model says. A file per area. The seeds are constants: a failure comes again. `FUZZ_TIMES=1000`
//! makes some of them longer.

mod account;
mod control;
mod envdir;
mod multilog;
mod random;
mod scan_records;
#[allow(
    dead_code,
    clippy::print_stdout,
    reason = "shared with the black-box suite, which uses all of it"
)]
#[path = "../black_box/scratch.rs"]
mod scratch;
mod service_records;
mod tai64n;
mod tai64nlocal;
