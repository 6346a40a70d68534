//! svscan: keeps a supervise for every service in a scan directory, and for its logger.
//!
//! [`plan`] decides, as a pure function of what a pass saw and what is held; [`driver`] is the
//! loop, [`entry`] one held service with its pipe and its two supervises, [`filling`] the
//! directories that somebody is still filling, [`place`] what is taken before the first look,
//! [`heir`] what an svscan before us left, [`stop`] the orderly stop. Manual pages: svscan(8),
//! scandir(7).

pub mod driver;
pub mod entry;
pub mod filling;
pub mod heir;
pub mod place;
pub mod plan;
pub mod stop;
