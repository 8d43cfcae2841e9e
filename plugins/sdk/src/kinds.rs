//! The four kinds of steps, a trait each.
//!
//! The WIT files document each kind in full; the traits say the same in Rust. The host makes one
//! instance for each lane, and an instance serves one run of one step.

use arrow_schema::Schema;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Batch, Error, Host};

/// What every plugin says of itself.
pub trait Plugin: Sized + 'static {
    /// The plugin's name in kebab case, as people write it.
    const NAME: &'static str;
    /// The plugin's own version: `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One sentence for a list of plugins.
    const SUMMARY: &'static str;
    /// The options of the manifest's `[step.options]`.
    ///
    /// Derive `Deserialize` with `deny_unknown_fields`, so that a misspelt option is an error, and
    /// [`JsonSchema`], so that `wigeon plugin inspect` can show them.
    type Options: DeserializeOwned + JsonSchema;
}

/// Rows to rows.
pub trait Transform: Plugin {
    /// Opens the step on batches of the schema `rows`.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schema unusable.
    fn open(options: Self::Options, rows: Schema) -> Result<Self, Error>;

    /// Returns the schema of what the step emits.
    fn schema(&self) -> Schema;

    /// Takes one batch and emits what it makes of it. Batches come in any order and to any
    /// instance: nothing may be kept from one to the next that the output depends on.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error>;
}

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

/// What an incremental load works on.
#[derive(Debug, Clone)]
pub struct IncrementalInput {
    /// The schema of the new rows.
    pub rows: Schema,
    /// Which of their columns make the key, in the order of the lookup's key.
    pub rows_key: Vec<usize>,
    /// The schema of the lookup: the columns of its snapshot, then `valid_from`.
    pub lookup: Schema,
    /// Which columns of the lookup make the key.
    pub lookup_key: Vec<usize>,
}

/// What an incremental load will emit.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The schema.
    pub schema: Schema,
    /// Whether each call of [`Incremental::rows`] emits just the rows of its batch, in their
    /// order. Only then can a change of the lookup reach rows that were loaded earlier.
    pub row_wise: bool,
    /// The column of the rows, if there is one, that with the key alone decides what is added to a
    /// row, and does so in steps: for one key, the added columns stay the same from one
    /// `valid_from` of its versions, inclusive, to the next, exclusive, and so do they before the
    /// first and from the last on. It has the type of `valid_from`.
    ///
    /// Only a row-wise load may say so. A change of the lookup then costs the host no more with
    /// many rows than with few: it hands over one row for each version of a changed key, with
    /// `valid_from` as its event time, one with `-i64::MAX` for what comes before, and null in all
    /// columns but these and the key's.
    pub event_time: Option<usize>,
}

