//! Reading histories: all versions, and those of keys that have changed.

use chrono::NaiveDateTime;

use crate::{
    catalog,
    error::{LoadError, ReadError},
    overlay,
    snapshot::{SnapshotTable, VALID_FROM, VALID_TO},
    sql,
    stage::Stage,
    stream::{RowStream, Statement},
    warehouse::Warehouse,
};

/// The rows of a row group, at the bounds of which tables are divided.
const ROW_GROUP: u64 = 122_880;

/// Which versions of the keys that have changed are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those that began before the time from which they may have changed.
    Before,
    /// All.
    Now,
}

impl Warehouse {
    /// Checks that the history, if there is one, has the columns of `table`. Nothing is changed.
    ///
    /// # Errors
    ///
    /// - [`LoadError::Columns`], [`LoadError::Type`] if it has others.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn check_snapshot(&self, table: &SnapshotTable) -> Result<(), LoadError> {
        // Rolled back when it is dropped.
        self.begin()?.ensure_snapshot(table)
    }

    /// Reads all versions, open and closed: key, payload and `valid_from`, in at most `parts`
    /// streams of about as many rows each, which read at the same time.
    ///
    /// One stream hands out its rows on one thread, which takes longer than it takes DuckDB to
    /// read them. Deleted versions are left out. The history must exist.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if there is no such history.
    pub fn versions(
        &self,
        table: &SnapshotTable,
        parts: usize,
    ) -> Result<Vec<RowStream>, ReadError> {
        let parts = self.row_parts(table, parts)?;
        let read = |part: &String| self.read_versions(table, "", part, None);
        parts.iter().map(read).collect()
    }

    /// Reads the versions that are valid at a time: key, payload and `valid_from`, in at most
    /// `parts` streams, as [`Warehouse::versions`] does.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if there is no such history.
    pub fn versions_at(
        &self,
        table: &SnapshotTable,
        time: NaiveDateTime,
        parts: usize,
    ) -> Result<Vec<RowStream>, ReadError> {
        let time = sql::timestamp(time);
        let valid =
            format!("h.{VALID_FROM} <= {time} AND (h.{VALID_TO} IS NULL OR h.{VALID_TO} > {time})");
        let parts = self.row_parts(table, parts)?;
        let read = |part| self.read_versions(table, "", &format!("{valid} AND {part}"), None);
        parts.iter().map(read).collect()
    }

    /// Returns conditions that divide the rows of a history into at most `parts` parts of about as
    /// many.
    fn row_parts(&self, table: &SnapshotTable, parts: usize) -> Result<Vec<String>, ReadError> {
        let rows = self.count_rows(&table.history())?;
        let groups = rows.div_ceil(ROW_GROUP).max(1);
        let part = groups.div_ceil(parts.max(1) as u64) * ROW_GROUP;
        // DuckDB leaves out row groups by their row ids. The last part has no end: row ids of
        // deleted rows, which no load leaves behind, are not counted.
        let ends = (1..rows.div_ceil(part).max(1)).map(|end| end * part);
        let mut starts = vec![0];
        starts.extend(ends);
        let filter = |place: usize| {
            let from = format!("h.rowid >= {}", starts[place]);
            let until = starts.get(place + 1);
            until.map_or(from.clone(), |until| {
                format!("{from} AND h.rowid < {until}")
            })
        };
        Ok((0..starts.len()).map(filter).collect())
    }

    /// Reads the versions of those keys that have one which began at `since` or later.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if there is no such history.
    pub fn versions_changed_since(
        &self,
        table: &SnapshotTable,
        since: NaiveDateTime,
        side: Side,
    ) -> Result<RowStream, ReadError> {
        let filter = match side {
            Side::Before => format!("h.{VALID_FROM} < {}", sql::timestamp(since)),
            Side::Now => "true".to_owned(),
        };
        self.read_versions(table, &changed_since(table, since), &filter, None)
    }

    /// Counts the keys that have a version which began at `since` or later.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if there is no such history.
    pub fn count_changed_since(
        &self,
        table: &SnapshotTable,
        since: NaiveDateTime,
    ) -> Result<u64, ReadError> {
        let key = sql::names(table.key.iter().map(|field| field.name().as_str()));
        self.count(&format!(
            "SELECT count(*) FROM (SELECT DISTINCT {key} FROM {} AS h WHERE h.{VALID_FROM} >= {} AND {})",
            sql::table(&table.history()),
            sql::timestamp(since),
            table.not_deleted("h"),
        ))
    }

    /// Reads all versions of the keys of a stage, whose key columns have the names of the table's.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if there is no such history.
    pub fn versions_of(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
    ) -> Result<RowStream, ReadError> {
        // A semi join: the same as EXISTS is planned as one join more, over all distinct keys.
        let of_keys = format!(
            "SEMI JOIN {} AS s ON {}",
            asked_keys(table, stage),
            sql::compare("h", "s", "=", &table.key)
        );
        self.read_versions(table, &of_keys, "true", Some(stage))
    }

    /// Reads the times at which anything may change for the keys of a stage: of each key, under
    /// the names of the table's key, `-infinity` and every [`VALID_FROM`].
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if there is no such history.
    pub fn times_of(&self, table: &SnapshotTable, stage: &Stage) -> Result<RowStream, ReadError> {
        let statement = format!(
            "SELECT {}, '-infinity'::TIMESTAMP AS {VALID_FROM} FROM {staged} AS s UNION ALL \
             SELECT {}, h.{VALID_FROM} FROM {} AS h SEMI JOIN {} AS s ON {} WHERE {}",
            sql::columns("s", &table.key),
            sql::columns("h", &table.key),
            sql::table(&table.history()),
            asked_keys(table, stage),
            sql::compare("h", "s", "=", &table.key),
            table.not_deleted("h"),
            staged = stage.table(),
        );
        let statement = Statement::new(statement).with_guard(stage.clone());
        RowStream::start(self.connect_to_read()?, statement)
    }

    /// Counts the rows of a table or view; zero if there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn count_rows(&self, table: &str) -> Result<u64, ReadError> {
        let connection = self.connect_to_read()?;
        if !catalog::is_relation(&connection, table).map_err(ReadError::Database)? {
            return Ok(0);
        }
        // Counting the rows behind a view with an overlay asks for no join.
        let table = overlay::base(&connection, table).map_err(ReadError::Database)?;
        self.count(&format!("SELECT count(*) FROM {}", sql::table(&table)))
    }

    fn count(&self, query: &str) -> Result<u64, ReadError> {
        let connection = self.connect_to_read()?;
        connection
            .query_row(query, [], |row| row.get(0))
            .map_err(|error| ReadError::Database(error.into()))
    }

    fn read_versions(
        &self,
        table: &SnapshotTable,
        of_keys: &str,
        filter: &str,
        stage: Option<&Stage>,
    ) -> Result<RowStream, ReadError> {
        let columns: Vec<_> = table.key.iter().chain(&table.payload).cloned().collect();
        let statement = format!(
            "SELECT {}, h.{VALID_FROM} FROM {} AS h {of_keys} WHERE {} AND {filter}",
            sql::columns("h", &columns),
            sql::table(&table.history()),
            table.not_deleted("h"),
        );
        let mut statement = Statement::new(statement);
        if let Some(stage) = stage {
            statement = statement.with_guard(stage.clone());
        }
        RowStream::start(self.connect_to_read()?, statement)
    }
}

/// Returns a stage of keys as a side of a join with a history.
fn asked_keys(table: &SnapshotTable, stage: &Stage) -> String {
    let key: Vec<_> = table
        .key
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    sql::asked_in_scan(&stage.table(), &key)
}

fn changed_since(table: &SnapshotTable, since: NaiveDateTime) -> String {
    format!(
        "SEMI JOIN (SELECT * FROM {} AS c WHERE c.{VALID_FROM} >= {} AND {}) AS c ON {}",
        sql::table(&table.history()),
        sql::timestamp(since),
        table.not_deleted("c"),
        sql::compare("h", "c", "=", &table.key)
    )
}
