//! The contract of a scan directory: what svscan and svscanboot keep in its `.svscan`, which is ours
//! alone (0700). [`records`] opens it, or the place that stands for it where none can be made
//! ([`run_records`]). In it, by the names of [`entries`]: `lock`, one svscan per scan directory
//! ([`scan_lock`]); `control`, its control FIFO ([`scan_control`]), what is said there ([`word`]) and
//! who hears it ([`scanner`]); `stopped`, the mark of an orderly stop ([`mark`]); `pipes`, which pipe
//! joins which service to its logger ([`pipe_records`]); `messages`, which pipe leads to readproctitle
//! ([`message_record`]); `boot-lock` and `boot-ok`, the svscanboot that keeps the scan ([`keeper`]).
//! 0.76 skips the name for its dot. An addition of ours. Manual page: scandir(7).

pub mod entries;
pub mod keeper;
pub mod mark;
pub mod message_record;
pub mod pipe_records;
pub mod records;
pub mod run_records;
pub mod scan_control;
pub mod scan_lock;
pub mod scanner;
pub mod word;

pub use records::ScanRecords;
