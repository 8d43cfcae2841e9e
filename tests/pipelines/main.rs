//! Whole pipelines, from files to tables, through the `wigeon` binary.

mod against_oracle;
mod arrivals;
mod committed;
mod cron;
mod examples;
mod formats;
mod generic;
mod kills;
mod overlays;
mod passes;
mod registries;
mod tables;
mod third_party;
mod transforms;
mod twice;
mod verify;
