//! Snapshots: the changes between two full extracts.

use arrow_schema::Schema;

use super::Plugin;
use crate::{Batch, Error, Host};

/// What a snapshot works on.
#[derive(Debug, Clone)]
pub struct SnapshotInput {
    /// The schema of the extract.
    pub extract: Schema,
    /// The schema of the open versions: the extract's, then `valid_from`.
    pub versions: Schema,
    /// Which columns make the key.
    pub key: Vec<usize>,
}

/// What the first column of a snapshot's output says of a row.
pub mod change {
    /// A key without an open version.
    pub const OPENED: i8 = 0;
    /// A key whose open version ends, and what takes its place.
    pub const SUPERSEDED: i8 = 1;
    /// A key that the extract no longer has.
    pub const CLOSED: i8 = 2;
}

/// The changes that turn the open versions of a table into its newest full extract.
///
/// Emitted rows are `change: int8` (see [`change`]), then the columns of the extract.
///
/// ```
/// use std::sync::Arc;
/// use wigeon_sdk::arrow_array::{ArrayRef, Int8Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
/// use wigeon_sdk::{
///     Batch, Column, Error, Host, KeyMap, NO_ROW, Origin, Plugin, Selection, Snapshot, SnapshotInput,
///     change, native,
/// };
///
/// /// Opens keys that are new and closes those that are gone, whatever else their rows say.
/// struct Presence { key: Vec<usize>, columns: usize, open: KeyMap, seen: Vec<bool> }
///
/// #[derive(serde::Deserialize, wigeon_sdk::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {}
///
/// impl Plugin for Presence {
///     const NAME: &'static str = "presence";
///     const VERSION: &'static str = "0.1.0";
///     const SUMMARY: &'static str = "Which keys came and which went";
///     type Options = Options;
/// }
///
/// impl Snapshot for Presence {
///     fn open(_: Options, input: SnapshotInput) -> Result<Self, Error> {
///         let open = KeyMap::try_new(input.key.iter().map(|&k| input.extract.field(k).data_type()))?;
///         Ok(Self { columns: input.extract.fields().len(), key: input.key, open, seen: vec![] })
///     }
///     fn versions(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
///         // The host numbers the versions as they come: so does this.
///         let first = self.seen.len();
///         let key = self.read_key(batch);
///         self.open.update(&key, |row, slot| *slot = (first + row) as u32);
///         self.seen.resize(first + batch.rows(), false);
///         Ok(())
///     }
///     fn extract(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
///         let mut opened = vec![];
///         for (row, version) in (0..).zip(self.open.probe(&self.read_key(batch))) {
///             match version {
///                 NO_ROW => opened.push(row),
///                 version => self.seen[version as usize] = true,
///             }
///         }
///         self.emit(change::OPENED, Origin::Current, &opened, host);
///         Ok(())
///     }
///     fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
///         let versions = (0..).zip(&self.seen);
///         let gone: Vec<u32> = versions.filter(|(_, seen)| !**seen).map(|(row, _)| row).collect();
///         gone.chunks(65_536).for_each(|gone| self.emit(change::CLOSED, Origin::Kept, gone, host));
///         Ok(())
///     }
/// }
///
/// impl Presence {
///     fn read_key(&self, batch: &Batch<'_>) -> Vec<ArrayRef> {
///         self.key.iter().map(|&column| batch.column(column)).collect()
///     }
///     fn emit(&self, change: i8, origin: Origin, rows: &[u32], host: &mut Host<'_>) {
///         let changes = Column::Values(Arc::new(Int8Array::from(vec![change; rows.len()])));
///         let columns = (0..self.columns).map(|column| Column::gather(0, column));
///         let columns = std::iter::once(changes).chain(columns).collect();
///         host.emit(rows.len(), vec![Selection::new(origin, rows.to_vec())], columns);
///     }
/// }
///
/// wigeon_sdk::export!(snapshot: Presence);
///
/// let ids = |ids: Vec<i64>| Arc::new(Int64Array::from(ids)) as ArrayRef;
/// let from = Arc::new(TimestampMicrosecondArray::from(vec![0, 0])) as ArrayRef;
/// let open = RecordBatch::try_from_iter([("id", ids(vec![1, 2])), ("valid_from", from)]).unwrap();
/// let rows = RecordBatch::try_from_iter([("id", ids(vec![2, 3]))]).unwrap();
/// let options = serde_json::json!({});
/// let changes = native::diff::<Presence>(options, &rows.schema(), &[0], &[open], &[rows]).unwrap();
/// let row = |change: i8, id: i64| {
///     let change = Arc::new(Int8Array::from(vec![change])) as ArrayRef;
///     RecordBatch::try_from_iter([("change", change), ("id", ids(vec![id]))]).unwrap()
/// };
/// assert_eq!(changes, [row(change::OPENED, 3), row(change::CLOSED, 1)]);
/// ```
pub trait Snapshot: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schema unusable.
    fn open(options: Self::Options, input: SnapshotInput) -> Result<Self, Error>;

    /// Takes open versions, at most one for each key. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn versions(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes rows of the full extract.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn extract(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error>;

    /// Learns that all rows have been handed over.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error>;
}
