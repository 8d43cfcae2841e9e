//! The warehouse against real files, one binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attached;
mod changed_keys;
mod checkpoint;
mod csv;
mod csv_canonical;
mod csv_files;
mod csv_malformed;
mod formats;
mod json_bytes;
mod json_malformed;
mod late;
mod ledger;
mod load;
mod locks;
mod opening;
mod overlay;
mod snapshot;
mod support;
mod types;
mod update;
