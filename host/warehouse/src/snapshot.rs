//! Histories of versions: SCD type 2, half-open `[valid_from, valid_to)`.
//!
//! No primary keys and no indexes: DuckDB's make large loads several times slower. What
//! they would guarantee is checked in SQL instead, inside the transaction.

mod laws;

use arrow_array::RecordBatchReader;
use arrow_schema::{DataType, Field, TimeUnit};
use chrono::NaiveDateTime;

use crate::{
    error::{LawError, LoadError, ReadError},
    invariants::versions::DueVersions,
    load::Load,
    sql,
    stage::{Stage, check_types},
    unique::{self, Seen, UniqueReader},
    warehouse::Warehouse,
};

/// The column of a stage with the kind of change, an `int8`: see [`Change`].
pub const CHANGE_COLUMN: &str = "change";

/// The column with the time from which a version is valid.
pub const VALID_FROM: &str = "valid_from";

/// The column with the time until which a version is valid, null for an open one.
pub const VALID_TO: &str = "valid_to";

/// The column that tells a deleted version, with [`Deleted::Record`] only.
const IS_DELETED: &str = "is_deleted";

/// What happened to a key between two extracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Change {
    /// It had no open version and is in the extract.
    Opened = 0,
    /// Its payload is another one.
    Superseded = 1,
    /// It is not in the extract any more. The payload of the change is not used.
    Closed = 2,
}

/// What becomes of a key that is in the extracts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Its version stays open.
    Ignore,
    /// Its version is closed.
    Close,
    /// Its version is closed, and a version with the last payload and `is_deleted` follows.
    Record,
}

/// A snapshot step's table: `<name>_history`, and the view `<name>` of the open versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTable {
    /// The name of the step.
    pub name: String,

    /// The columns of the key.
    pub key: Vec<Field>,

    /// The other columns.
    pub payload: Vec<Field>,

    /// What becomes of deleted keys. It cannot be changed from or to
    /// [`Deleted::Record`] later.
    pub deleted: Deleted,
}

impl SnapshotTable {
    /// Returns the name of the table with all versions.
    pub fn history(&self) -> String {
        format!("{}_history", self.name)
    }

    pub(crate) fn records_deleted(&self) -> bool {
        self.deleted == Deleted::Record
    }

    /// Returns the columns of the history.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        // Keys as well: DuckDB's complaint about a null would come before ours.
        let mut fields: Vec<_> = self
            .key
            .iter()
            .chain(&self.payload)
            .map(|field| field.clone().with_nullable(true))
            .collect();
        fields.push(Field::new(VALID_FROM, time.clone(), false));
        fields.push(Field::new(VALID_TO, time, true));
        if self.records_deleted() {
            fields.push(Field::new(IS_DELETED, DataType::Boolean, false));
        }
        fields
    }

    /// Returns the columns of a stage of changes.
    fn change_fields(&self) -> Vec<Field> {
        let mut fields = vec![Field::new(CHANGE_COLUMN, DataType::Int8, false)];
        fields.extend(self.key.iter().chain(&self.payload).cloned());
        fields
    }

    /// Returns the names of key and payload.
    pub(crate) fn key_and_payload(&self) -> String {
        sql::names(
            self.key
                .iter()
                .chain(&self.payload)
                .map(|field| field.name().as_str()),
        )
    }

    /// Returns the columns of the key behind an alias under names of our own, for a query that has
    /// other columns beside them: see [`SnapshotTable::numbered_key`].
    pub(crate) fn key_by_number(&self, alias: &str) -> String {
        let columns: Vec<_> = self
            .key
            .iter()
            .enumerate()
            .map(|(number, field)| format!("{alias}.{} AS k_{number}", sql::name(field.name())))
            .collect();
        columns.join(", ")
    }

    /// Returns the key as [`SnapshotTable::key_by_number`] names it.
    pub(crate) fn numbered_key(&self) -> Vec<Field> {
        let numbered =
            |(number, field): (usize, &Field)| field.clone().with_name(format!("k_{number}"));
        self.key.iter().enumerate().map(numbered).collect()
    }

    /// Returns the condition that a version is none of a deleted key.
    pub(crate) fn not_deleted(&self, alias: &str) -> String {
        if self.records_deleted() {
            format!("NOT {alias}.{IS_DELETED}")
        } else {
            "true".to_owned()
        }
    }

    /// Returns `, is_deleted` where there is that column.
    pub(crate) fn deleted_column(&self) -> &'static str {
        if self.records_deleted() {
            ", is_deleted"
        } else {
            ""
        }
    }

    /// Returns a value for [`SnapshotTable::deleted_column`].
    pub(crate) fn deleted_value(&self, value: &str) -> String {
        if self.records_deleted() {
            format!(", {value}")
        } else {
            String::new()
        }
    }

    fn law(&self, law: impl FnOnce(String) -> LawError) -> LoadError {
        LoadError::Law(law(self.name.clone()))
    }
}

