//! The names in `supervise/`: the one place that has them. Whoever owns that directory can plant
//! anything under each, so each is opened through [`entry`](crate::sys::entry) alone, and the house
//! test holds every `open` to it.

/// Locked by the one supervise of the service; supervise's own.
pub const LOCK: &[u8] = b"lock";
/// The FIFO of the control bytes; of any owner, so that it can be given to a user.
pub const CONTROL: &[u8] = b"control";
/// The FIFO that says that a supervise runs; of any owner too.
pub const OK: &[u8] = b"ok";
/// The 18 bytes.
pub const STATUS: &[u8] = b"status";
/// What becomes `status` by its rename.
pub const NEW_STATUS: &[u8] = b"status.new";
/// What a successor has to know; supervise's own.
pub const JOURNAL: &[u8] = b"journal";
/// What becomes `journal` by its rename.
pub const NEW_JOURNAL: &[u8] = b"journal.new";
