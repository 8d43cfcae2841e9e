//! Whole pipelines, from files to tables, through the `wigeon` binary.

mod against_oracle;
mod arrivals;
#[cfg(unix)]
mod at_once;
mod committed;
#[cfg(unix)]
mod cron;
mod encodings;
mod examples;
#[cfg(unix)]
mod failpoints;
mod formats;
mod generic;
mod histories;
mod kills;
mod lanes;
mod overlays;
mod passes;
mod peers;
mod registries;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod soak;
mod spilling;
mod strangers;
mod third_party;
#[cfg(unix)]
mod torn;
mod transforms;
mod twice;
mod verify;
mod wasi;

use wigeon_tests::tables;
