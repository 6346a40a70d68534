//! Resource limits: that on open descriptors, whole, and the soft limit of any.

use super::Errno;
use nix::sys::resource::{getrlimit, setrlimit};

pub use nix::sys::resource::Resource;

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

/// A new soft limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soft {
    /// This, or the hard limit where that is lower.
    AtMost(u64),
    /// The hard limit.
    Hard,
}

/// Which of the two calls failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitError {
    /// getrlimit(2)
    Read(Errno),
    /// setrlimit(2)
    Set(Errno),
}

/// Sets the soft limit of `resource`, in its unit (bytes, seconds, processes, descriptors); the hard
/// limit stays.
///
/// # Errors
/// Those of getrlimit(2) and setrlimit(2).
pub fn set_soft(resource: Resource, soft: Soft) -> Result<(), LimitError> {
    let (_, hard) = getrlimit(resource).map_err(LimitError::Read)?;
    let soft = match soft {
        Soft::AtMost(limit) => limit.min(hard),
        Soft::Hard => hard,
    };
    setrlimit(resource, soft, hard).map_err(LimitError::Set)
}
