//! Random and mutated input for all code that reads bytes from outside: never a crash, and always
//! the result of a naive model. One file for each area. The seeds are constants, so that a failure
//! can be repeated. `FUZZ_TIMES=1000` makes some of them longer.

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
