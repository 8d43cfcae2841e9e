//! Whole pipelines, from files to tables, through the `wigeon` binary.

mod against_oracle;
mod arrivals;
mod formats;
mod kills;
mod tables;
mod third_party;
