//! The warehouse file, opened.

use std::{
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    thread,
};

use wigeon_files::directory_of;

use crate::{
    attached::{self, Attachments},
    c_interface::{Connection, Instance},
    doublewrite::{self, Doublewrite},
    error::{DatabaseError, OpenError, ReadError},
    held::{self, Holder, Reservation},
    meta,
    scratch::Scratch,
    sql::{self, CATALOG},
    stream::{RowStream, Statement},
};

/// The format of new files: DuckDB 1.3 and newer can read them.
///
/// Since that version DuckDB has one compression for text, where it tried three before and kept
/// one. Writing rows with text takes two thirds of the time.
const STORAGE_VERSION: &str = "v1.3.0";

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    /// For statements that anybody may write.
    Query,
    Write,
    /// It does not exist yet.
    Make,
}

/// How to open a warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The DuckDB file.
    pub path: PathBuf,

    /// The memory that DuckDB may use before it spills to disk. What the CSV reader
    /// keeps about malformed rows is not counted.
    pub memory_limit_mib: u64,

    /// DuckDB's threads; none: one for each core.
    pub threads: Option<u32>,

    /// In which directory DuckDB spills, and pieces of malformed files are examined. It is made if it
    /// is missing, but not those above it; each process has a directory of its own there. None: it has
    /// one beside the file, `<path>.tmp.<random>`, which exists only while it is used.
    pub temp_directory: Option<PathBuf>,
}

/// A warehouse: one DuckDB file, opened by this process alone or, for reading, by many.
///
/// It may be shared between threads; every operation has a connection of its own.
#[derive(Debug)]
pub struct Warehouse {
    // Before the reservation: the file must be closed before it may be opened again.
    instance: Arc<Instance>,
    path: PathBuf,
    scratch: Scratch,
    memory_limit_mib: u64,
    threads: Option<u32>,
    attachments: Attachments,
    access: Access,
    doublewrite: Option<Arc<Doublewrite>>,
    _reservation: Reservation,
}

