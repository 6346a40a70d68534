//! svscanboot: the command that an init starts. [`leader`] decides, as a pure function; [`driver`]
//! is the loop that performs its effects, [`beginning`] what comes before the loop. [`child`] is
//! svscan or readproctitle as a child, [`messages`] the pipe between the two, [`place`] the scan
//! directory, found by its name. [`stop_client`] is `svscanboot --stop`, which an init runs at a
//! halt; [`status_client`] and [`erase_client`] are for the scriptlets of a package, and
//! [`services`] finds the running supervises for them. Manual page: svscanboot(8).

pub mod beginning;
pub mod child;
pub mod driver;
pub mod erase_client;
pub mod leader;
#[cfg(test)]
mod leader_laws;
#[cfg(test)]
mod leader_mutants;
pub mod messages;
pub mod place;
pub mod services;
pub mod status_client;
pub mod stop_client;

use crate::error::Program;

const SVSCANBOOT: Program = Program::daemon("svscanboot");
