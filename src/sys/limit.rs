//! Resource limits: the limit on open descriptors, with a reserve below it, and the soft limit of
//! any resource.

use super::Errno;
use nix::sys::resource::{getrlimit, setrlimit};

pub use nix::sys::resource::Resource;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A soft and a hard limit, in descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The limit in force.
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

/// More descriptors than any kernel of today allows by default (fs.nr_open).
const MANY_FILES: u64 = 1 << 20;

impl OpenFiles {
    /// Raises our own limits, soft and hard, as far as we may. Returns the old limit, to be set for
    /// children; `None` if ours could not be read or set.
    #[must_use]
    pub fn raise() -> Option<Self> {
        let found = Self::read().ok()?;
        let many = found.hard.max(MANY_FILES);
        let raised = Self { soft: many, hard: many }
            .set()
            .or_else(|_| Self { soft: found.hard, hard: found.hard }.set());
        raised.ok().map(|()| found)
    }

    /// Whether the limit is so low that all descriptors should be kept for starting services.
    #[must_use]
    pub fn are_few() -> bool {
        Self::read().is_ok_and(|limit| limit.soft < FEW)
    }
}

/// The reserve: how many descriptors below the limit are kept for short use. At most this many;
/// with a low limit an eighth of it, but never less than the least.
const RESERVE: u64 = 16;
const LEAST_RESERVE: u64 = 3;
/// With fewer descriptors than this, we do without those that are not essential.
const FEW: u64 = 32;

/// Whether `descriptor`, which is to stay open, leaves the reserve free: the highest numbers below
/// the limit, for descriptors that are soon closed again. A new descriptor gets the lowest free
/// number, so no count is needed.
#[must_use]
pub fn leaves_reserve(descriptor: BorrowedFd<'_>) -> bool {
    let number = u64::try_from(descriptor.as_raw_fd()).unwrap_or(0);
    OpenFiles::read().map_or(true, |limit| {
        number < limit.soft.saturating_sub((limit.soft / 8).clamp(LEAST_RESERVE, RESERVE))
    })
}

/// The soft limit of `resource`, in its unit.
///
/// # Errors
/// Those of getrlimit(2).
pub fn soft(resource: Resource) -> Result<u64, Errno> {
    getrlimit(resource).map(|(soft, _)| soft)
}

/// A new soft limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soft {
    /// This value, or the hard limit if that is lower.
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

/// Sets the soft limit of `resource`, in its unit (bytes, seconds, processes, descriptors); the
/// hard limit stays.
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
