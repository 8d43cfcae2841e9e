//! Schemas as flat lists of fields.
//!
//! WIT has no recursive types, so a schema crosses as its fields in pre-order, each with the
//! number of its children, and each type as a format string of the Arrow C data interface
//! (<https://arrow.apache.org/docs/format/CDataInterface.html>).

use std::collections::HashSet;

use arrow_schema::{ArrowError, DataType, Field, Schema, ffi::FFI_ArrowSchema, ffi::Flags};

use crate::layout::layout_of;

/// The most fields, children included, that a schema may have.
const MAX_FIELDS: usize = 4_096;
/// How deep fields may nest; a column of a plain type has depth 1.
const MAX_DEPTH: usize = 16;
/// The longest name of a field, in bytes.
const MAX_NAME: usize = 256;

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

/// Why a schema cannot cross.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// The type has no place in the contract.
    #[error("field `{name}` has the type {data_type}, which does not cross the boundary")]
    Unsupported {
        /// The field.
        name: String,
        /// Its type.
        data_type: DataType,
    },
    /// The format string means no type, or the children do not fit it.
    #[error("field `{name}` has the format `{format}`, which is not a type")]
    Format {
        /// The field.
        name: String,
        /// The format string.
        format: String,
        /// What Arrow said of it.
        source: ArrowError,
    },
    /// A name is empty or too long.
    #[error("field {position} has a name of {length} bytes; from 1 to {MAX_NAME} are allowed")]
    Name {
        /// The field's place in the flat list.
        position: usize,
        /// The length of its name.
        length: usize,
    },
    /// Two top-level fields share a name.
    #[error("two fields are named `{name}`")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// The list of fields ends before all children were given.
    #[error("the list of fields ends where {missing} more should follow")]
    MissingChildren {
        /// How many are missing at least.
        missing: usize,
    },
    /// Too many fields, or too deep a nesting.
    #[error("a schema may have {MAX_FIELDS} fields, nested {MAX_DEPTH} deep")]
    TooLarge,
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
    let mut names = HashSet::new();
    let mut position = 0;
    while position < flat.len() {
        let field = unflatten_field(flat, &mut position, 1)?;
        if !names.insert(field.name().clone()) {
            return Err(FieldError::DuplicateName {
                name: field.name().clone(),
            });
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
        .map_err(format_error)?;
    layout_of(&data_type).ok_or_else(|| FieldError::Unsupported {
        name: field.name.clone(),
        data_type: data_type.clone(),
    })?;
    Ok(Field::new(&field.name, data_type, field.nullable))
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
}
