//! The names in `.svscan`: the one place that has them. Each is opened through
//! [`entry`](crate::sys::entry) alone. `control` is that of `service::control`.

/// Locked by the one svscan of the scan directory, and by the svscanboot that started it.
pub const LOCK: &[u8] = b"lock";
/// Locked by the svscanboot that keeps the scan.
pub const BOOT_LOCK: &[u8] = b"boot-lock";
/// A FIFO that the svscanboot that keeps the scan has open.
pub const BOOT_OK: &[u8] = b"boot-ok";
/// The mark of an orderly stop.
pub const STOPPED: &[u8] = b"stopped";
/// Which pipe leads to readproctitle.
pub const MESSAGES: &[u8] = b"messages";
/// The same, while it is written.
pub const NEW_MESSAGES: &[u8] = b"messages.new";
/// Which services are held, and which pipe joins which to its logger.
pub const PIPES: &[u8] = b"pipes";
/// The same, while it is written.
pub const NEW_PIPES: &[u8] = b"pipes.new";
/// Whose records these are, where they do not stand in the scan directory.
pub const OWNER: &[u8] = b"scan-directory";
/// The same, while it is written.
pub const NEW_OWNER: &[u8] = b"scan-directory.new";
