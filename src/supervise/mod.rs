//! supervise: keeps one service as its control bytes want it.
//!
//! [`machine`] decides, as a pure function of state and event; [`driver`] performs what it
//! decided, in that order, and is too dull to be wrong about policy. [`start`] is the two-step
//! start, [`watched`] the service's process, our child or adopted, [`memory`] what is known of the
//! supervises before. What stands on disk is
//! [`crate::service`]'s. Manual page: supervise(8).

pub mod driver;
pub mod machine;
#[cfg(test)]
mod machine_laws;
pub mod memory;
pub mod start;
pub mod watched;
