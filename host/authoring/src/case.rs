//! Cases: a directory each, with inputs and what is expected.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use fs_err as fs;
use serde::Deserialize;
use toml::Spanned;
use wigeon_manifest::ColumnType;
use wigeon_runtime::Kind;

use crate::{
    AuthoringError, Project,
    input::Input,
    parquet::read_parquet,
    rows::{field, instant, no_rows, read_csv},
};

/// The file that makes a directory a case.
const CASE_FILE: &str = "case.toml";

/// One case of a plugin's tests.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The name of its directory.
    pub(crate) name: String,
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// The options, as JSON.
    pub(crate) options: String,
    /// What the plugin is handed.
    pub(crate) input: Input,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseTable {
    key: Option<Vec<String>>,
    lookup_key: Option<Vec<String>>,
    #[serde(default)]
    options: toml::Table,
    #[serde(default)]
    columns: BTreeMap<String, BTreeMap<String, Spanned<String>>>,
}

/// The names of a kind's two inputs: what is kept first, and what is worked on.
pub(crate) fn input_names(kind: Kind) -> (Option<&'static str>, &'static str) {
    match kind {
        Kind::Transform => (None, "rows"),
        Kind::Snapshot => (Some("versions"), "extract"),
        Kind::Incremental => (Some("lookup"), "rows"),
        Kind::ChangeDetection => (Some("before"), "now"),
    }
}

/// Says whether an input has versions, which end with `valid_from`.
fn has_versions(input: &str) -> bool {
    !matches!(input, "rows" | "extract")
}

impl Case {
    /// Returns the cases of a project, in the order of their names.
    pub(crate) fn all(project: &Project) -> Result<Vec<Self>, AuthoringError> {
        let path = project.cases();
        let none = || AuthoringError::NoCase { path: path.clone() };
        if !path.is_dir() {
            return Err(none());
        }
        let read = |source| AuthoringError::Read {
            path: path.clone(),
            source,
        };
        let mut directories = vec![];
        for entry in fs::read_dir(&path).map_err(read)? {
            let directory = entry.map_err(read)?.path();
            if directory.join(CASE_FILE).is_file() {
                directories.push(directory);
            }
        }
        directories.sort();
        if directories.is_empty() {
            return Err(none());
        }
        let cases = directories.iter();
        cases
            .map(|directory| Self::read(directory, project.kind))
            .collect()
    }

    /// Reads the case in `directory`, of a plugin of this kind.
    pub(crate) fn read(directory: &Path, kind: Kind) -> Result<Self, AuthoringError> {
        let path = directory.join(CASE_FILE);
        let text = fs::read_to_string(&path).map_err(|source| AuthoringError::Read {
            path: path.clone(),
            source,
        })?;
        let invalid = |reason: String| AuthoringError::Invalid {
            path: path.clone(),
            reason,
        };
        let table: CaseTable = toml::from_str(&text).map_err(|e| invalid(e.to_string()))?;
        let (first, second) = input_names(kind);
        if let Some(other) =
            (table.columns.keys()).find(|n| Some(n.as_str()) != first && *n != second)
        {
            let names: Vec<_> = first.into_iter().chain([second]).collect();
            return Err(invalid(format!(
                "`[columns.{other}]` is for no input of this kind, which has `{}`",
                names.join("` and `")
            )));
        }
        let second_rows = read_input(directory, second, &table, None).map_err(|e| e.at(&path))?;
        let second_rows = second_rows.ok_or_else(|| {
            invalid(format!(
                "there is no `{second}.csv` or `{second}.parquet`, and no `[columns.{second}]`"
            ))
        })?;
        let first_rows = match first {
            None => None,
            Some(name) => {
                let fallback = versions_of(&second_rows, kind);
                let rows =
                    read_input(directory, name, &table, fallback).map_err(|e| e.at(&path))?;
                Some(rows.ok_or_else(|| {
                    invalid(format!(
                        "there is no `{name}.csv` or `{name}.parquet`, and no `[columns.{name}]`"
                    ))
                })?)
            }
        };
        let input = keyed(kind, &table, first_rows, second_rows).map_err(invalid)?;
        let name = directory.file_name().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            directory: directory.to_owned(),
            options: json(&toml::Value::Table(table.options)).to_string(),
            input,
        })
    }

    /// Returns the file with the expected output.
    pub(crate) fn expected_path(&self) -> PathBuf {
        self.directory.join("expected.txt")
    }
}

/// A mistake in a case: in a file that it names, or in `case.toml`.
enum Mistake {
    File(AuthoringError),
    Case(String),
}

impl Mistake {
    fn at(self, path: &Path) -> AuthoringError {
        match self {
            Self::File(error) => error,
            Self::Case(reason) => AuthoringError::Invalid {
                path: path.to_owned(),
                reason,
            },
        }
    }
}

