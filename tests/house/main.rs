//! The house rules of the project, held against the sources.

mod circles;
mod citations;
mod dropped;
mod lengths;
mod lints;
mod lowest_rust;
mod manual;
mod mutants;
mod notices;
mod openings;
mod rules;
mod type_names;
mod version;
mod waits;
mod words;
