//! What an svscan before us left: its supervises ([`finder`]), those that it had only just forked
//! ([`nascent`]), its log pipes ([`pipes`]) and the services that still run though their names are
//! gone ([`retired`]).

pub mod finder;
pub mod nascent;
pub mod pipes;
pub mod retired;
