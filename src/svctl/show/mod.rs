//! What is printed: the table with its advice and the page, for people; JSON, columns and
//! Prometheus' text, for programs. Nothing here looks at a service: the caller has looked.

pub mod advice;
pub mod facts;
pub mod fields;
pub mod json;
pub mod page;
pub mod prometheus;
pub mod rows;
pub mod table;
pub mod units;