/// Returns the rows of one input: none if there is neither a file nor columns for it.
fn read_input(
    directory: &Path,
    name: &str,
    table: &CaseTable,
    fallback: Option<SchemaRef>,
) -> Result<Option<RecordBatch>, Mistake> {
    let declared = match table.columns.get(name) {
        Some(columns) => Some(schema(name, columns)?),
        None => fallback,
    };
    let parquet = directory.join(name).with_extension("parquet");
    let path = directory.join(name).with_extension("csv");
    if parquet.is_file() {
        if path.is_file() || table.columns.contains_key(name) {
            return Err(Mistake::Case(format!(
                "`{name}.parquet` says itself what its columns are: remove `[columns.{name}]` and `{name}.csv`"
            )));
        }
        let rows = read_parquet(&parquet, has_versions(name));
        return rows.map(Some).map_err(Mistake::File);
    }
    if !path.is_file() {
        return Ok(declared.map(|schema| no_rows(&schema)));
    }
    let schema = declared.ok_or_else(|| Mistake::Case(format!("`[columns.{name}]` is missing")))?;
    read_csv(&path, &schema).map(Some).map_err(Mistake::File)
}

fn schema(name: &str, columns: &BTreeMap<String, Spanned<String>>) -> Result<SchemaRef, Mistake> {
    let mut columns: Vec<_> = columns.iter().collect();
    // In the order of the file, which a map does not keep.
    columns.sort_by_key(|(_, data_type)| data_type.span().start);
    let versions = has_versions(name);
    let fields = columns.iter().map(|(column, data_type)| {
        let parsed: Result<ColumnType, _> = data_type.get_ref().parse();
        let parsed = parsed.map_err(|_| {
            let known: Vec<_> = ColumnType::names().collect();
            Mistake::Case(format!(
                "`{column}` under `[columns.{name}]` is `{}`; the types are {}",
                data_type.get_ref(),
                known.join(", ")
            ))
        });
        Ok(field(column, parsed?, versions))
    });
    let fields = fields.collect::<Result<Vec<Field>, Mistake>>()?;
    let ends_well = fields
        .last()
        .is_some_and(|field| field.name() == "valid_from" && *field.data_type() == instant());
    if versions && !ends_well {
        return Err(Mistake::Case(format!(
            "`[columns.{name}]` must end with `valid_from = \"timestamp\"`"
        )));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Returns the schema of a first input that the second tells.
fn versions_of(second: &RecordBatch, kind: Kind) -> Option<SchemaRef> {
    match kind {
        Kind::Snapshot => {
            let mut fields = second.schema().fields().to_vec();
            fields.push(Arc::new(field("valid_from", ColumnType::Timestamp, true)));
            Some(Arc::new(Schema::new(fields)))
        }
        Kind::ChangeDetection => Some(second.schema()),
        Kind::Transform | Kind::Incremental => None,
    }
}

fn keyed(
    kind: Kind,
    table: &CaseTable,
    first: Option<RecordBatch>,
    second: RecordBatch,
) -> Result<Input, String> {
    if let Some(first) = &first
        && let Some(expected) = versions_of(&second, kind)
        && first.schema().fields() != expected.fields()
    {
        let (first, second) = input_names(kind);
        return Err(format!(
            "the columns of `{}` must be those of `{second}`, then `valid_from`",
            first.unwrap_or_default()
        ));
    }
    let key = table.key.as_deref();
    let lookup_key = table.lookup_key.as_deref();
    if kind != Kind::Incremental && lookup_key.is_some() {
        return Err("`lookup_key` is for incremental plugins only".to_owned());
    }
    match (kind, key) {
        (Kind::Transform, None) => Ok(Input::unkeyed(second)),
        (Kind::Transform, Some(_)) => Err("a transform has no `key`".to_owned()),
        (_, None) => Err("`key` is missing: the columns that identify a row".to_owned()),
        (_, Some([])) => Err("`key` names no column".to_owned()),
        (_, Some(key)) => {
            let second_key = columns(&second, key)?;
            let first = first.unwrap_or_else(|| no_rows(&second.schema()));
            let first_key = columns(&first, lookup_key.unwrap_or(key))?;
            if first_key.len() != second_key.len() {
                return Err("`lookup_key` must have as many columns as `key`".to_owned());
            }
            without_nulls(&first, &first_key)?;
            without_nulls(&second, &second_key)?;
            Ok(Input {
                first: Some(first),
                first_key,
                second,
                second_key,
            })
        }
    }
}

fn columns(batch: &RecordBatch, names: &[String]) -> Result<Vec<usize>, String> {
    let schema: SchemaRef = batch.schema();
    names
        .iter()
        .map(|name| {
            let column = schema.index_of(name);
            column.map_err(|_| format!("the key names `{name}`, which is no column"))
        })
        .collect()
}

fn without_nulls(batch: &RecordBatch, key: &[usize]) -> Result<(), String> {
    let null = key
        .iter()
        .find(|&&column| batch.column(column).null_count() > 0);
    match null {
        Some(&column) => {
            let name = batch.schema().field(column).name().clone();
            Err(format!("`{name}` makes the key and must not be null"))
        }
        None => Ok(()),
    }
}

/// Converts options to the JSON that plugins get, dates and times as their text.
fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(boolean) => (*boolean).into(),
        toml::Value::Datetime(datetime) => datetime.to_string().into(),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| (key.clone(), json(value)));
            serde_json::Value::Object(entries.collect())
        }
    }
}
