//! Handles of the C interface that free what they stand for.

use std::{
    ffi::{CStr, CString},
    mem, ptr,
};

use duckdb::ffi;

use super::instance::Instance;
use crate::error::DatabaseError;

/// A connection of the C interface, as `duckdb_arrow_scan` wants it.
pub(super) struct RawConnection<'a> {
    pub(super) raw: ffi::duckdb_connection,
    _instance: &'a Instance,
}

impl<'a> RawConnection<'a> {
    pub(super) fn open(instance: &'a Instance) -> Result<Self, DatabaseError> {
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

    pub(super) fn execute(&self, statement: &str) -> Result<(), DatabaseError> {
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
pub(super) struct Statements<'a> {
    raw: ffi::duckdb_extracted_statements,
    pub(super) count: ffi::idx_t,
    connection: &'a RawConnection<'a>,
}

impl<'a> Statements<'a> {
    /// Parses a text; one without a statement is an error.
    pub(super) fn extract(
        connection: &'a RawConnection<'a>,
        text: &str,
    ) -> Result<Self, DatabaseError> {
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

    pub(super) fn prepare(&self, index: ffi::idx_t) -> Result<Prepared, DatabaseError> {
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
pub(super) struct Prepared {
    raw: ffi::duckdb_prepared_statement,
}

impl Prepared {
    pub(super) fn statement_type(&self) -> ffi::duckdb_statement_type {
        // SAFETY: the statement was prepared.
        unsafe { ffi::duckdb_prepared_statement_type(self.raw) }
    }

    pub(super) fn execute(&self) -> Result<(), DatabaseError> {
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
pub(super) fn statement_name(statement: ffi::duckdb_statement_type) -> &'static str {
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

pub(super) fn c_string(text: &str) -> Result<CString, DatabaseError> {
    CString::new(text).map_err(|_| DatabaseError::new(format!("`{text}` contains a null byte")))
}
