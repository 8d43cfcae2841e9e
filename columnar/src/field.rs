//! Schemas as flat lists of fields.
//!
//! WIT has no recursive types, so a schema crosses as its fields in pre-order, each with the
//! number of its children, and each type as a format string of the Arrow C data interface
//! (<https://arrow.apache.org/docs/format/CDataInterface.html>).

mod error;

use std::collections::HashMap;

use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    validate_decimal_precision_and_scale,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, ffi::FFI_ArrowSchema, ffi::Flags};

use crate::layout::layout_of;

pub use error::FieldError;

/// The most fields, children included, that a schema may have.
const MAX_FIELDS: usize = 4_096;
/// How deep fields may nest; a column of a plain type has depth 1.
const MAX_DEPTH: usize = 16;
/// The longest name of a field, in bytes.
const MAX_NAME: usize = 256;
/// The longest format string, in bytes: the longest there are name a time zone.
const MAX_FORMAT: usize = 256;

/// One field of a flattened schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatField {
    /// The name.
    pub name: String,
    /// The type, as a format string of the Arrow C data interface.
    pub format: String,
    /// Whether it may hold nulls.
    pub nullable: bool,
    /// How many children follow.
    pub children: u32,
}

/// Returns the fields of `schema` in pre-order.
///
/// # Errors
///
/// - [`FieldError::Unsupported`] if a type does not cross: dictionaries, views, run-end encoding,
///   maps and unions.
pub fn flatten(schema: &Schema) -> Result<Vec<FlatField>, FieldError> {
    let mut flat = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        flatten_field(field, &mut flat)?;
    }
    Ok(flat)
}

fn flatten_field(field: &Field, flat: &mut Vec<FlatField>) -> Result<(), FieldError> {
    let unsupported = || FieldError::Unsupported {
        name: field.name().clone(),
        data_type: field.data_type().clone(),
    };
    layout_of(field.data_type()).ok_or_else(unsupported)?;
    let c_schema = FFI_ArrowSchema::try_from(field.data_type()).map_err(|_| unsupported())?;
    let children: &[_] = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            std::slice::from_ref(item)
        }
        DataType::Struct(fields) => fields,
        _ => &[],
    };
    flat.push(FlatField {
        name: field.name().clone(),
        format: c_schema.format().to_owned(),
        nullable: field.is_nullable(),
        children: u32::try_from(children.len()).map_err(|_| FieldError::TooLarge)?,
    });
    children
        .iter()
        .try_for_each(|child| flatten_field(child, flat))
}

/// Puts a schema together from its flattened fields.
///
/// # Errors
///
/// Any variant of [`FieldError`]: the list may come from a plugin, and all of it is checked.
pub fn unflatten(flat: &[FlatField]) -> Result<Schema, FieldError> {
    if flat.len() > MAX_FIELDS {
        return Err(FieldError::TooLarge);
    }
    let mut fields = Vec::new();
    // By what DuckDB takes for the same: it folds the letters of ASCII, and no others.
    let mut names = HashMap::new();
    let mut position = 0;
    while position < flat.len() {
        let field = unflatten_field(flat, &mut position, 1)?;
        let name = field.name().clone();
        match names.insert(name.to_ascii_lowercase(), name.clone()) {
            Some(other) if other == name => return Err(FieldError::DuplicateName { name }),
            Some(other) => return Err(FieldError::SameName { name, other }),
            None => {}
        }
        fields.push(field);
    }
    Ok(Schema::new(fields))
}

