//! svscan: keeps a supervise for every service in a scan directory, and for its logger.
//!
//! [`driver`] is the loop. [`plan`] decides, as a pure function of what a pass saw and what is held.
//! [`roster`] holds the services: [`entry`] is one of them with its pipe and its two supervises,
//! [`adopted`] a supervise that was there before us and [`watches`] how its end is noticed, [`spawn`] the child that becomes one. [`changes`]
//! says what happened in the scan directory, [`filling`] which directories somebody is still filling.
//! [`claim`] is what svscan takes before its first look, [`foreign`] how it waits for 0.76's,
//! [`heir`] what an svscan before us left, [`stop`] the orderly stop. Manual pages: svscan(8),
//! scandir(7).

pub mod adopted;
pub mod changes;
pub mod claim;
pub mod driver;
pub mod entry;
pub mod filling;
pub mod foreign;
pub mod heir;
pub mod plan;
pub mod roster;
pub mod spawn;
pub mod stop;
pub mod watches;

use crate::error::Program;

const SVSCAN: Program = Program::daemon("svscan");
