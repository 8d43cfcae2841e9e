//! The Wasm side of the SDK: from the generated bindings to the traits.
//!
//! Nothing here is for plugin authors; [`crate::export!`] names it.

pub mod bindings;
mod change_detection;
mod imports;
mod incremental;
mod snapshot;
mod transform;

pub use change_detection::Detects;
pub use incremental::Loads;
pub use snapshot::Snapshots;
pub use transform::Transforms;

pub(crate) use imports::{Imports, read};

use arrow_schema::Schema;
use serde::de::DeserializeOwned;
use wigeon_columnar::FlatField;

use crate::{Error, Plugin};
use bindings::{about::Description, columnar::Field, failure};

pub(crate) fn schema_of(fields: Vec<Field>) -> Schema {
    let flat: Vec<FlatField> = fields
        .into_iter()
        .map(|field| FlatField {
            name: field.name,
            format: field.format,
            nullable: field.nullable,
            children: field.children,
        })
        .collect();
    wigeon_columnar::unflatten(&flat).expect("the host gives schemas that cross")
}

pub(crate) fn fields_of(schema: &Schema) -> Vec<Field> {
    wigeon_columnar::flatten(schema)
        .unwrap_or_else(|error| panic!("the plugin's schema does not cross: {error}"))
        .into_iter()
        .map(|field| Field {
            name: field.name,
            format: field.format,
            nullable: field.nullable,
            children: field.children,
        })
        .collect()
}

pub(crate) fn options_of<O: DeserializeOwned>(text: &str) -> Result<O, failure::Error> {
    serde_json::from_str(text).map_err(|error| {
        // The position in the JSON text means nothing to somebody who wrote TOML.
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or(&text);
        failure::Error::Options(text.to_owned())
    })
}

pub(crate) fn indexes(columns: Vec<u32>) -> Vec<usize> {
    columns.into_iter().map(|column| column as usize).collect()
}

impl From<Error> for failure::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Options(text) => Self::Options(text),
            Error::Schema(text) => Self::Schema(text),
            Error::Data(text) => Self::Data(text),
            Error::Other(text) => Self::Other(text),
        }
    }
}

pub(crate) fn describe<P: Plugin>() -> Description {
    Description {
        name: P::NAME.to_owned(),
        version: P::VERSION.to_owned(),
        summary: P::SUMMARY.to_owned(),
        options_schema: schemars::schema_for!(P::Options).as_value().to_string(),
    }
}
