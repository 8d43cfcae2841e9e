//! The laws that changes must keep, asked of a stage before anything is made of it.

use chrono::NaiveDateTime;

use super::{SnapshotTable, VALID_FROM, VALID_TO, time};
use crate::{
    error::{LawError, LoadError},
    load::Load,
    sql,
    stage::Stage,
};

impl Load {
    /// Checks what can be told from a stage alone.
    pub(crate) fn check_changes(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
    ) -> Result<(), LoadError> {
        stage.check_columns(&table.history(), &table.change_fields())?;
        let key_text = sql::key_text("s", &table.key);
        let unknown = self.first(&format!(
            "SELECT {key_text}, coalesce(change::VARCHAR, 'null') FROM {} AS s \
             WHERE change IS NULL OR change NOT BETWEEN 0 AND 2",
            stage.table()
        ))?;
        if let Some((key, change)) = unknown {
            return Err(table.law(|table| LawError::UnknownChange { table, key, change }));
        }
        self.check_unique(table, &stage.table())
    }

    pub(crate) fn check_unique(&self, table: &SnapshotTable, rows: &str) -> Result<(), LoadError> {
        let nulls: Vec<_> = table
            .key
            .iter()
            .map(|field| format!("{} IS NULL", sql::name(field.name())))
            .collect();
        if self.exists(&format!("{rows} WHERE {}", nulls.join(" OR ")))? {
            return Err(table.law(|table| LawError::NullKey { table }));
        }
        let key = sql::columns("s", &table.key);
        let twice = self.first(&format!(
            "SELECT {}, '' FROM {rows} AS s GROUP BY {key} HAVING count(*) > 1",
            sql::key_text("s", &table.key)
        ))?;
        match twice {
            Some((key, _)) => Err(table.law(|table| LawError::DuplicateKey { table, key })),
            None => Ok(()),
        }
    }

    pub(super) fn check_newest(
        &self,
        table: &SnapshotTable,
        effective: NaiveDateTime,
    ) -> Result<(), LoadError> {
        let newest = format!(
            "SELECT epoch_us(greatest(max({VALID_FROM}), max({VALID_TO}))) FROM {}",
            sql::table(&table.history())
        );
        let newest: Option<i64> =
            self.try_to(|connection| Ok(connection.query_row(&newest, [], |row| row.get(0))?))?;
        match newest.and_then(time) {
            Some(newest) if newest >= effective => Err(table.law(|table| LawError::NotAfter {
                table,
                effective,
                newest,
            })),
            _ => Ok(()),
        }
    }

    /// Checks that every key has the open version that its change asks for: counts first, since
    /// looking for a key that has not takes longer.
    pub(super) fn check_open(&self, table: &SnapshotTable, stage: &Stage) -> Result<(), LoadError> {
        let as_asked = format!(
            "SELECT count(*) = c.ended AND count(DISTINCT s.rowid) = c.ended AND bool_and(s.change <> 0) \
             FROM {} AS h JOIN {stage} AS s ON {}, \
             (SELECT count(*) AS ended FROM {stage} WHERE change <> 0) AS c \
             WHERE h.{VALID_TO} IS NULL AND {} GROUP BY c.ended",
            sql::table(&table.history()),
            sql::compare("h", "s", "=", &table.key),
            table.not_deleted("h"),
            stage = stage.table(),
        );
        // No row if no change is about an open version.
        let as_asked = self.try_to(|connection| {
            let mut statement = connection.prepare(&as_asked)?;
            let mut rows = statement.query([])?;
            Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
        })?;
        if as_asked == Some(true) {
            return Ok(());
        }
        let broken = self.first(&format!(
            "SELECT any_value({}), count(h.{VALID_FROM})::VARCHAR FROM {} AS s \
             LEFT JOIN {} AS h ON {} AND h.{VALID_TO} IS NULL AND {} \
             GROUP BY {}, s.change HAVING count(h.{VALID_FROM}) <> CASE s.change WHEN 0 THEN 0 ELSE 1 END",
            sql::key_text("s", &table.key),
            stage.table(),
            sql::table(&table.history()),
            sql::compare("h", "s", "=", &table.key),
            table.not_deleted("h"),
            sql::columns("s", &table.key)
        ))?;
        let Some((key, versions)) = broken else {
            return Ok(());
        };
        let versions = versions.parse().unwrap_or_default();
        Err(table.law(|table| match versions {
            0 => LawError::NotOpen { table, key },
            1 => LawError::AlreadyOpen { table, key },
            _ => LawError::SeveralOpen {
                table,
                key,
                versions,
            },
        }))
    }
}
