//! That a load goes on from where its step was: no file and no time twice, and nothing back.

use super::{CommittedLoad, WrittenLoad};
use crate::{
    error::LoadError, inconsistency::Inconsistency, ledger::LoadWatermark, load::Load, sql,
    types::sql_type,
};

impl Load {
    /// Checks that the step has taken in something new: no file and no time for the second time,
    /// and of a growing column no smaller values.
    pub(super) fn check_progress(&self, written: &WrittenLoad) -> Result<(), LoadError> {
        let load = &written.load;
        let (ledger, input) = (sql::internal("ledger"), sql::internal("input"));
        let step = sql::text(&load.step);
        if load.inputs > 0 {
            let twice = self.first(&format!(
                "SELECT i.path, '' FROM {input} AS i \
                 SEMI JOIN (SELECT path FROM {input} WHERE load_id = {}) AS n ON n.path = i.path \
                 WHERE i.step = {step} GROUP BY i.path HAVING count(*) > 1",
                load.load_id
            ))?;
            if let Some((path, _)) = twice {
                let step = load.step.clone();
                return Err(LoadError::Inconsistent(Inconsistency::FileTwice {
                    step,
                    path,
                }));
            }
        }
        if let Some(effective) = written.effective_time {
            let before = self.first(&format!(
                "SELECT load_id::VARCHAR, '' FROM {ledger} WHERE step = {step} \
                 AND load_id <> {} AND effective_time = {}",
                load.load_id,
                sql::timestamp(effective)
            ))?;
            if before.is_some() {
                return Err(LoadError::Inconsistent(Inconsistency::TimeTwice {
                    step: load.step.clone(),
                    effective,
                }));
            }
        }
        match &written.watermark {
            Some(watermark) => self.check_watermark(load, watermark),
            None => Ok(()),
        }
    }

    /// Checks that a watermark is not behind the last one of the step, as values of its column.
    ///
    /// They may be the same, if the source has finer values than its column is declared with.
    fn check_watermark(
        &self,
        load: &CommittedLoad,
        watermark: &LoadWatermark,
    ) -> Result<(), LoadError> {
        let last = self.first(&format!(
            "SELECT details, '' FROM {} WHERE step = {} AND load_id < {} \
             AND contains(details, '\"watermark\"') ORDER BY load_id DESC",
            sql::internal("ledger"),
            sql::text(&load.step),
            load.load_id
        ))?;
        let last = last.and_then(|(details, _)| {
            let details: serde_json::Value = serde_json::from_str(&details).ok()?;
            details.get("watermark")?.as_str().map(str::to_owned)
        });
        let (Some(last), Some(data_type)) = (last, sql_type(&watermark.data_type)) else {
            return Ok(());
        };
        // Of a column that was declared otherwise before, nothing can be said.
        let grows = format!(
            "SELECT try_cast({} AS {data_type}) >= try_cast({} AS {data_type})",
            sql::text(&watermark.value),
            sql::text(&last)
        );
        let grows: Option<bool> =
            self.try_to(|connection| Ok(connection.query_row(&grows, [], |row| row.get(0))?))?;
        if grows == Some(false) {
            return Err(LoadError::Inconsistent(Inconsistency::Back {
                step: load.step.clone(),
                before: last,
                now: watermark.value.clone(),
            }));
        }
        Ok(())
    }
}
