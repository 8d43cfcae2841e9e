//! The flagship pipeline by hand: what somebody who knows DuckDB well writes in SQL.
//!
//! It keeps the same tables as Wigeon and follows the same law. The SQL is in `sql/`; each statement there is the
//! fastest of several that were measured, and `BENCHMARKS.md` says which others there were. What the expert is
//! spared is there too: digests of files, malformed rows, late extracts, any other pipeline.

mod error;
mod ledger;
mod load;
mod propagate;
mod snapshot;
mod statement;

use std::path::PathBuf;

use duckdb::{Config, Connection};

pub use error::{ExpertError, Guard};
use statement::SCHEMA;

/// The format of a new database file. The default, which DuckDB 1.0 can read, stores text more slowly and in a
/// form that is slower to group by.
const STORAGE: &str = "v1.5.0";

/// What the expert needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The database file, made if it is missing.
    pub database: PathBuf,

    /// The directory of the extracts.
    pub extracts: PathBuf,

    /// The latest time of extracts that are seen, as in `2019-10-12T09:10`.
    pub at: String,

    /// The memory that DuckDB may use before it spills to disk.
    pub memory_limit_mib: u64,

    /// DuckDB's threads.
    pub threads: usize,
}

/// One kind of work, done by one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Takes in the users extracts and the views.
    Initial,
    /// Loads the views that are new.
    Hourly,
    /// Takes in the users extracts that are new.
    Daily,
    /// Brings the views loaded earlier up to date.
    Propagate,
}

/// The expert's database, opened.
#[derive(Debug)]
pub struct Expert {
    settings: Settings,
    connection: Connection,
}

impl Expert {
    /// Opens the database, and makes its tables if there are none.
    ///
    /// # Errors
    ///
    /// [`ExpertError::Database`] if DuckDB refuses.
    pub fn open(settings: Settings) -> Result<Self, ExpertError> {
        let threads = i64::try_from(settings.threads).unwrap_or(i64::MAX);
        let config = Config::default()
            .threads(threads)?
            .max_memory(&format!("{}MiB", settings.memory_limit_mib))?
            .with("preserve_insertion_order", "false")?
            .with("temp_directory", settings.temp_directory())?
            .with("storage_compatibility_version", STORAGE)?
            .with("autoinstall_known_extensions", "false")?
            .with("autoload_known_extensions", "false")?;
        let connection = Connection::open_with_flags(&settings.database, config)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            settings,
            connection,
        })
    }

    /// Does one kind of work, and moves what was committed into the database file.
    ///
    /// # Errors
    ///
    /// - [`ExpertError::Refused`] if an extract is not plausible; nothing of it is kept.
    /// - [`ExpertError::OlderExtract`] if a users extract is older than one that was taken.
    /// - [`ExpertError::Rows`] if a propagation would lose views; it is rolled back.
    /// - [`ExpertError::Extracts`] if the directory cannot be listed.
    /// - [`ExpertError::Database`] for anything that DuckDB refuses.
    pub fn run(&self, work: Work) -> Result<(), ExpertError> {
        match work {
            Work::Initial => {
                self.snapshot()?;
                self.load()?;
            }
            Work::Hourly => self.load()?,
            Work::Daily => self.snapshot()?,
            Work::Propagate => self.propagate()?,
        }
        self.batch("checkpoint")
    }

    /// Runs `work` in a transaction, which is rolled back if it fails.
    fn transaction<T>(
        &self,
        work: impl FnOnce() -> Result<T, ExpertError>,
    ) -> Result<T, ExpertError> {
        self.batch("begin transaction")?;
        match work() {
            Ok(done) => {
                self.batch("commit")?;
                Ok(done)
            }
            Err(error) => {
                // The first error is the one to tell.
                let _rolled_back = self.batch("rollback");
                Err(error)
            }
        }
    }

    fn batch(&self, statements: &str) -> Result<(), ExpertError> {
        Ok(self.connection.execute_batch(statements)?)
    }

    /// Runs a statement and returns how many rows it changed.
    fn change(&self, statement: &str) -> Result<usize, ExpertError> {
        Ok(self.connection.execute(statement, [])?)
    }
}

impl Settings {
    fn temp_directory(&self) -> String {
        format!("{}.tmp", self.database.display())
    }
}
