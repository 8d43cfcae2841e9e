//! Extracts that arrive after a later one.
//!
//! A late extract at E lies between two accepted ones, the later of which is at N, and
//! the history must become what it would be had they arrived in order. Only the time
//! between E and N changes: a key's version a, valid before E, ends there; what the
//! extract says, e, holds until N; and at N the key is in the state in which it was
//! found. Where e is what is valid from N on, that version begins at E instead.

use std::fmt::Write;

use chrono::NaiveDateTime;

use crate::{
    error::{LawError, LoadError},
    load::Load,
    snapshot::{Deleted, SnapshotCounts, SnapshotTable, VALID_FROM, VALID_TO, time},
    sql,
    stage::Stage,
};

impl Load {
    /// Applies the changes of an extract at `effective` that precedes the one at `next`.
    ///
    /// The stage holds the difference between the versions valid at `effective`
    /// ([`crate::Warehouse::versions_at`]) and the late extract. No accepted extract may
    /// lie between `effective` and `next`. With [`Deleted::Close`] and
    /// [`Deleted::Record`] the history becomes exactly what it would be if the extracts
    /// had come in order.
    ///
    /// # Errors
    ///
    /// - [`LawError::LateIgnored`] with [`Deleted::Ignore`]: what was ignored cannot be known any more.
    /// - [`LawError::NotBetween`] if a version begins or ends from `effective` on and before `next`.
    /// - otherwise as [`Load::apply_snapshot`].
    pub fn apply_late_snapshot(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
        effective: NaiveDateTime,
        next: NaiveDateTime,
    ) -> Result<SnapshotCounts, LoadError> {
        if table.deleted == Deleted::Ignore {
            return Err(LoadError::Law(LawError::LateIgnored {
                table: table.name.clone(),
            }));
        }
        self.ensure_snapshot(table)?;
        self.check_changes(table, stage)?;
        self.check_between(table, effective, next)?;
        let counts = self.count_changes(table, stage)?;
        let late = Late::new(table, effective, next);
        self.run(&late.collect(stage))?;
        self.check_late(&late)?;
        for statement in late.statements() {
            self.run(&statement)?;
        }
        self.check_late_versions(table, WORK, &late.effective, &late.next)?;
        self.run(&format!("DROP TABLE {WORK}"))?;
        self.written.borrow_mut().rewritten(&table.history());
        Ok(counts)
    }

    fn check_between(
        &self,
        table: &SnapshotTable,
        effective: NaiveDateTime,
        next: NaiveDateTime,
    ) -> Result<(), LoadError> {
        let (from, until) = (sql::timestamp(effective), sql::timestamp(next));
        let query = format!(
            "SELECT epoch_us(min(t)) FROM (SELECT unnest([{VALID_FROM}, {VALID_TO}]) AS t FROM {}) \
             WHERE t >= {from} AND t < {until}",
            sql::table(&table.history())
        );
        let found: Option<i64> =
            self.try_to(|connection| Ok(connection.query_row(&query, [], |row| row.get(0))?))?;
        let found = if next <= effective {
            Some(next)
        } else {
            found.and_then(time)
        };
        match found {
            None => Ok(()),
            Some(found) => Err(LoadError::Law(LawError::NotBetween {
                table: table.name.clone(),
                effective,
                next,
                found,
            })),
        }
    }

    /// Checks that every key has the version at E that its change asks for.
    fn check_late(&self, late: &Late<'_>) -> Result<(), LoadError> {
        let table = late.table;
        let key = table.numbered_key();
        let broken = self.first(&format!(
            "SELECT {}, (count(*) OVER (PARTITION BY {}))::VARCHAR || CASE WHEN change = 0 THEN 'o' ELSE '' END \
             FROM {WORK} AS w \
             QUALIFY count(*) OVER (PARTITION BY {}) > 1 \
             OR (change = 0) = coalesce(a_row IS NOT NULL AND NOT a_deleted, false)",
            sql::key_text("w", &key),
            sql::columns("w", &key),
            sql::columns("w", &key)
        ))?;
        let Some((key, found)) = broken else {
            return Ok(());
        };
        let name = table.name.clone();
        let versions: i64 = found.trim_end_matches('o').parse().unwrap_or_default();
        Err(LoadError::Law(if versions > 1 {
            LawError::SeveralOpen {
                table: name,
                key,
                versions,
            }
        } else if found.ends_with('o') {
            LawError::AlreadyOpen { table: name, key }
        } else {
            LawError::NotOpen { table: name, key }
        }))
    }
}

/// A temporary table with a row for each change: e, a, and b, the version valid at N.
const WORK: &str = "temp.main.wigeon_late";

struct Late<'a> {
    table: &'a SnapshotTable,
    history: String,
    effective: String,
    next: String,
}

impl<'a> Late<'a> {
    fn new(table: &'a SnapshotTable, effective: NaiveDateTime, next: NaiveDateTime) -> Self {
        Self {
            table,
            history: sql::table(&table.history()),
            effective: sql::timestamp(effective),
            next: sql::timestamp(next),
        }
    }

