//! Whole pipelines, from files to tables, through the `wigeon` binary.

mod against_oracle;
mod arrivals;
mod kills;
mod tables;
