//! multilog: reads lines, and writes those that a script selects to log directories that rotate
//! themselves.
//!
//! [`script`], [`pattern`] and [`lines`] are pure: what the words of the command line mean, which
//! line they select, and where lines begin and end in what was read. [`input`] is stdin, [`patience`]
//! every wait and what signals ask for, [`outputs`] all that lines go to, [`delivery`] a block on
//! its way there. [`logdir`], [`keeper`], [`names`] and [`processor`] are one log directory, and alone know a
//! file name in it; [`trouble`] has the words for what goes wrong there. [`driver`] reads, and hands
//! on. Manual page: multilog(8).

pub mod delivery;
pub mod driver;
pub mod input;
pub mod keeper;
pub mod lines;
pub mod logdir;
pub mod names;
pub mod outputs;
pub mod patience;
pub mod pattern;
pub mod processor;
pub mod room;
pub mod script;
pub mod trouble;
