//! `wigeon sql`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use clap::{ArgGroup, Args, ValueEnum};
use wigeon_engine::{EngineError, QueryRows};

use crate::{
    cells::{JsonRows, TextRows, showable, side},
    command_error::CommandError,
    context::Context,
    exit,
    printer::Printer,
    table::{render, table},
    words::escaped,
};

/// Query the warehouse, without changing it
///
/// A query reads the warehouse and no other file, and writes none: `--format` is for exports. The tables are named after the
/// steps. A snapshot step has its open versions under its own name and all versions in
/// `<step>_history`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("question").required(true).args(["query", "file"])))]
pub(crate) struct SqlArguments {
    // A query may begin with a comment.
    /// The query, or `-` to read it from stdin
    #[arg(allow_hyphen_values = true)]
    query: Option<String>,

    /// Read the query from this file, or from stdin if it is `-`
    #[arg(long, short, value_name = "PATH")]
    file: Option<PathBuf>,

    /// How to print the rows on stdout
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    format: RowFormat,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RowFormat {
    /// A table for people; all rows are held in memory
    Table,
    /// Comma-separated values with a header; null is nothing, an empty text is ""
    Csv,
    /// An array of objects, one per line
    Json,
}

impl SqlArguments {
    /// Returns whether the answer, and so an error too, is wanted as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.format == RowFormat::Json
    }

    fn text(&self) -> Result<String, CommandError> {
        let stdin = Path::new("-");
        match (&self.query, &self.file) {
            (Some(query), _) if query != "-" => Ok(query.clone()),
            (None, Some(file)) if file != stdin => fs_err::read_to_string(file).map_err(|error| {
                CommandError::usage(error).with_hint("name a file of UTF-8 text that you may read")
            }),
            _ => io::read_to_string(io::stdin())
                .map_err(|error| CommandError::usage(StdinError(error))),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("could not read the query from stdin")]
struct StdinError(#[source] io::Error);

#[derive(Debug, thiserror::Error)]
#[error("a value of the result cannot be shown")]
struct ShowError(#[source] ArrowError);

impl From<ShowError> for CommandError {
    fn from(error: ShowError) -> Self {
        Self::usage(error).with_hint("cast the column to text in the query")
    }
}

/// Queries the warehouse.
pub(crate) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &SqlArguments,
) -> Result<ExitCode, CommandError> {
    let query = arguments.text()?;
    let project = context.open()?;
    let rows = project.query(&query).map_err(CommandError::of_query)?;
    match arguments.format {
        RowFormat::Table => print_table(printer, rows)?,
        RowFormat::Csv => print_csv(printer, rows)?,
        RowFormat::Json => print_json(printer, rows)?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn batch(batch: Result<RecordBatch, EngineError>) -> Result<RecordBatch, CommandError> {
    Ok(showable(batch.map_err(CommandError::of_query)?).map_err(ShowError)?)
}

fn print_table(printer: &Printer, rows: QueryRows) -> Result<(), CommandError> {
    let schema = rows.schema();
    let columns = schema.fields().iter();
    let mut result = table(columns.map(|field| (escaped(field.name()), side(field.data_type()))));
    for next in rows {
        let batch = batch(next)?;
        let rows = TextRows::try_new(&batch).map_err(ShowError)?;
        for row in 0..rows.len() {
            let cells = rows.row(row).map_err(ShowError)?;
            result.add_row(
                cells
                    .into_iter()
                    .map(|cell| cell.map_or_else(|| "null".to_owned(), |text| escaped(&text))),
            );
        }
    }
    printer.data(&render(&result))
}

fn print_csv(printer: &Printer, rows: QueryRows) -> Result<(), CommandError> {
    let header = csv_header(&rows.schema());
    // Nothing is printed before the query is known to go well.
    let mut rows = rows.peekable();
    if let Some(Err(_)) = rows.peek() {
        rows.next().transpose().map_err(CommandError::of_query)?;
    }
    let mut stdout = printer.stdout();
    stdout.write_all(header.as_bytes())?;
    for next in rows {
        let batch = batch(next)?;
        let rows = TextRows::try_new(&batch).map_err(ShowError)?;
        for row in 0..rows.len() {
            let cells = rows.row(row).map_err(ShowError)?;
            stdout.write_all(csv_line(cells.iter().map(Option::as_deref)).as_bytes())?;
        }
    }
    stdout.flush()?;
    Ok(())
}

fn csv_header(schema: &Schema) -> String {
    csv_line(
        schema
            .fields()
            .iter()
            .map(|field| Some(field.name().as_str())),
    )
}

/// Returns a line of CSV as RFC 4180 has it, but for the line end.
///
/// Null is nothing and an empty text is `""`, as DuckDB and PostgreSQL write and read them; the
/// `csv` crate does not tell the two apart.
fn csv_line<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut line = String::new();
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            line.push(',');
        }
        match cell {
            None => {}
            Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
                line.push('"');
                line.push_str(&text.replace('"', "\"\""));
                line.push('"');
            }
            Some(text) => line.push_str(text),
        }
    }
    line.push('\n');
    line
}

fn print_json(printer: &Printer, rows: QueryRows) -> Result<(), CommandError> {
    let mut rows = rows.peekable();
    if let Some(Err(_)) = rows.peek() {
        rows.next().transpose().map_err(CommandError::of_query)?;
    }
    let mut stdout = printer.stdout();
    stdout.write_all(b"[")?;
    let mut separator: &[u8] = b"\n";
    for next in rows {
        let batch = batch(next)?;
        let rows = JsonRows::try_new(&batch).map_err(ShowError)?;
        for row in 0..rows.len() {
            stdout.write_all(separator)?;
            rows.write(row, &mut stdout)?;
            separator = b",\n";
        }
    }
    stdout.write_all(b"\n]\n")?;
    stdout.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_tells_null_from_an_empty_text_and_quotes_what_it_must() {
        let cells = [None, Some(""), Some("a"), Some("say \"a, b\"\n")];
        assert_eq!(
            csv_line(cells.into_iter()),
            ",\"\",a,\"say \"\"a, b\"\"\n\"\n"
        );
    }
}