impl Warehouse {
    /// Opens a warehouse for reading and writing, and makes it if there is none.
    ///
    /// A DuckDB file that is not yet a warehouse becomes one: the internal schema
    /// `wigeon` is added, in one transaction.
    ///
    /// # Errors
    ///
    /// - [`OpenError::Held`] if another process, or another [`Warehouse`] of this one, has the file.
    /// - [`OpenError::Missing`] if the directory does not exist.
    /// - [`OpenError::NotAWarehouse`] if the file is not a DuckDB database.
    /// - [`OpenError::Newer`] if a newer Wigeon wrote it.
    /// - [`OpenError::Unreadable`], [`OpenError::Database`] for anything else.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let path = &settings.path;
        let directory = directory_of(path);
        if !directory.is_dir() {
            return Err(OpenError::Missing {
                path: directory.to_owned(),
            });
        }
        if !path.exists() {
            Self::make(settings)?;
        }
        let warehouse = Self::attach(settings, Access::Write)?;
        warehouse.scratch.remove_left(path);
        let database = |source| OpenError::Database {
            path: path.clone(),
            source,
        };
        let connection = warehouse.connect().map_err(database)?;
        match meta::version(&connection).map_err(database)? {
            None => {
                warehouse.doublewrite().inspect(|copies| copies.finish());
                meta::create(&connection).map_err(database)?;
            }
            Some(found) => check_version(path, found)?,
        }
        drop(connection);
        Ok(warehouse)
    }

    /// Opens a warehouse for reading. Several processes may do so at once.
    ///
    /// # Errors
    ///
    /// - [`OpenError::Held`] if another process has it open for writing.
    /// - [`OpenError::Missing`] if the file does not exist.
    /// - [`OpenError::NotAWarehouse`] if the file is not a DuckDB database, or has no ledger.
    /// - [`OpenError::Newer`] if a newer Wigeon wrote it.
    /// - [`OpenError::Unreadable`], [`OpenError::Database`] for anything else.
    pub fn open_read_only(settings: &Settings) -> Result<Self, OpenError> {
        Self::attach_existing(settings, Access::Read)
    }

    /// Opens a warehouse for statements that anybody may write: they read its tables, and no other
    /// file. Only queries are run then: DuckDB lets `COPY … TO` overwrite the file of the warehouse,
    /// and lets it be attached for writing once it is detached.
    ///
    /// # Errors
    ///
    /// Those of [`Warehouse::open_read_only`].
    pub fn open_for_queries(settings: &Settings) -> Result<Self, OpenError> {
        Self::attach_existing(settings, Access::Query)
    }

    fn attach_existing(settings: &Settings, access: Access) -> Result<Self, OpenError> {
        let path = &settings.path;
        if !path.exists() {
            return Err(OpenError::Missing { path: path.clone() });
        }
        let warehouse = Self::attach(settings, access)?;
        let database = |source| OpenError::Database {
            path: path.clone(),
            source,
        };
        let connection = warehouse.connect().map_err(database)?;
        let Some(found) = meta::version(&connection).map_err(database)? else {
            return Err(OpenError::NotAWarehouse { path: path.clone() });
        };
        check_version(path, found)?;
        drop(connection);
        Ok(warehouse)
    }

    /// Returns the path it was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of the tables and views of the user, sorted.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn tables(&self) -> Result<Vec<String>, ReadError> {
        let list = || attached::tables(&self.connect()?, CATALOG);
        list().map_err(ReadError::Database)
    }

    /// Reads columns of a table or view, in no particular order of rows.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if the table or a column does not exist.
    pub fn read_table(&self, table: &str, columns: &[&str]) -> Result<RowStream, ReadError> {
        let statement = format!(
            "SELECT {} FROM {}",
            sql::names(columns.iter().copied()),
            sql::table(table)
        );
        RowStream::start(self.connect_to_read()?, Statement::new(statement))
    }

    /// Runs a query of the user's, in which unqualified names are those of the warehouse.
    ///
    /// The query runs in autocommit. On a warehouse that was opened for reading it cannot
    /// change a table of the warehouse.
    ///
    /// # Errors
    ///
    /// - [`ReadError::NotAQuery`] if the warehouse was opened for queries, and it is none.
    /// - [`ReadError::Database`] with DuckDB's message, here or from the stream.
    pub fn query(&self, query: &str) -> Result<RowStream, ReadError> {
        if self.access == Access::Query {
            let other = self.instance.other_than_queries(CATALOG, query);
            if let Some(statement) = other.map_err(ReadError::Database)? {
                return Err(ReadError::NotAQuery { statement });
            }
        }
        RowStream::start(self.connect_to_read()?, Statement::new(query.to_owned()))
    }

    /// Returns a handle that interrupts whatever this warehouse is doing.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter {
            instance: Arc::downgrade(&self.instance),
        }
    }

    /// Opens a connection with the warehouse as its default catalog.
    pub(crate) fn connect(&self) -> Result<Connection, DatabaseError> {
        let connection = self.instance.connect()?;
        connection.execute_batch(&format!("USE {CATALOG}"))?;
        Ok(connection)
    }

    pub(crate) fn connect_to_read(&self) -> Result<Connection, ReadError> {
        self.connect().map_err(ReadError::Database)
    }

    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    pub(crate) fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// Returns who keeps copies of what a checkpoint writes over, if it was opened for writing.
    pub(crate) fn doublewrite(&self) -> Option<&Arc<Doublewrite>> {
        self.doublewrite.as_ref()
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Returns how many threads DuckDB has.
    pub(crate) fn threads(&self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = self
            .threads
            .and_then(|threads| usize::try_from(threads).ok());
        threads.unwrap_or_else(cores).max(1)
    }

    pub(crate) fn memory_limit_mib(&self) -> u64 {
        self.memory_limit_mib
    }

    /// Makes a new warehouse: whole, or not at all.
    ///
    /// DuckDB writes the head of a new file in several steps, and cannot open what is left if the
    /// process is killed between them. So it is made beside its place, and moved there when done.
    fn make(settings: &Settings) -> Result<(), OpenError> {
        let path = &settings.path;
        let unreadable = |source| OpenError::Unreadable {
            path: path.clone(),
            source,
        };
        let new = beside(path, ".new");
        // What a killed process may have left.
        for left in [&new, &beside(path, ".new.wal")] {
            match fs_err::remove_file(left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unreadable(error));
                }
                _ => {}
            }
        }
        let warehouse = Self::attach(
            &Settings {
                path: new.clone(),
                ..settings.clone()
            },
            Access::Make,
        )?;
        let make = || -> Result<(), DatabaseError> {
            let connection = warehouse.connect()?;
            meta::create(&connection)?;
            Ok(connection.execute_batch(&format!("CHECKPOINT {CATALOG}"))?)
        };
        make().map_err(|source| OpenError::Database {
            path: path.clone(),
            source,
        })?;
        drop(warehouse);
        fs_err::rename(&new, path).map_err(unreadable)
    }

    fn attach(settings: &Settings, access: Access) -> Result<Self, OpenError> {
        let path = &settings.path;
        let writing = matches!(access, Access::Write | Access::Make);
        let held = |holder: Holder| OpenError::Held {
            path: path.clone(),
            pid: holder.pid,
            program: holder.program,
        };
        let Some(reservation) = Reservation::take(path, writing) else {
            return Err(held(Holder::this_process()));
        };
        if reservation.is_first() && path.exists() {
            doublewrite::mend(path);
            let ours = held::is_database(path).map_err(|source| OpenError::Unreadable {
                path: path.clone(),
                source,
            })?;
            if !ours {
                return Err(OpenError::NotAWarehouse { path: path.clone() });
            }
        }
        let scratch = Scratch::new(settings);
        let options = match access {
            Access::Read | Access::Query => "READ_ONLY".to_owned(),
            Access::Write => "READ_WRITE".to_owned(),
            Access::Make => format!("READ_WRITE, STORAGE_VERSION '{STORAGE_VERSION}'"),
        };
        let attach = format!(
            "ATTACH {} AS {CATALOG} (TYPE duckdb, {options})",
            sql::text(&path.to_string_lossy())
        );
        let open = || -> Result<Arc<Instance>, DatabaseError> {
            // Without it a checkpoint is as safe as DuckDB's.
            let keeps = access == Access::Write && cfg!(unix);
            let kept = keeps.then(|| fs_err::File::open(path).ok().map(Arc::new));
            let configuration = configuration(settings, scratch.spill());
            let instance = Instance::open(&configuration, kept.flatten())?;
            let connection = instance.connect()?;
            connection.execute_batch(&attach)?;
            // Without ICU there is no such setting, and times are in UTC anyway.
            if let Err(error) = connection.execute_batch("SET GLOBAL TimeZone = 'UTC'")
                && has_time_zones(&connection)?
            {
                return Err(error.into());
            }
            if access == Access::Query {
                connection.execute_batch("SET GLOBAL enable_external_access = false")?;
            }
            connection.execute_batch("SET GLOBAL lock_configuration = true")?;
            drop(connection);
            Ok(instance)
        };
        match open() {
            Ok(instance) => Ok(Self {
                doublewrite: Doublewrite::new(path, &instance).map(Arc::new),
                instance,
                path: path.clone(),
                scratch,
                memory_limit_mib: settings.memory_limit_mib,
                threads: settings.threads,
                attachments: Attachments::default(),
                access,
                _reservation: reservation,
            }),
            Err(source) => {
                let holder = if reservation.is_first() {
                    Holder::find(path, writing)
                } else {
                    None
                };
                Err(holder.map_or_else(
                    || OpenError::Database {
                        path: path.clone(),
                        source,
                    },
                    held,
                ))
            }
        }
    }
}

