//! svscanboot: what an init starts. [`driver`] keeps svscan and readproctitle, [`child`] is one of
//! the two, [`messages`] the pipe between them, [`stop_client`] is `svscanboot --stop`. Manual page: svscanboot(8).

pub mod child;
pub mod driver;
pub mod messages;
pub mod stop_client;

use crate::error::Program;

const SVSCANBOOT: Program = Program::daemon("svscanboot");
