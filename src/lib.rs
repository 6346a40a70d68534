//! daemontools-rs: a clean-room implementation of daemontools 0.76 as one program of many names.
//!
//! # The layers
//!
//! ```text
//! main -> cmd -> { supervise::driver, svscanboot::driver, svscan::driver, multilog::driver,
//!                      \ machine          \ leader           \ plan      \ script, pattern, lines
//!                  exec, reexec } -> scandir -> service -> sys        (after a backslash: pure)
//! used by all: error, tai64n, env, fill, newlines, own_path, calendar, effects, fork_rest
//! used by cmd only: args, filter, wrapper; by cmd and svctl: account;
//! by cmd, svctl and multilog: zone
//! ```
//!
//! svctl is a program of its own, built only with the feature `svctl`: svctl -> multilog::script,
//! scandir, service, sys.
//!
//! Calls go to the right only. Only [`service`] knows the file names in a service directory, and
//! only [`scandir`] knows what svscan keeps in a scan directory. supervise, svscan, svscanboot, svc
//! and svstat use these two and never import each other. [`sys`] holds all `unsafe` code and the
//! only uses of nix, libc and signal-hook. The pure files (`supervise/machine.rs`,
//! `svscan/plan.rs` and `late_log.rs`, multilog's `script.rs`, `pattern.rs` and `lines.rs`) have no
//! clock, no system and no files: they return their decisions as data. Only [`cmd`] and `main` end
//! the process, with the numbers that [`error`] names. `tests/house` reads the sources and fails on
//! a breach of these rules.
#![deny(
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

pub mod account;
pub mod args;
pub mod calendar;
pub mod cmd;
pub mod effects;
pub mod env;
pub mod error;
pub mod exec;
pub mod fill;
pub mod filter;
pub mod fork_rest;
pub mod multilog;
pub mod newlines;
pub mod own_path;
pub mod reexec;
pub mod scandir;
pub mod service;
pub mod supervise;
pub mod svscan;
pub mod svscanboot;
pub mod sys;
pub mod tai64n;
pub mod wrapper;
pub mod zone;
