//! The DuckDB instance, its connections, and scans of Arrow streams.
//!
//! All unsafe code of the crate is here. `duckdb_arrow_scan` exists in the C interface
//! only, and needs a raw connection; hence the raw instance. What kind of statement a text
//! is, too, only the C interface tells.
//!
//! A scan is a view over a pointer to the stream. Each view gets an in-memory catalog
//! of its own: a running transaction sees databases that were attached after it began,
//! but not views that were made after it began, and may write to one database file
//! only. So a scan can be made at any time.
//!
//! DuckDB pushes projections and filters into the view and leaves them to the producer
//! of the stream, and the C interface's producer ignores both. A scan must therefore be
//! read with `SELECT *` and nothing else; [`ArrowScan`] gives out no name for anything
//! else to be written.

use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fmt, mem,
    ops::Deref,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arrow_array::{RecordBatchReader, ffi_stream::FFI_ArrowArrayStream};
use arrow_schema::SchemaRef;
use duckdb::{InterruptHandle, ffi};

use crate::{
    error::{DatabaseError, LoadError},
    reader::{Failure, WatchedReader},
    sql,
};

/// One in-memory DuckDB, closed with the last [`Connection`] to it.
pub(crate) struct Instance {
    database: ffi::duckdb_database,
    next_id: AtomicU64,
    running: Mutex<HashMap<u64, Arc<InterruptHandle>>>,
    interrupted: AtomicBool,
}

// SAFETY: DuckDB's database object may be used from several threads at once; it is only
// used to open connections, and closed when nobody else has it.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// Opens an in-memory instance with the given settings.
    pub(crate) fn open(settings: &[(&str, String)]) -> Result<Arc<Self>, DatabaseError> {
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
        }))
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

