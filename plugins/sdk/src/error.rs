//! Why a plugin cannot go on.

/// Why a plugin cannot go on: something that the plugin's user can mend.
///
/// An error ends the step, and nothing of it is stored. The texts are shown to people, quoted as
/// the plugin's words, and are never parsed: a lowercase fragment without a full stop reads best.
/// A bug in the plugin should panic instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The options cannot be used. Reported at the step's options in the manifest.
    Options(String),
    /// The input lacks a column or has one of the wrong type.
    Schema(String),
    /// A row cannot be worked with.
    Data(String),
    /// Anything else.
    Other(String),
}

impl Error {
    /// Returns an error about the options.
    pub fn options(text: impl Into<String>) -> Self {
        Self::Options(text.into())
    }

    /// Returns an error about the columns of the input or their types.
    pub fn schema(text: impl Into<String>) -> Self {
        Self::Schema(text.into())
    }

    /// Returns an error about a row.
    pub fn data(text: impl Into<String>) -> Self {
        Self::Data(text.into())
    }

    /// Returns any other error.
    pub fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Options(text) | Self::Schema(text) | Self::Data(text) | Self::Other(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for Error {}
