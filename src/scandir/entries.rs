//! The names in `.svscan`, all in this one place. They are opened only through
//! [`entry`](crate::sys::entry). The name `control` is in `service::control`.

/// Locked by the one svscan of the scan directory, and by the svscanboot that started it.
pub const LOCK: &[u8] = b"lock";
/// Locked by the leading svscanboot, the one that keeps svscan running.
pub const BOOT_LOCK: &[u8] = b"boot-lock";
/// A FIFO that the leading svscanboot has open to read.
pub const BOOT_OK: &[u8] = b"boot-ok";
/// The mark of an orderly stop.
pub const STOPPED: &[u8] = b"stopped";
/// Says which pipe leads to readproctitle.
pub const MESSAGES: &[u8] = b"messages";
/// Renamed to `messages` once it is complete.
pub const NEW_MESSAGES: &[u8] = b"messages.new";
/// Says which services svscan has started, and which pipe joins each to its logger.
pub const PIPES: &[u8] = b"pipes";
/// Renamed to `pipes` once it is complete.
pub const NEW_PIPES: &[u8] = b"pipes.new";
/// Says which scan directory these records belong to, if they are not in the scan directory itself.
pub const OWNER: &[u8] = b"scan-directory";
/// Renamed to `scan-directory` once it is complete.
pub const NEW_OWNER: &[u8] = b"scan-directory.new";