fn unflatten_field(
    flat: &[FlatField],
    position: &mut usize,
    depth: usize,
) -> Result<Field, FieldError> {
    let field = flat
        .get(*position)
        .ok_or(FieldError::MissingChildren { missing: 1 })?;
    if depth > MAX_DEPTH {
        return Err(FieldError::TooLarge);
    }
    if field.name.is_empty() || field.name.len() > MAX_NAME {
        return Err(FieldError::Name {
            position: *position,
            length: field.name.len(),
        });
    }
    if field.format.len() > MAX_FORMAT {
        return Err(FieldError::LongFormat {
            position: *position,
            length: field.format.len(),
        });
    }
    // Arrow makes C strings of both, which panics at a NUL.
    for (part, text) in [("name", &field.name), ("format", &field.format)] {
        if text.contains(char::is_control) {
            return Err(FieldError::Control {
                position: *position,
                part,
            });
        }
    }
    *position += 1;
    let remaining = flat.len() - *position;
    let wanted = field.children as usize;
    if wanted > remaining {
        return Err(FieldError::MissingChildren {
            missing: wanted - remaining,
        });
    }
    let format_error = |source| FieldError::Format {
        name: field.name.clone(),
        format: field.format.clone(),
        source,
    };
    let children = (0..wanted)
        .map(|_| {
            let child = unflatten_field(flat, position, depth + 1)?;
            FFI_ArrowSchema::try_from(&child).map_err(format_error)
        })
        .collect::<Result<Vec<_>, FieldError>>()?;
    check_children(field, wanted)?;
    let data_type = FFI_ArrowSchema::try_new(&field.format, children, None)
        .and_then(|schema| {
            schema.with_flags(if field.nullable {
                Flags::NULLABLE
            } else {
                Flags::empty()
            })
        })
        .and_then(|schema| DataType::try_from(&schema))
        .and_then(|data_type| check_decimal(&data_type).map(|()| data_type))
        .map_err(format_error)?;
    layout_of(&data_type).ok_or_else(|| FieldError::Unsupported {
        name: field.name.clone(),
        data_type: data_type.clone(),
    })?;
    Ok(Field::new(&field.name, data_type, field.nullable))
}

/// Arrow looks precisions up in tables without looking whether they are in them.
fn check_decimal(data_type: &DataType) -> Result<(), ArrowError> {
    match *data_type {
        DataType::Decimal32(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal32Type>(precision, scale)
        }
        DataType::Decimal64(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal64Type>(precision, scale)
        }
        DataType::Decimal128(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal128Type>(precision, scale)
        }
        DataType::Decimal256(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal256Type>(precision, scale)
        }
        _ => Ok(()),
    }
}

