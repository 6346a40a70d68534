//! svscan: keeps a supervise running for every service in a scan directory, and for its logger.
//!
//! [`driver`] is the loop. A pass is one look at the scan directory; a tick is the pass every five
//! seconds. A service is held from the pass that first sees it until its name is gone and its
//! supervises have ended. [`plan`] decides, as a pure function of what a pass saw and what is held.
//! [`roster`] has the held services: [`entry`] is one of them with its pipe and its two supervises,
//! [`adopted`] a supervise that an svscan before us started, [`watches`] notices the ends of those,
//! [`spawn`] forks the child that becomes a supervise. [`changes`] reports what happened in the
//! scan directory, [`filling`] has the directories that a program is still filling. [`claim`] is
//! what svscan takes before its first look, [`foreign`] waits for 0.76's svscan, [`heir`] finds
//! what an svscan before us left, [`stop`] is the orderly stop. Manual pages: svscan(8),
//! scandir(7).

pub mod adopted;
pub mod changes;
pub mod claim;
pub mod driver;
pub mod entry;
pub mod filling;
pub mod foreign;
pub mod heir;
pub mod late_log;
pub mod plan;
pub mod roster;
pub mod spawn;
pub mod stop;
pub mod watches;

use crate::error::Program;

const SVSCAN: Program = Program::daemon("svscan");
