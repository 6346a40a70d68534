//! svscan: keeps a supervise for every service in a scan directory, and for its logger.
//!
//! [`plan`] decides, as a pure function of what a pass saw and what is held; [`driver`] is the
//! loop, [`entry`] one held service with its pipe and its two supervises, [`filling`] the
//! directories that somebody is still filling, [`stop`] the orderly stop, [`pipes`] the log
//! pipes and how a successor finds them again, [`boot`] what svscanboot does around it all. Manual pages: svscan(8), scandir(7).

pub mod boot;
pub mod driver;
pub mod entry;
pub mod filling;
pub mod pipes;
pub mod plan;
pub mod stop;
