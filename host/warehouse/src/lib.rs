//! Arrow to DuckDB and back: sources, tables, history, ledger and locks.
//!
//! The only crate that names duckdb. Nothing of it shows in a public signature:
//! batches are Arrow's, errors and descriptions are our own. The warehouse file is
//! attached to an in-memory DuckDB, so that the views through which Arrow streams
//! are scanned, and the stages, never touch the file.
//!
//! One [`Warehouse`] is one DuckDB instance. Every reading call opens a connection of
//! its own and streams from a thread of its own, so a [`RowStream`] may be pulled while
//! a [`Load`] writes. All writing goes through a [`Load`], which is one transaction.

mod attached;
#[expect(
    unsafe_code,
    reason = "Arrow scans exist in the C interface of DuckDB only"
)]
mod c_interface;
mod canonical;
mod catalog;
mod changed_keys;
mod checkpoint;
mod compare;
mod csv;
mod csv_canonical;
mod csv_record;
mod csv_scan;
mod diagnose;
mod digest;
mod doublewrite;
mod error;
mod estimate;
mod files;
mod fold;
mod held;
mod inconsistency;
mod invariants;
mod json;
mod json_lines;
mod json_members;
mod last_loads;
mod late;
mod ledger;
mod load;
mod lossy;
mod malformed;
mod meta;
mod overlay;
mod parquet;
mod reader;
mod run_lock;
mod schema_difference;
mod scratch;
mod snapshot;
mod source;
mod sql;
mod stage;
mod stream;
mod types;
mod unique;
mod update;
mod versions;
mod warehouse;

pub use attached::{AttachedColumns, AttachedTable, NewestWatermark, Watermark};
pub use compare::{ColumnDifference, Comparison, DifferenceKind, RowDifference, StoredRows};
pub use diagnose::{DuplicateKey, RowPlace};
pub use digest::digest_file;
pub use error::{
    CheckpointError, DatabaseError, LawError, LoadError, LockError, OpenError, ReadError,
};
pub use files::{FileIdentity, find_file, list_files};
pub use fold::FoldPart;
pub use inconsistency::{Inconsistency, ReadBackError};
pub use invariants::Committed;
pub use last_loads::LastLoads;
pub use ledger::{LedgerEntry, LoadRecord, LoadWatermark, RecordedInput};
pub use load::Load;
pub use overlay::{FROM_COLUMN, Overlay, OverlayShape};
pub use reader::batch_reader;
pub use run_lock::RunLock;
pub use schema_difference::SchemaDifference;
pub use snapshot::{
    CHANGE_COLUMN, Change, Deleted, SnapshotCounts, SnapshotTable, VALID_FROM, VALID_TO,
};
pub use source::{FileSource, RejectedRow, SourceFormat};
pub use stage::Stage;
pub use stream::RowStream;
pub use update::ROWID_COLUMN;
pub use versions::Side;
pub use warehouse::{Interrupter, Settings, Warehouse};
