//! Users who moved, and the views of theirs that were loaded earlier.
//!
//! The rows are deleted and inserted again. An `update` of the same rows takes three times as long at 10 million
//! rows and twenty times as long at 100 million: DuckDB then writes every column that it touches once more, in every
//! row group that has one such row, which is nearly all of them. Deleted rows only leave marks.

use super::{
    Expert, ExpertError,
    statement::{CHANGED_SINCE, COMPLETED, DELETE, INSERT, KEEP_MOVED, SEVERAL, timestamp, with},
};

const STEP: &str = "updated_postcode_stg";

/// What marking deleted rows takes until the next checkpoint: 16 KiB for each 2,048 rows, if one of them is deleted.
/// It cannot be spilled to disk.
const MARK_BYTES_PER_ROW: u64 = 8;

impl Expert {
    /// Completes anew the views of the users who moved since this was last done.
    ///
    /// In one transaction if memory allows. Otherwise a period of time after the other, the last together with the
    /// row in the ledger; what is repeated after a kill comes to the same.
    pub(super) fn propagate(&self) -> Result<(), ExpertError> {
        let since: Option<String> = self
            .connection
            .query_row(CHANGED_SINCE, [], |row| row.get(0))?;
        let Some(since) = since else {
            return Ok(());
        };
        let since = timestamp(&since);
        let of_keys = format!("valid_from >= {since}");
        self.change(&with(SEVERAL, &[("of_keys", &of_keys)]))?;
        self.change(&with(KEEP_MOVED, &[("changed_since", &since)]))?;
        let parts = self.parts()?;
        let mut rows = 0;
        for (place, part) in parts.iter().enumerate() {
            self.transaction(|| {
                rows += self.complete(part)?;
                if place + 1 == parts.len() {
                    self.record(STEP, None, rows, &[])?;
                }
                Ok(())
            })?;
            if parts.len() > 1 {
                self.batch("checkpoint")?;
            }
        }
        Ok(())
    }

    fn complete(&self, part: &str) -> Result<usize, ExpertError> {
        let part = [("part", part)];
        self.change(&with(COMPLETED, &part))?;
        let deleted = self.change(&with(DELETE, &part))?;
        let inserted = self.change(INSERT)?;
        if deleted != inserted {
            return Err(ExpertError::Rows { deleted, inserted });
        }
        Ok(inserted)
    }

    /// Returns conditions that part the views by their time, so that the marks of one part take half of the memory.
    fn parts(&self) -> Result<Vec<String>, ExpertError> {
        let (rows, first, last): (u64, Option<i64>, Option<i64>) = self.connection.query_row(
            "select estimated_size::ubigint, (select epoch_us(min(pageview_datetime)) from pageviews_postcode), \
             (select epoch_us(max(pageview_datetime)) from pageviews_postcode) \
             from duckdb_tables() where table_name = 'pageviews_postcode'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let memory = self.settings.memory_limit_mib << 20;
        let parts = (rows * MARK_BYTES_PER_ROW).div_ceil(memory / 2).max(1);
        let (Some(first), Some(last), 2..) = (first, last, parts) else {
            return Ok(vec!["true".to_owned()]);
        };
        let parts = i64::try_from(parts).unwrap_or(i64::MAX);
        let length = (last - first) / parts;
        let bound = |place: i64| match place {
            0 => "timestamp '-infinity'".to_owned(),
            place if place == parts => "timestamp 'infinity'".to_owned(),
            place => format!("make_timestamp({})", first + place * length),
        };
        Ok((0..parts)
            .map(|place| {
                format!(
                    "{} <= v.pageview_datetime and v.pageview_datetime < {}",
                    bound(place),
                    bound(place + 1)
                )
            })
            .collect())
    }
}
