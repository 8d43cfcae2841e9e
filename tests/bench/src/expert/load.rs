//! New views into the table, with the postcodes of then and of now.

use super::{
    Expert, ExpertError,
    statement::{LOAD, SEVERAL, views, with},
};

pub(super) const STEP: &str = "pageviews_postcode";

/// About what a row of a view extract takes.
const BYTES_PER_VIEW: u64 = 90;

/// DuckDB does not know how many rows a CSV file has and takes it for small. It then builds the hash table of the
/// join on the views, which costs a tenth of the time and mixes up their order in the table when there are more
/// views than users.
const BUILD_ON_USERS: &str = "set disabled_optimizers = 'build_side_probe_side'";

impl Expert {
    /// Loads all extracts of views that are new, in one transaction.
    pub(super) fn load(&self) -> Result<(), ExpertError> {
        let files = self.new_files(STEP, "pageview_extract_")?;
        if files.is_empty() {
            return Ok(());
        }
        let bytes: u64 = files.iter().map(|file| file.size_bytes).sum();
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        let views = views(&self.extracts(), &names);
        self.transaction(|| {
            // Those with one version only, and that an open one, are read from the history.
            self.change(&with(SEVERAL, &[("of_keys", "valid_to is not null")]))?;
            if bytes / BYTES_PER_VIEW > self.users()? {
                self.batch(BUILD_ON_USERS)?;
            }
            let rows = self.change(&with(LOAD, &[("views", &views)]))?;
            self.batch("reset disabled_optimizers")?;
            self.record(STEP, None, rows, &files)
        })
    }

    fn users(&self) -> Result<u64, ExpertError> {
        let users = "select estimated_size::ubigint from duckdb_tables() \
                     where table_name = 'current_postcode_history'";
        Ok(self.connection.query_row(users, [], |row| row.get(0))?)
    }
}
