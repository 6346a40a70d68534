//! The limit on open descriptors (RLIMIT_NOFILE).

use super::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A soft and a hard limit, in descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// What is in force.
    pub soft: u64,
    /// How far the soft limit may be raised.
    pub hard: u64,
}

impl OpenFiles {
    /// getrlimit(2)
    ///
    /// # Errors
    /// Those of getrlimit(2).
    pub fn read() -> Result<Self, Errno> {
        getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, hard)| Self { soft, hard })
    }

    /// setrlimit(2)
    ///
    /// # Errors
    /// Those of setrlimit(2): EPERM for a raised hard limit without the privilege, or above the
    /// kernel's own ceiling.
    pub fn set(self) -> Result<(), Errno> {
        setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard)
    }
}
