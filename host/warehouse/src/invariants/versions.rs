//! That the versions of each key follow each other, after an extract or a late one.

use chrono::NaiveDateTime;

use crate::{
    error::LoadError,
    inconsistency::Inconsistency,
    load::Load,
    snapshot::{SnapshotTable, VALID_FROM, VALID_TO},
    sql,
};

impl Load {
    /// Checks that as many versions begin and end at the newest time as an extract has changed.
    ///
    /// Every changed key had the open version that its change asked for, and nothing was as late as
    /// this time. So with these counts no versions of a key overlap, and there is no hole.
    pub(crate) fn check_versions_at(
        &self,
        table: &SnapshotTable,
        effective: NaiveDateTime,
        begun: u64,
        ended: u64,
    ) -> Result<(), LoadError> {
        let history = sql::table(&table.history());
        let time = sql::timestamp(effective);
        let count = format!(
            "SELECT (SELECT count(*) FROM {history} WHERE {VALID_FROM} = {time}), \
             (SELECT count(*) FROM {history} WHERE {VALID_TO} = {time})"
        );
        let (found_begun, found_ended): (u64, u64) = self.try_to(|connection| {
            Ok(connection.query_row(&count, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })?;
        let counts = [("begin", begun, found_begun), ("end", ended, found_ended)];
        let differs = counts.into_iter().find(|(_, ours, theirs)| ours != theirs);
        match differs {
            None => Ok(()),
            Some((what, expected, found)) => {
                Err(LoadError::Inconsistent(Inconsistency::Versions {
                    table: table.history(),
                    what,
                    effective,
                    expected,
                    found,
                }))
            }
        }
    }

    /// Checks the versions of the keys that a late extract has changed: none overlap, no key has
    /// got a hole, and what was valid at the next extract is still so.
    ///
    /// `changes` is the table of `late.rs`; the times are literals.
    pub(crate) fn check_late_versions(
        &self,
        table: &SnapshotTable,
        changes: &str,
        effective: &str,
        next: &str,
    ) -> Result<(), LoadError> {
        let history = sql::table(&table.history());
        let numbered = table.numbered_key();
        let pairs = table.key.iter().zip(&numbered);
        let equal = pairs.map(|(h, w)| format!("h.{} = w.{}", sql::name(h.name()), w.name()));
        let same_key = equal.collect::<Vec<_>>().join(" AND ");
        // A deleted key has versions as well, so that all of them follow each other.
        let apart = if table.records_deleted() {
            format!("OR v.{VALID_TO} IS DISTINCT FROM wigeon_next")
        } else {
            String::new()
        };
        let overlap = format!(
            "SELECT {}, '' FROM (SELECT {key}, h.{VALID_FROM}, h.{VALID_TO}, \
             lead(h.{VALID_FROM}) OVER (PARTITION BY {key} ORDER BY h.{VALID_FROM}) AS wigeon_next \
             FROM {history} AS h SEMI JOIN {changes} AS w ON {same_key}) AS v \
             WHERE v.{VALID_TO} <= v.{VALID_FROM} OR v.{VALID_TO} > wigeon_next \
             OR (v.{VALID_TO} IS NULL AND wigeon_next IS NOT NULL) {apart}",
            sql::key_text("v", &table.key),
            key = sql::columns("h", &table.key),
        );
        let begins = if table.records_deleted() {
            "1"
        } else {
            "CASE WHEN w.change = 2 THEN 0 ELSE 1 END"
        };
        let not_changed = format!(
            "SELECT any_value({}), '' FROM {changes} AS w LEFT JOIN {history} AS h \
             ON {same_key} AND (h.{VALID_FROM} = {effective} OR h.{VALID_TO} = {effective}) \
             GROUP BY {}, w.change HAVING count(*) FILTER (h.{VALID_FROM} = {effective}) <> {begins} \
             OR (w.change <> 0 AND count(*) FILTER (h.{VALID_TO} = {effective}) <> 1)",
            sql::key_text("w", &numbered),
            sql::columns("w", &numbered),
        );
        let hole = format!(
            "SELECT {}, '' FROM {changes} AS w ANTI JOIN {history} AS h ON {same_key} \
             AND h.{VALID_FROM} <= {next} AND (h.{VALID_TO} IS NULL OR h.{VALID_TO} > {next}) \
             WHERE w.b_row IS NOT NULL",
            sql::key_text("w", &numbered),
        );
        for query in [overlap, not_changed, hole] {
            if let Some((key, _)) = self.first(&query)? {
                return Err(LoadError::Inconsistent(Inconsistency::Key {
                    table: table.history(),
                    key,
                }));
            }
        }
        Ok(())
    }
}
