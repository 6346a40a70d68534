//! What an svscan before us left: its log pipes ([`pipes`]) and the services that still run though
//! their names are gone ([`retired`]).

pub mod pipes;
pub mod retired;
