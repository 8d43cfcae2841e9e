//! The law of change detection: each key once, none null, and only keys that were handed over.

use chrono::NaiveDateTime;

use crate::{
    error::{LawError, LoadError},
    snapshot::{SnapshotTable, VALID_FROM},
    sql,
    stage::Stage,
    warehouse::Warehouse,
};

impl Warehouse {
    /// Checks what a plugin said of the keys that have a version which began at `since` or later,
    /// before any of it is used. `table` is the one that the changes are for.
    ///
    /// # Errors
    ///
    /// - [`LawError::NullKey`], [`LawError::DuplicateKey`] about the keys of the stage.
    /// - [`LawError::NotHandedOver`] if one of them has no such version.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn check_changed_keys(
        &self,
        table: &str,
        versions: &SnapshotTable,
        since: NaiveDateTime,
        stage: &Stage,
    ) -> Result<(), LoadError> {
        if stage.rows() == 0 {
            return Ok(());
        }
        // Nothing is changed: it is rolled back when it is dropped.
        let load = self.begin()?;
        let named = SnapshotTable {
            name: table.to_owned(),
            ..versions.clone()
        };
        load.check_unique(&named, &stage.table())?;
        let unknown = load.first(&format!(
            "SELECT {}, '' FROM {} AS s ANTI JOIN (SELECT * FROM {} AS c WHERE c.{VALID_FROM} >= {} \
             AND {}) AS c ON {}",
            sql::key_text("s", &versions.key),
            stage.table(),
            sql::table(&versions.history()),
            sql::timestamp(since),
            versions.not_deleted("c"),
            sql::compare("c", "s", "=", &versions.key)
        ))?;
        match unknown {
            None => Ok(()),
            Some((key, _)) => Err(LoadError::Law(LawError::NotHandedOver {
                table: table.to_owned(),
                key,
            })),
        }
    }
}
