//! What an svscan before us left: its supervises ([`finder`]), its log pipes ([`pipes`]) and the
//! services that still run though their names are gone ([`retired`]).

pub mod finder;
pub mod pipes;
pub mod retired;
