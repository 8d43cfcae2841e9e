//! That the versions of each key follow each other, after an extract or a late one.

use chrono::NaiveDateTime;

use crate::{
    error::LoadError,
    inconsistency::Inconsistency,
    load::Load,
    snapshot::{SnapshotTable, VALID_FROM, VALID_TO},
    sql,
    stage::Stage,
};

/// The versions that must begin and end with an extract.
#[derive(Debug)]
pub(crate) struct DueVersions {
    /// How many begin.
    pub(crate) begun: u64,
    /// How many end.
    pub(crate) ended: u64,
    /// The [`hashes`] of those that end, from when they were open.
    pub(crate) ending: String,
}

/// Returns an expression that tells versions from others: the sum of the hashes of their keys, each
/// with the time from which the version is valid.
pub(crate) fn hashes(alias: &str, table: &SnapshotTable, from: &str, condition: &str) -> String {
    let key = sql::columns(alias, &table.key);
    format!("coalesce(sum(hash({key}, {from})) FILTER ({condition}), 0)")
}

impl Load {
    /// Checks which versions begin and end at the newest time: those that the changes of an extract
    /// ask for, and no others.
    ///
    /// Every changed key had the open version that its change asked for, nothing was as late as this
    /// time, and `due` was found in that state. So if it is these versions that end, and if every key
    /// that asks for one has got an open one, then no key has two, no versions overlap, and there is
    /// no hole.
    ///
    /// Versions are compared by number and by the sum of their hashes: joining the keys once more
    /// takes three times as long.
    pub(crate) fn check_versions_at(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
        effective: NaiveDateTime,
        due: &DueVersions,
    ) -> Result<(), LoadError> {
        #[cfg(test)]
        self.run_fault()?;
        let history = sql::table(&table.history());
        let time = sql::timestamp(effective);
        let begins = if table.records_deleted() {
            "true"
        } else {
            "s.change <> 2"
        };
        let find = format!(
            "SELECT b.versions, e.versions, b.hashes = s.hashes, e.hashes::VARCHAR FROM \
             (SELECT count(*) AS versions, {begun} AS hashes FROM {history} AS h \
             WHERE h.{VALID_FROM} = {time}) AS b, \
             (SELECT {asked} AS hashes FROM {stage} AS s) AS s, \
             (SELECT count(*) AS versions, {ended} AS hashes FROM {history} AS h \
             WHERE h.{VALID_TO} = {time}) AS e",
            begun = hashes(
                "h",
                table,
                &format!("h.{VALID_FROM}"),
                &format!("h.{VALID_TO} IS NULL")
            ),
            asked = hashes("s", table, &time, begins),
            ended = hashes("h", table, &format!("h.{VALID_FROM}"), "true"),
            stage = stage.table(),
        );
        let (begun, ended, as_asked, hashes): (u64, u64, bool, String) =
            self.try_to(|connection| {
                Ok(connection.query_row(&find, [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?)
            })?;
        let table = table.history();
        let counts = [("begin", due.begun, begun), ("end", due.ended, ended)];
        let differs = counts.into_iter().find(|(_, ours, theirs)| ours != theirs);
        if let Some((what, expected, found)) = differs {
            return Err(LoadError::Inconsistent(Inconsistency::Versions {
                table,
                what,
                effective,
                expected,
                found,
            }));
        }
        let same = [("begin", as_asked), ("end", hashes == due.ending)];
        match same.into_iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((what, _)) => Err(LoadError::Inconsistent(Inconsistency::OtherVersions {
                table,
                what,
                effective,
            })),
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
        #[cfg(test)]
        self.run_fault()?;
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
