//! supervise: keeps one service as its control bytes want it.
//!
//! [`machine`] decides, as a pure function of state and event. [`driver`] passes it the events, and
//! [`perform`] carries out the effects it returns, in their order; neither decides anything itself.
//! [`files`] holds the open files of `supervise/`, [`publish`] writes them, [`recall`] reads what
//! earlier supervises left there. [`launch`] is the two-step start, [`watched`] the service's
//! process (our child or adopted), [`pipe_ends`] the ends of the log pipe that supervise keeps
//! open, [`says`] the longer messages. The formats on disk belong to [`crate::service`]. Manual
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
