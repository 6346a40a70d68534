//! supervise: keeps one service as its control bytes want it.
//!
//! [`machine`] decides, as a pure function of state and event; [`driver`] asks it, [`perform`] does
//! what it decided, in that order, and both are too dull to be wrong about policy. [`files`] is what it holds open
//! in `supervise/`, [`publish`] what it writes there, [`recall`] what it knows of the supervises
//! before. [`launch`] is the two-step start, [`watched`] the service's process, our child or adopted,
//! [`pipe_ends`] what it holds of its log pipe, [`says`] its longer lines. What stands on disk is [`crate::service`]'s. Manual
//! page: supervise(8).

pub mod driver;
pub mod files;
pub mod launch;
pub mod machine;
#[cfg(test)]
mod machine_laws;
#[cfg(test)]
mod machine_mutants;
#[cfg(test)]
mod machine_walks;
pub mod perform;
pub mod pipe_ends;
pub mod publish;
pub mod recall;
pub mod says;
pub mod watched;
