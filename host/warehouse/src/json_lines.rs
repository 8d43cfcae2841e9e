//! Reading files of newline-delimited JSON.
//!
//! A thread splits the files into lines and takes these apart (`json_members.rs`); DuckDB casts the
//! texts, some thousand lines at a time and in their order, in a temporary table. A line that is
//! malformed, or has a value that would not be the same after its cast, is kept aside with its
//! place. So a file has the same malformed lines however it is read, and the first one is the
//! first. It is slower than DuckDB's own reader, which changes values before they can be looked at.

use std::{io, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array,
    builder::StringBuilder,
    cast::AsArray,
    types::{Int32Type, UInt64Type},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;

use crate::{
    c_interface::{ArrowScan, Connection},
    csv_record::{self, Records, Window, Windows},
    error::{DatabaseError, LoadError, ReadError},
    files::FileIdentity,
    json_members::{Flaw, Members},
    malformed,
    reader::batch_reader,
    source::RejectedRow,
    sql,
    stream::Emit,
    types::sql_type,
};

/// Bytes whose lines are cast at once: their statements take about 3 ms, however few they are.
const WINDOW: usize = 1 << 21;

/// Files of lines to be read.
#[derive(Debug)]
pub(crate) struct JsonLines {
    files: Vec<FileIdentity>,
    members: Members,
    schema: SchemaRef,
    max_rejected: u64,
}

/// Lines that cannot be read, by their place among those that were given, and why.
type BadLines = Vec<(u64, Flaw)>;

/// A line that is left out, and why.
struct Flawed {
    line: u64,
    flaw: Flaw,
    raw: String,
}

/// What came of some lines.
struct Outcome {
    batches: Vec<RecordBatch>,
    flawed: Vec<Flawed>,
}

impl JsonLines {
    /// Reads the columns of a schema, and leaves out no more than `max_rejected` lines.
    pub(crate) fn new(files: Vec<FileIdentity>, schema: SchemaRef, max_rejected: u64) -> Self {
        let columns: Vec<Field> = schema
            .fields()
            .iter()
            .map(|field| field.as_ref().clone())
            .collect();
        Self {
            files,
            members: Members::new(&columns),
            schema,
            max_rejected,
        }
    }

    /// Reads all lines, and returns those that were left out.
    pub(crate) fn read(
        &self,
        connection: &Connection,
        emit: &mut Emit<'_>,
    ) -> Result<Vec<RejectedRow>, ReadError> {
        let read = self.read_all(connection, emit);
        if matches!(read, Err(ReadError::Interrupted)) {
            return read;
        }
        // What is wrong with a file that is not the one that was listed is of no interest.
        for file in &self.files {
            file.check_unchanged()?;
        }
        read
    }

    fn read_all(
        &self,
        connection: &Connection,
        emit: &mut Emit<'_>,
    ) -> Result<Vec<RejectedRow>, ReadError> {
        let casts = Casts::new(connection, &self.schema);
        let mut rejected = Vec::new();
        for file in &self.files {
            let mut windows = Windows::new(file.open()?, Records::Lines);
            while let Some(window) = windows
                .next_after(WINDOW)
                .map_err(|error| file.read_error(error))?
            {
                let outcome = self.window(&casts, &window)?;
                if let Some(first) = outcome.flawed.first()
                    && first.flaw.is_lossy
                    && self.max_rejected == 0
                {
                    return Err(self.lossy(file, first));
                }
                rejected.extend(outcome.flawed.iter().map(|f| self.rejected(file, f)));
                malformed::check_count(&rejected, self.max_rejected)?;
                for batch in outcome.batches {
                    if !emit(batch)? {
                        return Ok(Vec::new());
                    }
                }
            }
        }
        rejected.sort_by(|left, right| (&left.path, left.line).cmp(&(&right.path, right.line)));
        Ok(rejected)
    }

    /// Reads some lines of a file.
    fn window(&self, casts: &Casts<'_>, window: &Window) -> Result<Outcome, ReadError> {
        let records = window.records(Records::Lines);
        let mut texts: Vec<_> = self
            .schema
            .fields()
            .iter()
            .map(|_| StringBuilder::new())
            .collect();
        let mut lines = Vec::with_capacity(records.len());
        let mut flaws = Vec::new();
        for record in &records {
            let bytes = &window.bytes[record.range.clone()];
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match self.members.texts(bytes) {
                Ok(values) => {
                    lines.push(record.line);
                    for (text, value) in texts.iter_mut().zip(values) {
                        text.append_option(value);
                    }
                }
                Err(flaw) => flaws.push((record.line, flaw)),
            }
        }
        let mut batches = Vec::new();
        if !lines.is_empty() {
            let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from(lines))];
            columns.extend(texts.iter_mut().map(|t| Arc::new(t.finish()) as ArrayRef));
            let (good, wrong) = casts.cast(columns)?;
            batches = good;
            flaws.extend(wrong);
            flaws.sort_by_key(|(line, _)| *line);
        }
        let raw = |line: u64| {
            // Every line is a record.
            let index = usize::try_from(line - window.first_line).unwrap_or(usize::MAX);
            let record = records.get(index);
            record.map_or_else(String::new, |record| {
                csv_record::raw(&window.bytes[record.range.clone()])
            })
        };
        let flawed = flaws.into_iter().map(|(line, flaw)| Flawed {
            line,
            flaw,
            raw: raw(line),
        });
        Ok(Outcome {
            batches,
            flawed: flawed.collect(),
        })
    }

    fn rejected(&self, file: &FileIdentity, flawed: &Flawed) -> RejectedRow {
        RejectedRow {
            path: file.path.clone(),
            line: flawed.line,
            column: flawed
                .flaw
                .column
                .map(|column| self.schema.field(column).name().clone()),
            reason: flawed.flaw.reason.to_owned(),
            raw: flawed.raw.clone(),
        }
    }

    fn lossy(&self, file: &FileIdentity, flawed: &Flawed) -> ReadError {
        let column = flawed.flaw.column.unwrap_or_default();
        ReadError::Lossy {
            path: file.path.clone(),
            line: flawed.line,
            column: self.schema.field(column).name().clone(),
            reason: flawed.flaw.reason,
            raw: flawed.raw.clone(),
        }
    }
}

