//! The laws that changes must keep, asked of a stage before anything is made of it.

use chrono::NaiveDateTime;

use super::{Deleted, IS_DELETED, SnapshotTable, VALID_FROM, VALID_TO, time};
use crate::{
    error::{LawError, LoadError},
    invariants::versions::hashes,
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
    /// looking for a key that has not takes longer. Returns the [`hashes`] of the versions that end.
    pub(crate) fn check_open(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
    ) -> Result<String, LoadError> {
        let ends = match table.deleted {
            Deleted::Ignore => "s.change = 1".to_owned(),
            Deleted::Close => "s.change <> 0".to_owned(),
            Deleted::Record => format!("h.{IS_DELETED} = (s.change = 0)"),
        };
        let as_asked = format!(
            "SELECT count(*) FILTER ({valid}) = c.ended \
             AND count(DISTINCT s.rowid) FILTER ({valid}) = c.ended \
             AND coalesce(bool_and(s.change <> 0) FILTER ({valid}), true), {ending}::VARCHAR \
             FROM {history} AS h JOIN {stage} AS s ON {same_key}, \
             (SELECT count(*) AS ended FROM {stage} WHERE change <> 0) AS c \
             WHERE h.{VALID_TO} IS NULL GROUP BY c.ended",
            valid = table.not_deleted("h"),
            ending = hashes("h", table, &format!("h.{VALID_FROM}"), &ends),
            history = sql::table(&table.history()),
            stage = stage.table(),
            same_key = sql::compare("h", "s", "=", &table.key),
        );
        // No row if no change is about an open version.
        let as_asked: Option<(bool, String)> = self.try_to(|connection| {
            let mut statement = connection.prepare(&as_asked)?;
            let mut rows = statement.query([])?;
            Ok(match rows.next()? {
                Some(row) => Some((row.get(0)?, row.get(1)?)),
                None => None,
            })
        })?;
        if let Some((true, ending)) = as_asked {
            return Ok(ending);
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
            return Ok("0".to_owned());
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