/// New rows, completed from a lookup. Every row that is handed over is emitted exactly once.
///
/// ```
/// use std::sync::Arc;
/// use wigeon_sdk::arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
/// use wigeon_sdk::{
///     Batch, Column, DataType, Error, Field, Host, Incremental, IncrementalInput, KeyMap, NO_ROW,
///     Plugin, Schema, Shape, native,
/// };
///
/// /// Adds a column that says whether the lookup has ever had the key of a row.
/// struct Known { input: IncrementalInput, keys: KeyMap }
///
/// #[derive(serde::Deserialize, wigeon_sdk::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {}
///
/// impl Plugin for Known {
///     const NAME: &'static str = "known";
///     const VERSION: &'static str = "0.1.0";
///     const SUMMARY: &'static str = "Says whether a key is known";
///     type Options = Options;
/// }
///
/// impl Incremental for Known {
///     fn open(_: Options, input: IncrementalInput) -> Result<Self, Error> {
///         let types = input.lookup_key.iter().map(|&k| input.lookup.field(k).data_type());
///         Ok(Self { keys: KeyMap::try_new(types)?, input })
///     }
///     fn shape(&self) -> Shape {
///         let mut fields = self.input.rows.fields().to_vec();
///         fields.push(Arc::new(Field::new("known", DataType::Boolean, false)));
///         Shape { schema: Schema::new(fields), row_wise: true, event_time: None }
///     }
///     fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
///         self.keys.update(&columns(batch, &self.input.lookup_key), |_, slot| *slot = 0);
///         Ok(())
///     }
///     fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
///         let key = columns(batch, &self.input.rows_key);
///         // A map looks at values, and what stands for a null is not specified.
///         let known = self.keys.probe(&key).into_iter().enumerate().map(|(row, found)| {
///             Some(found != NO_ROW && key.iter().all(|column| column.is_valid(row)))
///         });
///         let known = Column::Values(Arc::new(known.collect::<BooleanArray>()));
///         let rows = (0..self.input.rows.fields().len()).map(Column::Forward);
///         host.emit(batch.rows(), vec![], rows.chain([known]).collect());
///         Ok(())
///     }
/// }
///
/// fn columns(batch: &Batch<'_>, columns: &[usize]) -> Vec<ArrayRef> {
///     columns.iter().map(|&column| batch.column(column)).collect()
/// }
///
/// wigeon_sdk::export!(incremental: Known);
///
/// let ids = |ids: Vec<i64>| Arc::new(Int64Array::from(ids)) as ArrayRef;
/// let from = Arc::new(TimestampMicrosecondArray::from(vec![0])) as ArrayRef;
/// let lookup = RecordBatch::try_from_iter([("id", ids(vec![1])), ("valid_from", from)]).unwrap();
/// let rows = RecordBatch::try_from_iter([("user", ids(vec![2, 1]))]).unwrap();
/// let input = IncrementalInput {
///     rows: rows.schema().as_ref().clone(),
///     rows_key: vec![0],
///     lookup: lookup.schema().as_ref().clone(),
///     lookup_key: vec![0],
/// };
/// let emitted = native::load::<Known>(serde_json::json!({}), input, &[lookup], &[rows]).unwrap();
/// let known = Arc::new(BooleanArray::from(vec![false, true])) as ArrayRef;
/// assert_eq!(emitted[0].column(1), &known);
/// ```
pub trait Incremental: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schemas unusable.
    fn open(options: Self::Options, input: IncrementalInput) -> Result<Self, Error>;

    /// Says what the step will emit.
    fn shape(&self) -> Shape;

    /// Takes versions of the lookup, open and closed ones, in no order. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn lookup(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes new rows, in no order.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error>;

    /// Learns that all rows have been handed over.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
        let _ = host;
        Ok(())
    }
}

/// What change detection works on.
#[derive(Debug, Clone)]
pub struct ChangeDetectionInput {
    /// The schema of the versions: the columns of their snapshot, then `valid_from`.
    pub versions: Schema,
    /// Which columns make the key.
    pub key: Vec<usize>,
}

