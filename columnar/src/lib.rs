//! How Arrow arrays cross the boundary between the host and a plugin.
//!
//! Both sides use this crate: the host's runtime and the plugin SDK. It knows the layout that
//! `wit/columnar.wit` documents, and nothing of Wasm: what crosses is lists of [`Node`]s and
//! buffers, and schemas as lists of [`FlatField`]s.
//!
//! With the feature `rows` it also does what only the side that holds the rows can do: [`Kept`]
//! rows, [`Selection`]s of them, and putting a plugin's answer together with [`assemble`].

#[cfg(feature = "rows")]
mod budget;
#[cfg(feature = "rows")]
mod crossing;
mod decode;
mod encode;
mod field;
#[cfg(feature = "rows")]
mod kept;
mod layout;
#[cfg(feature = "rows")]
mod rows;

#[cfg(feature = "rows")]
pub use budget::Budget;
#[cfg(feature = "rows")]
pub use crossing::{crossing_batch, crossing_type};
pub use decode::{DecodeError, decode};
pub use encode::{EncodeError, Encoded, encode};
pub use field::{FieldError, FlatField, flatten, unflatten};
#[cfg(feature = "rows")]
pub use kept::Kept;
pub use layout::Node;
#[cfg(feature = "rows")]
pub use rows::{Answer, AssembleError, NO_ROW, Origin, Selection, assemble, differ};