/// Puts columns of a file into a temporary table, whose name is returned, with the line of each row
/// as `wigeon_row`. Lines that cannot be read are left out.
pub(crate) fn numbered(
    connection: &Connection,
    file: &FileIdentity,
    columns: &[Field],
) -> Result<String, ReadError> {
    let schema = Arc::new(Schema::new(columns.to_vec()));
    let lines = JsonLines::new(Vec::new(), Arc::clone(&schema), u64::MAX);
    let casts = Casts::new(connection, &schema);
    let table = format!(
        "temp.main.wigeon_numbered_{}",
        connection.instance().next_id()
    );
    let column = |field: &Field| {
        let data_type = sql_type(field.data_type()).unwrap_or_default();
        format!("{} {data_type}", sql::name(field.name()))
    };
    let mut definitions: Vec<_> = columns.iter().map(column).collect();
    definitions.push("wigeon_row UBIGINT".to_owned());
    let definitions = definitions.join(", ");
    let run = |statement: &str| casts.try_to(|| Ok(connection.execute_batch(statement)?));
    run(&format!("CREATE TEMPORARY TABLE {table} ({definitions})"))?;
    let mut windows = Windows::new(file.open()?, Records::Lines);
    while let Some(window) = windows
        .next_after(WINDOW)
        .map_err(|error| file.read_error(error))?
    {
        // Without a batch there was nothing to be cast, and the texts are older ones.
        if !lines.window(&casts, &window)?.batches.is_empty() {
            run(&format!("INSERT INTO {table} {}", casts.good))?;
        }
    }
    Ok(table)
}

/// Casts of texts to the types of columns.
struct Casts<'a> {
    connection: &'a Connection,
    schema: SchemaRef,
    /// The line, and a text for each column.
    texts: SchemaRef,
    table: String,
    /// Queries the values of each column, the line, and which column cannot be cast, if one cannot.
    query: String,
    /// Queries the values and the line where all columns can be cast.
    good: String,
}

