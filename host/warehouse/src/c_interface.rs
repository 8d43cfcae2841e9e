//! The DuckDB instance, its connections, and scans of Arrow streams: what is used of DuckDB's C interface.
//!
//! All unsafe code of the crate is here. `duckdb_arrow_scan` exists in the C interface
//! only, and needs a raw connection; hence the raw instance. What kind of statement a text
//! is, too, only the C interface tells.

mod arrow_scan;
mod instance;
mod raw;

pub(crate) use arrow_scan::ArrowScan;
pub(crate) use instance::{Connection, Instance};