    /// Returns the statement that makes the temporary table.
    ///
    /// No column has a name of the user's: key and payload are numbered, as they may be called
    /// anything. `x_` columns are e: what holds from E on; if a deleted key is recorded, that is
    /// its last payload. `same` tells that the version after e is e.
    fn collect(&self, stage: &Stage) -> String {
        let record = self.table.records_deleted();
        let is_deleted = |alias: &str| {
            if record {
                format!("{alias}.is_deleted")
            } else {
                "false".to_owned()
            }
        };
        let mut columns = format!(
            "s.change, {}, a.rowid AS a_row, a.{VALID_TO} AS a_to, b.rowid AS b_row, \
             {} AS a_deleted, {} AS b_deleted, s.change = 2 AS x_deleted, (s.change <> 2 OR {record}) AS x_exists",
            self.table.key_by_number("s"),
            is_deleted("a"),
            is_deleted("b"),
        );
        let mut same = "x_exists AND b_row IS NOT NULL AND b_row IS DISTINCT FROM a_row \
                        AND b_deleted = x_deleted"
            .to_owned();
        for (index, field) in self.table.payload.iter().enumerate() {
            let name = sql::name(field.name());
            write!(
                columns,
                ", a.{name} AS a_{index}, b.{name} AS b_{index}, \
                 CASE WHEN s.change = 2 THEN a.{name} ELSE s.{name} END AS x_{index}"
            )
            .expect("a string can be written to");
            write!(same, " AND b_{index} IS NOT DISTINCT FROM x_{index}")
                .expect("a string can be written to");
        }
        let valid_at = |alias: &str, time: &str| {
            format!(
                "{} AND {alias}.{VALID_FROM} <= {time} AND ({alias}.{VALID_TO} IS NULL OR {alias}.{VALID_TO} > {time})",
                sql::compare(alias, "s", "=", &self.table.key)
            )
        };
        format!(
            "CREATE OR REPLACE TEMP TABLE wigeon_late AS SELECT *, {same} AS same FROM (SELECT {columns} FROM {} AS s \
             LEFT JOIN {history} AS a ON {} LEFT JOIN {history} AS b ON {})",
            stage.table(),
            valid_at("a", &self.effective),
            valid_at("b", &self.next),
            history = self.history,
        )
    }

    fn payload(&self, prefix: &str) -> String {
        (0..self.table.payload.len()).fold(String::new(), |mut list, index| {
            write!(list, ", {prefix}_{index}").expect("a string can be written to");
            list
        })
    }

    /// Returns an insertion of versions, their payload being the columns of a prefix.
    fn insert(
        &self,
        payload: &str,
        from: &str,
        to: &str,
        deleted: &str,
        condition: &str,
    ) -> String {
        format!(
            "INSERT INTO {} ({}, {VALID_FROM}, {VALID_TO}{}) SELECT {}{}, {from}, {to}{} FROM {WORK} AS w \
             WHERE {condition}",
            self.history,
            self.table.key_and_payload(),
            self.table.deleted_column(),
            sql::columns("w", &self.table.numbered_key()),
            self.payload(payload),
            self.table.deleted_value(deleted),
        )
    }

    fn statements(&self) -> Vec<String> {
        let Self {
            table,
            history,
            effective,
            next,
        } = self;
        let mut statements = vec![
            format!(
                "UPDATE {history} AS h SET {VALID_TO} = {effective} FROM {WORK} AS w WHERE h.rowid = w.a_row"
            ),
            format!(
                "UPDATE {history} AS h SET {VALID_FROM} = {effective} FROM {WORK} AS w \
                 WHERE h.rowid = w.b_row AND w.same"
            ),
            self.insert(
                "x",
                effective,
                next,
                "x_deleted",
                "x_exists AND NOT coalesce(same, false)",
            ),
            self.insert(
                "a",
                next,
                "a_to",
                "false",
                "a_row = b_row AND NOT a_deleted",
            ),
        ];
        if table.records_deleted() {
            // A key that is deleted at N was last seen in the late extract.
            statements.push(self.insert("x", next, "a_to", "true", "a_row = b_row AND a_deleted"));
            let set: Vec<_> = table
                .payload
                .iter()
                .enumerate()
                .map(|(index, field)| format!("{} = w.x_{index}", sql::name(field.name())))
                .collect();
            if !set.is_empty() {
                statements.push(format!(
                    "UPDATE {history} AS h SET {} FROM {WORK} AS w WHERE h.rowid = w.b_row \
                     AND w.change = 1 AND w.b_row IS DISTINCT FROM w.a_row AND w.b_deleted",
                    set.join(", ")
                ));
            }
            let same_key: Vec<_> = table
                .key
                .iter()
                .enumerate()
                .map(|(number, field)| format!("h.{} = w.k_{number}", sql::name(field.name())))
                .collect();
            // A key that nobody had seen before N: deleted there, until it is first seen.
            let first_seen = format!(
                "(SELECT min(h.{VALID_FROM}) FROM {history} AS h WHERE {} AND h.{VALID_FROM} > {next})",
                same_key.join(" AND ")
            );
            statements.push(self.insert(
                "x",
                next,
                &first_seen,
                "true",
                "a_row IS NULL AND b_row IS NULL",
            ));
        }
        statements
    }
}