fn c_string(text: &str) -> Result<CString, DatabaseError> {
    CString::new(text).map_err(|_| DatabaseError::new(format!("`{text}` contains a null byte")))
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

/// A stream of Arrow batches that a statement of any connection can read, once.
pub(crate) struct ArrowScan {
    catalog: String,
    schema: SchemaRef,
    failure: Failure,
    instance: Arc<Instance>,
    // Boxed, since the view has its address. Always there until the drop.
    stream: Option<Box<FFI_ArrowArrayStream>>,
}

impl ArrowScan {
    /// Makes `reader` readable from SQL, once it has rows enough.
    pub(crate) fn new(
        instance: &Arc<Instance>,
        reader: Box<dyn RecordBatchReader + Send>,
    ) -> Result<Self, LoadError> {
        let failure = Failure::default();
        let mut reader = WatchedReader::new(reader, Arc::clone(&failure));
        reader.read_ahead(|| instance.interrupted());
        if instance.interrupted() {
            return Err(LoadError::Interrupted);
        }
        let schema = reader.schema();
        let mut stream = Box::new(FFI_ArrowArrayStream::new(Box::new(reader)));
        let address: *mut FFI_ArrowArrayStream = &raw mut *stream;
        let scan = Self {
            catalog: format!("wigeon_scan_{}", instance.next_id()),
            schema,
            failure,
            instance: Arc::clone(instance),
            stream: Some(stream),
        };
        scan.register(address).map_err(LoadError::Database)?;
        Ok(scan)
    }

    fn register(&self, stream: *mut FFI_ArrowArrayStream) -> Result<(), DatabaseError> {
        let connection = RawConnection::open(&self.instance)?;
        let catalog = sql::name(&self.catalog);
        connection.execute(&format!("ATTACH ':memory:' AS {catalog}"))?;
        connection.execute(&format!("USE {catalog}"))?;
        // SAFETY: the stream is a valid Arrow C stream at a stable address. The view that
        // points to it lives in a catalog of its own, which is detached before the stream
        // is dropped, and no statement runs with it then: only `read` gives out its name.
        // Listing the catalog does not touch the stream, since a new view is bound already.
        // `FFI_ArrowArrayStream` is Arrow's `ArrowArrayStream`, which DuckDB expects.
        let state =
            unsafe { ffi::duckdb_arrow_scan(connection.raw, c"rows".as_ptr(), stream.cast()) };
        if state == ffi::DuckDBSuccess {
            Ok(())
        } else {
            Err(DatabaseError::new("could not scan the Arrow stream"))
        }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Runs the statement that `statement` makes of the scan's `SELECT *`-able name.
    ///
    /// The statement must read the scan as `SELECT *`, with further constant
    /// expressions at most; see the module.
    pub(crate) fn read<T>(
        self,
        statement: impl FnOnce(&str) -> Result<T, DatabaseError>,
    ) -> Result<T, LoadError> {
        let rows = format!("{}.main.rows", sql::name(&self.catalog));
        let done = statement(&rows);
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match (failure, done) {
            (Some(failure), _) => Err(LoadError::Reader(failure)),
            (None, Ok(done)) => Ok(done),
            (None, Err(_)) if self.instance.interrupted() => Err(LoadError::Interrupted),
            (None, Err(error)) => Err(LoadError::Database(error)),
        }
    }
}

impl Drop for ArrowScan {
    fn drop(&mut self) {
        let detached = RawConnection::open(&self.instance).and_then(|connection| {
            connection.execute(&format!(
                "DETACH DATABASE IF EXISTS {}",
                sql::name(&self.catalog)
            ))
        });
        if detached.is_err() {
            // The view may still be there: better a leak than a view over freed memory.
            mem::forget(self.stream.take());
        }
    }
}

/// A connection of the C interface, as `duckdb_arrow_scan` wants it.
struct RawConnection<'a> {
    raw: ffi::duckdb_connection,
    _instance: &'a Instance,
}

impl<'a> RawConnection<'a> {
    fn open(instance: &'a Instance) -> Result<Self, DatabaseError> {
        let mut raw: ffi::duckdb_connection = ptr::null_mut();
        // SAFETY: the database is open as long as `instance` lives.
        if unsafe { ffi::duckdb_connect(instance.database, &raw mut raw) } != ffi::DuckDBSuccess {
            return Err(DatabaseError::new("could not connect"));
        }
        Ok(Self {
            raw,
            _instance: instance,
        })
    }

    fn execute(&self, statement: &str) -> Result<(), DatabaseError> {
        let statement = c_string(statement)?;
        run(|result| {
            // SAFETY: the connection is live, the statement ends in a null byte, and the result is
            // a place for one.
            unsafe { ffi::duckdb_query(self.raw, statement.as_ptr(), result) }
        })
    }
}

/// Runs what fills in a result, and drops the result.
fn run(
    execute: impl FnOnce(*mut ffi::duckdb_result) -> ffi::duckdb_state,
) -> Result<(), DatabaseError> {
    // SAFETY: a zeroed `duckdb_result` is what DuckDB expects to fill in.
    let mut result: ffi::duckdb_result = unsafe { mem::zeroed() };
    let outcome = if execute(&raw mut result) == ffi::DuckDBSuccess {
        Ok(())
    } else {
        // SAFETY: the result was filled in by DuckDB and owns its message.
        let message = unsafe { ffi::duckdb_result_error(&raw mut result) };
        Err(error_of(message))
    };
    // SAFETY: the result was filled in by DuckDB and is not used after this.
    unsafe { ffi::duckdb_destroy_result(&raw mut result) };
    outcome
}

/// Returns the error with a message that DuckDB keeps, if there is one.
fn error_of(message: *const std::ffi::c_char) -> DatabaseError {
    if message.is_null() {
        return DatabaseError::new("a statement failed");
    }
    // SAFETY: DuckDB's messages end in a null byte, and whoever calls this has their owner.
    let message = unsafe { CStr::from_ptr(message) };
    DatabaseError::new(message.to_string_lossy())
}

impl Drop for RawConnection<'_> {
    fn drop(&mut self) {
        // SAFETY: opened in `open` and not used after this.
        unsafe { ffi::duckdb_disconnect(&raw mut self.raw) };
    }
}