/// Arrow indexes children without looking whether they are there, so this looks first.
fn check_children(field: &FlatField, count: usize) -> Result<(), FieldError> {
    let fits = match field.format.as_bytes() {
        b"+l" | b"+L" | [b'+', b'w', ..] => count == 1,
        b"+s" => true,
        [b'+', ..] => false,
        _ => count == 0,
    };
    if fits {
        return Ok(());
    }
    Err(FieldError::Format {
        name: field.name.clone(),
        format: field.format.clone(),
        source: ArrowError::SchemaError(format!("{count} children do not fit")),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{Fields, TimeUnit};

    use super::*;

    fn every_type() -> Schema {
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        Schema::new(vec![
            Field::new("a", DataType::Int64, false),
            Field::new("b", DataType::Utf8, true),
            Field::new("c", DataType::Timestamp(TimeUnit::Microsecond, None), true),
            Field::new(
                "d",
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                true,
            ),
            Field::new("e", DataType::Decimal128(18, 2), true),
            Field::new("f", DataType::List(Arc::clone(&item)), true),
            Field::new(
                "g",
                DataType::Struct(Fields::from(vec![
                    Field::new("x", DataType::Boolean, false),
                    Field::new("y", DataType::FixedSizeList(item, 3), true),
                ])),
                false,
            ),
            Field::new("h", DataType::FixedSizeBinary(16), true),
            Field::new("i", DataType::Date32, true),
        ])
    }

    #[test]
    fn a_schema_comes_back_as_it_went() {
        let schema = every_type();
        let flat = flatten(&schema).unwrap();
        assert_eq!(unflatten(&flat).unwrap(), schema);
        assert_eq!(flat[0].format, "l");
        assert_eq!(flat[2].format, "tsu:");
    }

    #[test]
    fn dictionaries_do_not_cross() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let schema = Schema::new(vec![Field::new("a", dictionary, true)]);
        assert!(matches!(
            flatten(&schema),
            Err(FieldError::Unsupported { .. })
        ));
    }

    #[test]
    fn a_list_that_ends_early_is_refused() {
        let mut flat = flatten(&every_type()).unwrap();
        flat.truncate(6);
        assert!(matches!(
            unflatten(&flat),
            Err(FieldError::MissingChildren { missing: 1 })
        ));
    }

    #[test]
    fn a_format_with_the_wrong_children_is_refused() {
        for (format, children) in [
            ("l", 1),
            ("+l", 0),
            ("+l", 2),
            ("+w:2", 0),
            ("+m", 1),
            ("?", 0),
        ] {
            let leaf = FlatField {
                name: "x".into(),
                format: "l".into(),
                nullable: true,
                children: 0,
            };
            let mut flat = vec![FlatField {
                format: format.into(),
                children,
                ..leaf.clone()
            }];
            flat.extend((0..children).map(|_| leaf.clone()));
            assert!(
                matches!(unflatten(&flat), Err(FieldError::Format { .. })),
                "{format} with {children}"
            );
        }
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let flat = flatten(&Schema::new(vec![Field::new("a", DataType::Int8, true)])).unwrap();
        let twice = [flat.clone(), flat].concat();
        assert!(matches!(
            unflatten(&twice),
            Err(FieldError::DuplicateName { .. })
        ));
    }

    fn leaf(name: &str, format: &str) -> FlatField {
        FlatField {
            name: name.into(),
            format: format.into(),
            nullable: true,
            children: 0,
        }
    }

    #[test]
    fn control_characters_are_refused_in_names_and_formats_at_every_depth() {
        let list = FlatField {
            children: 1,
            ..leaf("list", "+l")
        };
        for control in ["\0", "\u{1b}", "\n", "\u{85}"] {
            let named = leaf(&format!("a{control}b"), "l");
            let formatted = leaf("a", &format!("tsu:{control}"));
            for (field, expected) in [(&named, "name"), (&formatted, "format")] {
                for (flat, place) in [
                    (vec![field.clone()], 0),
                    (vec![list.clone(), field.clone()], 1),
                ] {
                    assert!(
                        matches!(
                            unflatten(&flat),
                            Err(FieldError::Control { position, part })
                                if position == place && part == expected
                        ),
                        "{control:?} in the {expected} at {place}"
                    );
                }
            }
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_refused() {
        assert!(matches!(
            unflatten(&[leaf("id", "l"), leaf("a", "l"), leaf("ID", "u")]),
            Err(FieldError::SameName { name, other }) if name == "ID" && other == "id"
        ));
        // DuckDB takes these for two.
        unflatten(&[leaf("\u{e4}", "l"), leaf("\u{c4}", "l")]).unwrap();
    }

    #[test]
    fn the_length_of_names_and_formats_is_bounded() {
        let long = |length: usize| "x".repeat(length);
        unflatten(&[leaf(&long(256), "l")]).unwrap();
        assert!(matches!(
            unflatten(&[leaf(&long(257), "l")]),
            Err(FieldError::Name { length: 257, .. })
        ));
        assert!(matches!(
            unflatten(&[leaf("", "l")]),
            Err(FieldError::Name { length: 0, .. })
        ));
        let zone = |length: usize| format!("tsu:{}", long(length - 4));
        unflatten(&[leaf("a", &zone(256))]).unwrap();
        assert!(matches!(
            unflatten(&[leaf("a", &zone(257))]),
            Err(FieldError::LongFormat { length: 257, .. })
        ));
    }

    #[test]
    fn decimals_have_digits_that_their_width_holds() {
        for format in ["d:38,2", "d:1,0", "d:9,9,32", "d:18,-3,64", "d:76,0,256"] {
            unflatten(&[leaf("a", format)]).unwrap();
        }
        for format in [
            "d:0,0",
            "d:39,2",
            "d:200,0",
            "d:5,6",
            "d:10,0,32",
            "d:77,0,256",
        ] {
            assert!(
                matches!(
                    unflatten(&[leaf("a", format)]),
                    Err(FieldError::Format { .. })
                ),
                "{format}"
            );
        }
    }

    #[test]
    fn a_nesting_that_is_too_deep_is_refused() {
        let nested = |depth: usize| {
            let list = FlatField {
                children: 1,
                ..leaf("list", "+l")
            };
            let mut flat = vec![list; depth - 1];
            flat.push(leaf("item", "l"));
            unflatten(&flat)
        };
        nested(16).unwrap();
        assert!(matches!(nested(17), Err(FieldError::TooLarge)));
        assert!(matches!(
            unflatten(&vec![leaf("a", "l"); 4_097]),
            Err(FieldError::TooLarge)
        ));
    }
}
