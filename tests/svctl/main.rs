//! svctl with running services, a file for each subject. They need neither root nor network. A case
//! that needs more says so when it is left out.

mod bad_input;
mod completion;
mod doctor;
mod figures;
mod flapping;
mod json;
mod logs;
mod manual;
mod names;
#[allow(dead_code, reason = "shared with the black-box suite, which uses all of it")]
#[path = "../black_box/scratch.rs"]
mod scratch;
mod stage;
mod status;
mod tail;
mod terminal;
mod verbs;
mod waiting;
