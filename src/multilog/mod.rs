//! multilog: reads lines, and writes those that a script selects to log directories that rotate
//! themselves.
//!
//! [`script`], [`pattern`] and [`lines`] are pure: the arguments of the command line, the lines
//! they select, and where lines begin and end in the input. [`input`] reads stdin, [`patience`] has
//! all waits and the signals, [`outputs`] everything that lines go to, [`delivery`] hands a block
//! on to it. [`logdir`], [`keeper`], [`names`] and [`processor`] work in one log directory, and
//! only they know its file names; [`trouble`] has the messages for what goes wrong there.
//! [`driver`] has the loop. Manual page: multilog(8).

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