/// How many keys changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SnapshotCounts {
    /// Keys with a first or a new version after a gap.
    pub opened: u64,
    /// Keys with another payload.
    pub superseded: u64,
    /// Keys whose version ended; zero with [`Deleted::Ignore`].
    pub closed: u64,
}

impl Warehouse {
    /// Returns the number of open versions, those of deleted keys left out.
    ///
    /// Zero if there is no history.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn count_open(&self, table: &SnapshotTable) -> Result<u64, ReadError> {
        if self.schema_of(&table.history())?.is_none() {
            return Ok(0);
        }
        let connection = self.connect_to_read()?;
        let count = format!(
            "SELECT count(*) FROM {} AS h WHERE {VALID_TO} IS NULL AND {}",
            sql::table(&table.history()),
            table.not_deleted("h")
        );
        connection
            .query_row(&count, [], |row| row.get(0))
            .map_err(|error| ReadError::Database(error.into()))
    }
}

impl Load {
    /// Fills an empty history: every row becomes an open version from `effective` on.
    ///
    /// The reader has the columns of key and payload. Written once, without a stage.
    /// Returns the number of versions.
    ///
    /// # Errors
    ///
    /// - [`LawError::NotEmpty`] if there are versions.
    /// - [`LawError::NullKey`], [`LawError::DuplicateKey`] about the rows.
    /// - [`LoadError::Reader`] with the reader's own error.
    /// - [`LoadError::Columns`], [`LoadError::Type`], [`LoadError::UnsupportedType`] about the columns.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn open_all(
        &self,
        table: &SnapshotTable,
        reader: Box<dyn RecordBatchReader + Send>,
        effective: NaiveDateTime,
    ) -> Result<u64, LoadError> {
        let schema = reader.schema();
        check_types(&schema)?;
        self.ensure_snapshot(table)?;
        let history = sql::table(&table.history());
        if self.exists(&history)? {
            return Err(table.law(|table| LawError::NotEmpty { table }));
        }
        let (reader, keys) = UniqueReader::new(reader, &table.key);
        let opened = self.adding(&table.history(), || {
            self.insert_versions(table, Box::new(reader), effective)
        })?;
        if unique::seen(&keys) == Seen::Unknown {
            self.check_unique(table, &history)?;
        }
        Ok(opened)
    }

    /// Applies the changes that an extract brought at `effective`, the newest time of all.
    ///
    /// The stage has [`CHANGE_COLUMN`] and the columns of key and payload. A superseded
    /// version ends at `effective`, where the next begins; a closed one ends there.
    /// History and view are made if there are none.
    ///
    /// # Errors
    ///
    /// - [`LoadError::Law`] if a key is null or occurs twice, or does not have the open
    ///   version that its change asks for, or if `effective` is not the newest time.
    /// - [`LoadError::Columns`], [`LoadError::Type`] if the stage or the history has other columns.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn apply_snapshot(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
        effective: NaiveDateTime,
    ) -> Result<SnapshotCounts, LoadError> {
        self.ensure_snapshot(table)?;
        self.check_changes(table, stage)?;
        self.check_newest(table, effective)?;
        let ending = self.check_open(table, stage)?;
        let counts = self.count_changes(table, stage)?;
        let (history, changes) = (sql::table(&table.history()), stage.table());
        let time = sql::timestamp(effective);
        let same_key = sql::compare("h", "s", "=", &table.key);
        let ends = match table.deleted {
            Deleted::Ignore => "s.change = 1",
            Deleted::Close | Deleted::Record => "s.change IN (1, 2)",
        };
        self.run(&format!(
            "UPDATE {history} AS h SET {VALID_TO} = {time} FROM {changes} AS s \
             WHERE {same_key} AND h.{VALID_TO} IS NULL AND {} AND {ends}",
            table.not_deleted("h")
        ))?;
        let mut reopened = 0;
        self.adding(&table.history(), || {
            let mut begun = 0;
            if table.records_deleted() {
                (reopened, begun) = self.record_deleted(table, &changes, &time)?;
            }
            begun += self.change(&format!(
                "INSERT INTO {history} ({columns}, {VALID_FROM}{deleted}) \
                 SELECT {columns}, {time}{is_deleted} FROM {changes} WHERE change IN (0, 1)",
                columns = table.key_and_payload(),
                deleted = table.deleted_column(),
                is_deleted = table.deleted_value("false"),
            ))?;
            Ok(begun)
        })?;
        let begun = if table.records_deleted() {
            counts.opened + counts.superseded + counts.closed
        } else {
            counts.opened + counts.superseded
        };
        let due = DueVersions {
            begun,
            ended: counts.superseded + counts.closed + reopened,
            ending,
        };
        self.check_versions_at(table, stage, effective, &due)?;
        Ok(counts)
    }

    /// Ends the deleted versions of opened keys, and begins those of closed ones. Returns how many
    /// of each.
    fn record_deleted(
        &self,
        table: &SnapshotTable,
        changes: &str,
        effective: &str,
    ) -> Result<(u64, u64), LoadError> {
        let history = sql::table(&table.history());
        let same_key = sql::compare("h", "s", "=", &table.key);
        let ended = self.change(&format!(
            "UPDATE {history} AS h SET {VALID_TO} = {effective} FROM {changes} AS s \
             WHERE {same_key} AND h.{VALID_TO} IS NULL AND h.{IS_DELETED} AND s.change = 0"
        ))?;
        let columns: Vec<_> = table.key.iter().chain(&table.payload).cloned().collect();
        let begun = self.change(&format!(
            "INSERT INTO {history} ({}, {VALID_FROM}, {IS_DELETED}) \
             SELECT {}, {effective}, true FROM {history} AS h JOIN {changes} AS s ON {same_key} \
             WHERE s.change = 2 AND h.{VALID_TO} = {effective} AND NOT h.{IS_DELETED}",
            table.key_and_payload(),
            sql::columns("h", &columns)
        ))?;
        Ok((ended, begun))
    }

    fn insert_versions(
        &self,
        table: &SnapshotTable,
        reader: Box<dyn RecordBatchReader + Send>,
        effective: NaiveDateTime,
    ) -> Result<u64, LoadError> {
        let expected: Vec<_> = table.key.iter().chain(&table.payload).cloned().collect();
        crate::stage::check_schema(&table.history(), &reader.schema(), &expected)?;
        let constants = format!(
            ", {VALID_FROM}{}|, {}{}",
            table.deleted_column(),
            sql::timestamp(effective),
            table.deleted_value("false")
        );
        self.insert(&sql::table(&table.history()), reader, &constants)
    }

    /// Creates history and view, or checks the columns of the history.
    pub(crate) fn ensure_snapshot(&self, table: &SnapshotTable) -> Result<(), LoadError> {
        self.ensure_table(&table.history(), &table.fields())?;
        // Without the catalog's name inside, so that the file may be attached by any.
        self.run(&format!(
            "CREATE VIEW IF NOT EXISTS {} AS SELECT {}, {VALID_FROM} FROM {} AS h \
             WHERE {VALID_TO} IS NULL AND {}",
            sql::table(&table.name),
            table.key_and_payload(),
            sql::name(&table.history()),
            table.not_deleted("h")
        ))
    }

    pub(crate) fn count_changes(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
    ) -> Result<SnapshotCounts, LoadError> {
        let count = format!(
            "SELECT count(*) FILTER (change = 0), count(*) FILTER (change = 1), \
             count(*) FILTER (change = 2) FROM {}",
            stage.table()
        );
        let ignored = table.deleted == Deleted::Ignore;
        self.try_to(|connection| {
            Ok(connection.query_row(&count, [], |row| {
                Ok(SnapshotCounts {
                    opened: row.get(0)?,
                    superseded: row.get(1)?,
                    closed: if ignored { 0 } else { row.get(2)? },
                })
            })?)
        })
    }

    /// Returns the first row of a query of two texts.
    pub(crate) fn first(&self, query: &str) -> Result<Option<(String, String)>, LoadError> {
        self.try_to(|connection| {
            let mut statement = connection.prepare(&format!("{query} LIMIT 1"))?;
            let mut rows = statement.query([])?;
            Ok(match rows.next()? {
                Some(row) => Some((row.get(0)?, row.get(1)?)),
                None => None,
            })
        })
    }

    /// Returns whether a relation, with its filter, has rows.
    pub(crate) fn exists(&self, relation: &str) -> Result<bool, LoadError> {
        let found = self.first(&format!("SELECT '', '' FROM {relation}"))?;
        Ok(found.is_some())
    }
}

/// Makes a time of DuckDB's microseconds.
pub(crate) fn time(microseconds: i64) -> Option<NaiveDateTime> {
    chrono::DateTime::from_timestamp_micros(microseconds).map(|time| time.naive_utc())
}