fn has_time_zones(connection: &Connection) -> Result<bool, DatabaseError> {
    let settings: i64 = connection.query_row(
        "SELECT count(*) FROM duckdb_settings() WHERE name = 'TimeZone'",
        [],
        |row| row.get(0),
    )?;
    Ok(settings > 0)
}

fn configuration(settings: &Settings, spill: &Path) -> Vec<(&'static str, String)> {
    let mut configuration = vec![
        ("memory_limit", format!("{}MiB", settings.memory_limit_mib)),
        ("temp_directory", spill.to_string_lossy().into_owned()),
        ("preserve_insertion_order", "false".to_owned()),
        ("autoinstall_known_extensions", "false".to_owned()),
        ("autoload_known_extensions", "false".to_owned()),
        ("duckdb_api", "wigeon".to_owned()),
    ];
    if let Some(threads) = settings.threads {
        configuration.push(("threads", threads.to_string()));
    }
    configuration
}

fn check_version(path: &Path, found: i64) -> Result<(), OpenError> {
    if found > meta::VERSION {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            supported: meta::VERSION,
        });
    }
    Ok(())
}

/// Returns the path of a file of DuckDB's, or ours, that goes with another.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Interrupts what a warehouse is doing, from any thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Interrupter {
    instance: Weak<Instance>,
}

impl Interrupter {
    /// Makes every running statement fail with `Interrupted`.
    ///
    /// Later statements still run, so that the caller can roll back; their errors, too,
    /// are told as `Interrupted`. Does nothing once the warehouse is closed.
    pub fn interrupt(&self) {
        if let Some(instance) = self.instance.upgrade() {
            instance.interrupt();
        }
    }
}
