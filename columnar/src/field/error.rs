//! Why a schema does not cross.

use arrow_schema::{ArrowError, DataType};

use super::{MAX_DEPTH, MAX_FIELDS, MAX_FORMAT, MAX_NAME};

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
    /// A name or a format has a character in it that is no text: NUL, ESC, a line feed.
    #[error("field {position} has a control character in its {part}")]
    Control {
        /// The field's place in the flat list.
        position: usize,
        /// Its name or its format.
        part: &'static str,
    },
    /// A format string is too long.
    #[error("field {position} has a format of {length} bytes; at most {MAX_FORMAT} are allowed")]
    LongFormat {
        /// The field's place in the flat list.
        position: usize,
        /// The length of its format.
        length: usize,
    },
    /// Two top-level fields have names that no table can tell apart.
    #[error("two fields are named `{name}` and `{other}`, which a table does not tell apart")]
    SameName {
        /// The name of the second.
        name: String,
        /// The name of the first.
        other: String,
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