impl<'a> Casts<'a> {
    fn new(connection: &'a Connection, schema: &SchemaRef) -> Self {
        let table = format!("temp.main.wigeon_lines_{}", connection.instance().next_id());
        let mut texts = vec![Field::new("line", DataType::UInt64, false)];
        let mut casts = vec!["*".to_owned()];
        let (mut values, mut wrong) = (Vec::new(), Vec::new());
        for (column, field) in schema.fields().iter().enumerate() {
            texts.push(Field::new(format!("t{column}"), DataType::Utf8, true));
            values.push(format!("v{column}"));
            let data_type = sql_type(field.data_type()).unwrap_or_default();
            let cast = match data_type.as_str() {
                "VARCHAR" => format!("t{column}"),
                // A cast would look for escapes of its own in it.
                "BLOB" => format!("encode(t{column})"),
                _ => {
                    let is_wrong = format!("t{column} IS NOT NULL AND v{column} IS NULL");
                    wrong.push(format!("WHEN {is_wrong} THEN {column}"));
                    format!("TRY_CAST(t{column} AS {data_type})")
                }
            };
            casts.push(format!("{cast} AS v{column}"));
        }
        values.push("line".to_owned());
        let wrong = if wrong.is_empty() {
            "NULL".to_owned()
        } else {
            format!("CASE {} END", wrong.join(" "))
        };
        let (values, casts) = (values.join(", "), casts.join(", "));
        let rows = format!("FROM (SELECT {casts} FROM {table})");
        Self {
            connection,
            schema: Arc::clone(schema),
            texts: Arc::new(Schema::new(texts)),
            table,
            query: format!("SELECT {values}, CAST({wrong} AS INTEGER) {rows}"),
            good: format!("SELECT {values} {rows} WHERE {wrong} IS NULL"),
        }
    }

    /// Returns the rows of lines all of whose texts can be cast, and the other lines.
    fn cast(&self, texts: Vec<ArrayRef>) -> Result<(Vec<RecordBatch>, BadLines), ReadError> {
        let texts = RecordBatch::try_new(Arc::clone(&self.texts), texts);
        let texts = texts.map_err(ReadError::Schema)?;
        self.fill(texts).map_err(|error| self.error(error))?;
        let mut prepared = self.try_to(|| Ok(self.connection.prepare(&self.query)?))?;
        self.try_to(|| {
            let _schema = prepared.query_arrow([])?.get_schema();
            Ok(())
        })?;
        let (mut batches, mut wrong) = (Vec::new(), Vec::new());
        let width = self.schema.fields().len();
        while let Some(rows) = self.try_to(|| Ok(prepared.step()?))? {
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            let batch = RecordBatch::try_new_with_options(
                Arc::clone(&self.schema),
                rows.columns()[..width].to_vec(),
                &options,
            );
            let mut batch = batch.map_err(ReadError::Schema)?;
            let lines = rows.column(width).as_primitive::<UInt64Type>();
            let columns = rows.column(width + 1).as_primitive::<Int32Type>();
            if columns.null_count() < rows.len() {
                for (line, column) in lines.iter().zip(columns) {
                    if let (Some(line), Some(column)) = (line, column) {
                        let column = usize::try_from(column).unwrap_or_default();
                        wrong.push((line, Flaw::wrong_type(column)));
                    }
                }
                let good: BooleanArray = columns.iter().map(|c| Some(c.is_none())).collect();
                batch = filter_record_batch(&batch, &good).map_err(ReadError::Schema)?;
            }
            batches.push(batch);
        }
        Ok((batches, wrong))
    }

    /// Puts texts into the table, in place of those that were there.
    fn fill(&self, texts: RecordBatch) -> Result<(), LoadError> {
        let reader = batch_reader(texts.schema(), [Ok::<_, io::Error>(texts)]);
        let scan = ArrowScan::new(self.connection.instance(), reader)?;
        scan.read(|rows| {
            let statement = format!(
                "CREATE OR REPLACE TEMPORARY TABLE {} AS SELECT * FROM {rows}",
                self.table
            );
            Ok(self.connection.execute_batch(&statement)?)
        })
    }

    fn try_to<T>(&self, act: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, ReadError> {
        act().map_err(|error| self.error(LoadError::Database(error)))
    }

    fn error(&self, error: LoadError) -> ReadError {
        match error {
            _ if self.connection.instance().interrupted() => ReadError::Interrupted,
            LoadError::Database(error) => ReadError::Database(error),
            LoadError::Reader(error) => ReadError::Schema(error),
            other => ReadError::Database(DatabaseError::new(other.to_string())),
        }
    }
}