/// Which keys have changed since their change last reached the rows loaded before.
///
/// Emitted rows, at most one for each key, are the columns of the key's most recent version, then
/// `changed_from`: the time from which its versions differ from those last applied, null if they
/// differ for all times.
///
/// ```
/// use std::sync::Arc;
/// use wigeon_sdk::arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
/// use wigeon_sdk::{
///     Batch, ChangeDetection, ChangeDetectionInput, Column, Error, Host, KeyMap, NO_ROW, Origin,
///     Plugin, Selection, Versions, native, valid_from,
/// };
///
/// /// Only a key that was not there before has changed: what is known of the others stays.
/// struct NewKeys {
///     input: ChangeDetectionInput,
///     applied: KeyMap,
///     /// The host numbers the versions of now behind those that were applied.
///     first: u32,
///     now: Option<Versions>,
///     is_new: Vec<bool>,
/// }
///
/// #[derive(serde::Deserialize, wigeon_sdk::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {}
///
/// impl Plugin for NewKeys {
///     const NAME: &'static str = "new-keys";
///     const VERSION: &'static str = "0.1.0";
///     const SUMMARY: &'static str = "Which keys are new";
///     type Options = Options;
/// }
///
/// impl ChangeDetection for NewKeys {
///     fn open(_: Options, input: ChangeDetectionInput) -> Result<Self, Error> {
///         let types = input.key.iter().map(|&k| input.versions.field(k).data_type());
///         let applied = KeyMap::try_new(types)?;
///         Ok(Self { input, applied, first: 0, now: None, is_new: vec![] })
///     }
///     fn applied(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
///         let key = self.read_key(batch);
///         self.applied.update(&key, |_, slot| *slot = 0);
///         self.first += batch.rows() as u32;
///         Ok(())
///     }
///     fn now(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
///         let key = self.read_key(batch);
///         self.is_new.extend(self.applied.probe(&key).iter().map(|found| *found == NO_ROW));
///         let none = Versions::try_new(&self.input.versions, &self.input.key, self.first)?;
///         let (from, _) = valid_from(&self.input.versions)?;
///         self.now.get_or_insert(none).push(&key, &batch.column(from))
///     }
///     fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error> {
///         let Some(now) = &mut self.now else { return Ok(()) };
///         let (from, _) = valid_from(&self.input.versions)?;
///         let payload: Vec<_> = (0..from).filter(|c| !self.input.key.contains(c)).collect();
///         now.settle(&payload, host);
///         let mut new = vec![];
///         now.for_each_most_recent(|version| {
///             if self.is_new[(version - self.first) as usize] {
///                 new.push(version);
///             }
///         });
///         for new in new.chunks(65_536) {
///             // Null: it differs for all times.
///             let from = Column::Values(Arc::new(TimestampMicrosecondArray::new_null(new.len())));
///             let columns = (0..self.input.versions.fields().len()).map(|c| Column::gather(0, c));
///             let selection = Selection::new(Origin::Kept, new.to_vec());
///             host.emit(new.len(), vec![selection], columns.chain([from]).collect());
///         }
///         Ok(())
///     }
/// }
///
/// impl NewKeys {
///     fn read_key(&self, batch: &Batch<'_>) -> Vec<ArrayRef> {
///         self.input.key.iter().map(|&column| batch.column(column)).collect()
///     }
/// }
///
/// wigeon_sdk::export!(change_detection: NewKeys);
///
/// let versions = |ids: Vec<i64>, from: Vec<i64>| {
///     let ids = Arc::new(Int64Array::from(ids)) as ArrayRef;
///     let from = Arc::new(TimestampMicrosecondArray::from(from)) as ArrayRef;
///     RecordBatch::try_from_iter([("id", ids), ("valid_from", from)]).unwrap()
/// };
/// let (applied, now) = (versions(vec![1], vec![0]), versions(vec![1, 2], vec![0, 5]));
/// let (options, schema) = (serde_json::json!({}), now.schema());
/// let changed = native::detect::<NewKeys>(options, &schema, &[0], &[applied], &[now]).unwrap();
/// assert_eq!(changed.len(), 1);
/// assert_eq!(changed[0].column(0), &(Arc::new(Int64Array::from(vec![2])) as ArrayRef));
/// ```
pub trait ChangeDetection: Plugin {
    /// Opens the step.
    ///
    /// # Errors
    ///
    /// Whatever makes the options or the schema unusable.
    fn open(options: Self::Options, input: ChangeDetectionInput) -> Result<Self, Error>;

    /// Takes versions as they were last applied, in no order. The host keeps them.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn applied(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Takes versions as they are now, in no order. The host keeps them, numbered on.
    ///
    /// # Errors
    ///
    /// Whatever makes a row unusable.
    fn now(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// Learns that all versions have been handed over, and emits the changes.
    ///
    /// # Errors
    ///
    /// Whatever makes the whole unusable.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<(), Error>;
}