/// The statements of a text.
struct Statements<'a> {
    raw: ffi::duckdb_extracted_statements,
    count: ffi::idx_t,
    connection: &'a RawConnection<'a>,
}

impl<'a> Statements<'a> {
    /// Parses a text; one without a statement is an error.
    fn extract(connection: &'a RawConnection<'a>, text: &str) -> Result<Self, DatabaseError> {
        let text = c_string(text)?;
        let mut raw: ffi::duckdb_extracted_statements = ptr::null_mut();
        // SAFETY: the connection is live, the text ends in a null byte, and `raw` is a place for
        // the handle, which the drop destroys on every path.
        let count =
            unsafe { ffi::duckdb_extract_statements(connection.raw, text.as_ptr(), &raw mut raw) };
        let statements = Self {
            raw,
            count,
            connection,
        };
        if count > 0 {
            return Ok(statements);
        }
        // SAFETY: the handle is live, or null, which DuckDB takes as well.
        let message = unsafe { ffi::duckdb_extract_statements_error(statements.raw) };
        if message.is_null() {
            return Err(DatabaseError::new("there is no statement in it"));
        }
        Err(error_of(message))
    }

    fn prepare(&self, index: ffi::idx_t) -> Result<Prepared, DatabaseError> {
        let mut raw: ffi::duckdb_prepared_statement = ptr::null_mut();
        // SAFETY: both handles are live, and `raw` is a place for another, which the drop of
        // `Prepared` destroys on every path.
        let state = unsafe {
            ffi::duckdb_prepare_extracted_statement(
                self.connection.raw,
                self.raw,
                index,
                &raw mut raw,
            )
        };
        let prepared = Prepared { raw };
        if state == ffi::DuckDBSuccess {
            return Ok(prepared);
        }
        // SAFETY: the handle is live, or null, which DuckDB takes as well.
        let message = unsafe { ffi::duckdb_prepare_error(prepared.raw) };
        Err(error_of(message))
    }
}

impl Drop for Statements<'_> {
    fn drop(&mut self) {
        // SAFETY: made in `extract` and not used after this; DuckDB takes null as well.
        unsafe { ffi::duckdb_destroy_extracted(&raw mut self.raw) };
    }
}

/// A statement that could be run.
struct Prepared {
    raw: ffi::duckdb_prepared_statement,
}

impl Prepared {
    fn statement_type(&self) -> ffi::duckdb_statement_type {
        // SAFETY: the statement was prepared.
        unsafe { ffi::duckdb_prepared_statement_type(self.raw) }
    }

    fn execute(&self) -> Result<(), DatabaseError> {
        run(|result| {
            // SAFETY: the statement was prepared, and the result is a place for one.
            unsafe { ffi::duckdb_execute_prepared(self.raw, result) }
        })
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // SAFETY: made in `Statements::prepare` and not used after this; DuckDB takes null as well.
        unsafe { ffi::duckdb_destroy_prepare(&raw mut self.raw) };
    }
}

/// Returns what kind of statement it is, in words.
fn statement_name(statement: ffi::duckdb_statement_type) -> &'static str {
    match statement {
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_INSERT => "`INSERT`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_UPDATE => "`UPDATE`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_EXPLAIN => "`EXPLAIN`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DELETE => "`DELETE`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_PREPARE => "`PREPARE`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CREATE => "`CREATE`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_EXECUTE => "`EXECUTE`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_ALTER => "`ALTER`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_TRANSACTION => "a transaction",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_COPY
        | ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_COPY_DATABASE => "`COPY`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DROP => "`DROP`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_EXPORT => "`EXPORT`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_PRAGMA => "`PRAGMA`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_VACUUM => "`VACUUM`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CALL => "`CALL` or `CHECKPOINT`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SET => "`SET`, `RESET` or `USE`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_LOAD => "`INSTALL` or `LOAD`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_ATTACH => "`ATTACH`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DETACH => "`DETACH`",
        ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_MERGE_INTO => "`MERGE`",
        _ => "the statement",
    }
}
