//! multilog: reads lines, and writes those that a script selects to log directories that rotate
//! themselves.
//!
//! [`script`], [`pattern`] and [`lines`] are pure: what the words of the command line mean, which
//! line they select, and where lines begin and end in what was read. [`logdir`] is one log
//! directory, the only place that knows a file name in it. [`input`] is stdin; [`orders`] is what
//! signals ask for.
//! [`driver`] reads, asks the script and performs. Manual page: multilog(8).

pub mod driver;
pub mod input;
pub mod lines;
pub mod logdir;
pub mod orders;
pub mod pattern;
pub mod processor;
pub mod script;
