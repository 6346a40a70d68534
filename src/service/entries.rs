//! The names in `supervise/`, all in this one place. The owner of that directory can put anything
//! under each name, so they are opened only through [`entry`](crate::sys::entry). A house test
//! checks this.

/// Locked by the one supervise of the service. Belongs to the user of supervise.
pub const LOCK: &[u8] = b"lock";
/// The FIFO of the control bytes. Any user may own it, so that an admin can give it to one.
pub const CONTROL: &[u8] = b"control";
/// The FIFO that shows that a supervise runs. Any user may own it, too.
pub const OK: &[u8] = b"ok";
/// The 18 bytes of the status.
pub const STATUS: &[u8] = b"status";
/// Renamed to `status` once it is complete.
pub const NEW_STATUS: &[u8] = b"status.new";
/// What the next supervise has to know. Belongs to the user of supervise.
pub const JOURNAL: &[u8] = b"journal";
/// Renamed to `journal` once it is complete.
pub const NEW_JOURNAL: &[u8] = b"journal.new";
