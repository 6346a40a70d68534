//! svscan: keeps a supervise for every service in a scan directory, and for its logger.
//!
//! [`plan`] decides, as a pure function of what a pass saw and what is held; [`driver`] is the
//! loop, [`entry`] one held service with its pipe and its two supervises, [`filling`] the
//! directories that somebody is still filling, [`place`] what is taken before the first look,
//! [`pipes`] the log pipes and how a successor finds them again, [`retired`] the services that a
//! successor finds without a name, [`stop`] the orderly stop. [`boot`] is what svscanboot does around it all, and
//! [`messages`] the pipe to readproctitle. Manual pages: svscan(8), scandir(7), svscanboot(8).

pub mod boot;
pub mod driver;
pub mod entry;
pub mod filling;
pub mod messages;
pub mod pipes;
pub mod place;
pub mod plan;
pub mod request;
pub mod retired;
pub mod stop;
