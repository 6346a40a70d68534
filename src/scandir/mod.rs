//! The contract of a scan directory: what svscan and svscanboot keep in its `.svscan`, which only
//! its owner can read (0700). [`records`] opens it, or the directory in its place where it cannot
//! be made ([`run_records`]). [`entries`] has the names of its files: `lock`, one svscan per scan
//! directory ([`scan_lock`]); `control`, svscan's control FIFO ([`scan_control`]), with the words
//! sent through it ([`word`]) and the svscan that reads them ([`scanner`]); `stopped`, the mark of
//! an orderly stop ([`mark`]); `pipes`, which pipe joins which service to its logger
//! ([`pipe_records`]); `messages`, which pipe leads to readproctitle ([`message_record`]);
//! `boot-lock` and `boot-ok`, the leading svscanboot ([`leadership`]). 0.76 skips the name for its
//! dot. An addition of ours. Manual page: scandir(7).

pub mod entries;
pub mod leadership;
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
