//! The processor time of a multilog that has ended: a wait must take none.

use crate::scratch::{DEADLINE, wait_for};
use std::fs;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

const MOST: Duration = Duration::from_secs(5);

/// How it ended. It may not have taken more processor time than [`MOST`].
pub fn end_of(child: &mut Child) -> ExitStatus {
    let name = format!("/proc/{}/stat", child.id());
    let mut fields = Vec::new();
    let since = Instant::now();
    wait_for("the end of multilog", || {
        let stat = fs::read_to_string(&name).unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        fields = rest.split(' ').map(str::to_owned).collect();
        fields[0] == "Z"
    });
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    let cost = Duration::from_millis(ticks * 10);
    assert!(cost <= MOST, "it took {cost:?} of processor time");
    assert!(since.elapsed() < DEADLINE);
    child.wait().unwrap()
}
