//! One program of many names: the last part of `argv[0]` is the command; under the name
//! `daemontools`, the first argument is. The table is in [`daemontools_rs::cmd`].
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
