//! One program, many names: the last part of `argv[0]` says which command we are; under our own
//! name, the first argument does. The table stands in [`daemontools_rs::cmd`].
#![deny(
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]
#![no_main]

daemontools_rs::entry!(daemontools_rs::cmd::main);
