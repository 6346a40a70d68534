//! What is shown: the table with its advice and the page to people; JSON, columns and Prometheus'
//! text to programs. Nothing here looks at a service: what was seen is given.

pub mod advice;
pub mod facts;
pub mod fields;
pub mod json;
pub mod page;
pub mod prometheus;
pub mod rows;
pub mod table;
pub mod units;
