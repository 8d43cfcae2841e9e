//! The JSON schema of the manifest, and what messages take from it.
//!
//! The schema is generated from [`crate::written`]. Messages about unknown keys and wrong types are
//! worded from it too, so that there is one list of keys and types.

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value;

use crate::written;

/// Returns the JSON schema of a manifest, for editors.
///
/// It says what a manifest may look like; what its names refer to is left to [`crate::check`].
pub fn json_schema() -> Value {
    generate(false)
}

fn generate(inline: bool) -> Value {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = inline)
        .with_transform(RecursiveTransform(remove_null))
        .into_generator()
        .into_root_schema_for::<written::Pipeline>()
        .into()
}

/// Takes back that an optional key may be null: TOML has no null, the key is left out.
fn remove_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(alternatives)) = schema.get_mut("anyOf") {
        alternatives.retain(|alternative| alternative["type"] != "null");
        if let [Value::Object(only)] = alternatives.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                // The description of the key says more than that of its type.
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
    }
}

/// What a manifest may hold at each place.
#[derive(Debug)]
pub(crate) struct Shape {
    schema: Value,
}

impl Shape {
    /// Generates the schema, which takes about a millisecond: only do it to word a message.
    pub(crate) fn new() -> Self {
        Self {
            schema: generate(true),
        }
    }

    /// Returns the keys that the table at `path` may have.
    pub(crate) fn keys(&self, path: &[String]) -> Vec<&str> {
        self.at(path)
            .and_then(|place| place["properties"].as_object())
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// Returns what the value at `path` must be, as a noun with its article.
    pub(crate) fn expected(&self, path: &[String]) -> &'static str {
        let Some(place) = self.at(path) else {
            return "something else";
        };
        match place["type"].as_str() {
            Some("string") => "a string",
            Some("integer") => "a whole number",
            Some("number") => "a number",
            Some("boolean") => "`true` or `false`",
            Some("array") if place["items"]["type"] == "string" => "an array of strings",
            Some("array") => "an array of tables",
            Some("object") if place["additionalProperties"]["type"] == "string" => {
                "a table of strings"
            }
            Some("object") => "a table",
            _ => "something else",
        }
    }

    /// Returns whether the value at `path` is an array.
    pub(crate) fn is_array(&self, path: &[String]) -> bool {
        self.at(path).is_some_and(|place| place["type"] == "array")
    }

    /// Returns how the value at `path` may be written, from its description.
    pub(crate) fn example(&self, path: &[String]) -> Option<&str> {
        let description = self.at(path)?["description"].as_str()?;
        let (_, example) = description.split_once("Example: ")?;
        Some(example)
    }

    /// Follows keys of tables, and any key into the items of an array.
    fn at(&self, path: &[String]) -> Option<&Value> {
        let mut place = &self.schema;
        for key in path {
            place = [
                &place["properties"][key.as_str()],
                &place["additionalProperties"],
                &place["items"],
            ]
            .into_iter()
            .find(|next| next.is_object())?;
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn every_key_has_an_example() {
        let shape = Shape::new();
        let tables: [&[&str]; 6] = [
            &[],
            &["warehouse"],
            &["source", "users"],
            &["step", "0"],
            &["step", "0", "guard"],
            &["step", "0", "limits"],
        ];
        for table in tables {
            assert!(!shape.keys(&path(table)).is_empty(), "{table:?}");
            for key in shape.keys(&path(table)) {
                let key = [table, &[key]].concat();
                assert!(shape.example(&path(&key)).is_some(), "{key:?}");
            }
        }
    }

    #[test]
    fn messages_find_their_place_in_the_schema() {
        let shape = Shape::new();
        assert_eq!(
            shape.keys(&path(&["step", "0", "limits"])),
            [
                "memory_mib",
                "call_timeout_secs",
                "output_rows",
                "output_mib",
                "log_lines",
                "lanes"
            ]
        );
        assert!(shape.keys(&[]).contains(&"time_zone"));
        for (keys, expected) in [
            (&["name"] as &[_], "a string"),
            (&["source"], "a table"),
            (&["source", "users", "columns"], "a table of strings"),
            (&["source", "users", "columns", "id"], "a string"),
            (&["step"], "an array of tables"),
            (&["step", "0", "key"], "an array of strings"),
            (&["step", "0", "key", "1"], "a string"),
            (&["step", "0", "store"], "`true` or `false`"),
            (&["step", "0", "guard"], "a table"),
            (&["step", "0", "guard", "min_rows"], "a whole number"),
            (&["step", "0", "guard", "max_closed_share"], "a number"),
            (&["step", "0", "options"], "a table"),
        ] {
            assert_eq!(shape.expected(&path(keys)), expected, "{keys:?}");
        }
    }
}
