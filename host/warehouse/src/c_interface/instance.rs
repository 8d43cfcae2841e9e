//! The instance, and connections to it that can be interrupted.

use std::{
    collections::HashMap,
    ffi::CStr,
    fmt,
    ops::Deref,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use duckdb::{InterruptHandle, ffi};
use fs_err::File;

use super::raw::{RawConnection, Statements, c_string, statement_name};
use crate::{error::DatabaseError, sql};

/// One in-memory DuckDB, closed with the last [`Connection`] to it.
pub(crate) struct Instance {
    pub(super) database: ffi::duckdb_database,
    next_id: AtomicU64,
    running: Mutex<HashMap<u64, Arc<InterruptHandle>>>,
    interrupted: AtomicBool,
    /// Closed after the database.
    kept: Option<Arc<File>>,
}

// SAFETY: DuckDB's database object may be used from several threads at once; it is only
// used to open connections, and closed when nobody else has it.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// Opens an in-memory instance with the given settings.
    ///
    /// `kept` is a file that the instance is to open as well, and that is read beside it: it stays open
    /// as long as the instance, since closing it gives up the lock that DuckDB has on it.
    pub(crate) fn open(
        settings: &[(&str, String)],
        kept: Option<Arc<File>>,
    ) -> Result<Arc<Self>, DatabaseError> {
        let mut config: ffi::duckdb_config = ptr::null_mut();
        // SAFETY: `config` is a place for the handle, destroyed below on every path.
        if unsafe { ffi::duckdb_create_config(&raw mut config) } != ffi::DuckDBSuccess {
            return Err(DatabaseError::new("could not make a configuration"));
        }
        let opened = set_all(config, settings).and_then(|()| open_in_memory(config));
        // SAFETY: `config` was created above and is not used after this.
        unsafe { ffi::duckdb_destroy_config(&raw mut config) };
        Ok(Arc::new(Self {
            database: opened?,
            next_id: AtomicU64::new(0),
            running: Mutex::default(),
            interrupted: AtomicBool::new(false),
            kept,
        }))
    }

    /// Returns the file that it was opened with.
    pub(crate) fn kept(&self) -> Option<&Arc<File>> {
        self.kept.as_ref()
    }

    /// Opens a connection, whose default catalog is the in-memory one.
    pub(crate) fn connect(self: &Arc<Self>) -> Result<Connection, DatabaseError> {
        // SAFETY: the database is open as long as `self` lives, and the connection keeps
        // an `Arc` of it that is dropped after the connection itself.
        let connection = unsafe { duckdb::Connection::open_from_raw(self.database) }?;
        let id = self.next_id();
        self.running().insert(id, connection.interrupt_handle());
        Ok(Connection {
            connection,
            registration: Registration {
                id,
                instance: Arc::clone(self),
            },
        })
    }

    /// Returns what a text would do other than query, by its first statement that is no query,
    /// without doing it. `EXPLAIN` is no query either: it may be of anything, and run it.
    ///
    /// A `PIVOT` is two statements for DuckDB, the first of which makes a type that the other needs.
    /// So what is created before a query is created here, in a transaction that is rolled back.
    pub(crate) fn other_than_queries(
        &self,
        catalog: &str,
        text: &str,
    ) -> Result<Option<&'static str>, DatabaseError> {
        let connection = RawConnection::open(self)?;
        connection.execute(&format!("USE {}", sql::name(catalog)))?;
        connection.execute("BEGIN")?;
        let statements = Statements::extract(&connection, text)?;
        for index in 0..statements.count {
            let prepared = statements.prepare(index)?;
            match prepared.statement_type() {
                ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SELECT => {}
                ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CREATE
                    if index + 1 < statements.count =>
                {
                    prepared.execute()?;
                }
                other => return Ok(Some(statement_name(other))),
            }
        }
        Ok(None)
    }

    /// Interrupts every statement that is running.
    pub(crate) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        for handle in self.running().values() {
            handle.interrupt();
        }
    }

    /// Returns whether [`Instance::interrupt`] was called.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Returns a number that is given once.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, Arc<InterruptHandle>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: nobody else has the database: connections and scans own an `Arc` of it.
        unsafe { ffi::duckdb_close(&raw mut self.database) };
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Instance").finish_non_exhaustive()
    }
}

fn set_all(config: ffi::duckdb_config, settings: &[(&str, String)]) -> Result<(), DatabaseError> {
    for (key, value) in settings {
        let (c_key, c_value) = (c_string(key)?, c_string(value)?);
        // SAFETY: `config` is a live handle, and both strings end in a null byte.
        let state = unsafe { ffi::duckdb_set_config(config, c_key.as_ptr(), c_value.as_ptr()) };
        if state != ffi::DuckDBSuccess {
            return Err(DatabaseError::new(format!(
                "`{value}` is no value for `{key}`"
            )));
        }
    }
    Ok(())
}

fn open_in_memory(config: ffi::duckdb_config) -> Result<ffi::duckdb_database, DatabaseError> {
    let mut database: ffi::duckdb_database = ptr::null_mut();
    let mut message: *mut std::ffi::c_char = ptr::null_mut();
    // SAFETY: the path ends in a null byte, `config` is live, the others are places for results.
    let state = unsafe {
        ffi::duckdb_open_ext(
            c":memory:".as_ptr(),
            &raw mut database,
            config,
            &raw mut message,
        )
    };
    if state == ffi::DuckDBSuccess {
        return Ok(database);
    }
    let error = if message.is_null() {
        DatabaseError::new("could not open an in-memory database")
    } else {
        // SAFETY: DuckDB gave a string that ends in a null byte and is ours to free.
        let error = DatabaseError::new(unsafe { CStr::from_ptr(message) }.to_string_lossy());
        // SAFETY: as above; it is not used after this.
        unsafe { ffi::duckdb_free(message.cast()) };
        error
    };
    Err(error)
}

/// A connection that keeps its instance open and can be interrupted through it.
pub(crate) struct Connection {
    // Before the registration: a connection must be closed before its database.
    connection: duckdb::Connection,
    registration: Registration,
}

impl Connection {
    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.registration.instance
    }
}

impl Deref for Connection {
    type Target = duckdb::Connection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

struct Registration {
    id: u64,
    instance: Arc<Instance>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.instance.running().remove(&self.id);
    }
}
