//! The daily extract of all users into the history of their postcodes.

use super::{
    Expert, ExpertError, Guard,
    ledger::NewFile,
    statement::{
        BEGIN_VERSIONS, CHANGES, CHANGES_CHECK, END_VERSIONS, FIRST_EXTRACT, FIRST_EXTRACT_CHECK,
        timestamp, users, with,
    },
};

pub(super) const STEP: &str = "current_postcode";

/// The guards, as in the flagship's manifest.
const MIN_ROWS: i64 = 1;
const MAX_CLOSED_SHARE: f64 = 0.2;
const MAX_CHANGED_SHARE: f64 = 0.5;

/// What an extract would change.
struct Counts {
    open: i64,
    extract_rows: i64,
    opened: i64,
    opened_keys: i64,
    null_keys: i64,
    superseded: i64,
    closed: i64,
    met: i64,
}

impl Expert {
    /// Takes in the users extracts that are new, each in one transaction.
    pub(super) fn snapshot(&self) -> Result<(), ExpertError> {
        for file in self.new_files(STEP, "users_extract_")? {
            self.transaction(|| self.take(file))?;
        }
        Ok(())
    }

    fn take(&self, file: NewFile) -> Result<(), ExpertError> {
        let (newest, has_history): (bool, bool) = self.connection.query_row(
            &format!(
                "select coalesce(max(effective_time) < {}, true), count(*) > 0 from load_ledger \
                 where step = '{STEP}'",
                timestamp(&file.time)
            ),
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if !newest {
            return Err(ExpertError::OlderExtract { file: file.name });
        }
        let taken = if has_history {
            self.compare(&file)
        } else {
            self.take_first(&file)
        };
        let rows = taken?.map_err(|guard| ExpertError::Refused {
            file: file.name.clone(),
            guard,
        })?;
        let effective = file.time.clone();
        self.record(STEP, Some(&effective), rows, &[file])
    }

    fn take_first(&self, file: &NewFile) -> Result<Result<usize, Guard>, ExpertError> {
        let rows = self.change(&with(
            FIRST_EXTRACT,
            &[
                ("effective", &timestamp(&file.time)),
                ("users", &users(&self.extracts(), &file.name)),
            ],
        ))?;
        let (count, nulls, repeated): (i64, i64, i64) =
            self.connection.query_row(FIRST_EXTRACT_CHECK, [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        Ok(if count < MIN_ROWS {
            Err(Guard::Rows)
        } else if nulls > 0 {
            Err(Guard::NullKey)
        } else if repeated > 0 {
            Err(Guard::DuplicateKey)
        } else {
            Ok(rows)
        })
    }

    fn compare(&self, file: &NewFile) -> Result<Result<usize, Guard>, ExpertError> {
        let users = users(&self.extracts(), &file.name);
        self.change(&with(CHANGES, &[("users", &users)]))?;
        let counts = self.connection.query_row(CHANGES_CHECK, [], |row| {
            Ok(Counts {
                open: row.get("open")?,
                extract_rows: row.get("extract_rows")?,
                opened: row.get("opened")?,
                opened_keys: row.get("opened_keys")?,
                null_keys: row.get("null_keys")?,
                superseded: row.get("superseded")?,
                closed: row.get("closed")?,
                met: row.get("met")?,
            })
        })?;
        if let Err(guard) = counts.guard() {
            return Ok(Err(guard));
        }
        let effective = timestamp(&file.time);
        let ended = self.change(&with(END_VERSIONS, &[("effective", &effective)]))?;
        let begun = self.change(&with(BEGIN_VERSIONS, &[("effective", &effective)]))?;
        Ok(Ok(ended + begun))
    }
}

impl Counts {
    fn guard(&self) -> Result<(), Guard> {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no 53 bits")]
        let share = |part: i64| part as f64 / self.open.max(1) as f64;
        if self.extract_rows < MIN_ROWS {
            Err(Guard::Rows)
        } else if self.null_keys > 0 {
            Err(Guard::NullKey)
        } else if self.opened != self.opened_keys || self.met != self.open - self.closed {
            Err(Guard::DuplicateKey)
        } else if share(self.closed) > MAX_CLOSED_SHARE {
            Err(Guard::Closed)
        } else if share(self.superseded) > MAX_CHANGED_SHARE {
            Err(Guard::Changed)
        } else {
            Ok(())
        }
    }
}
