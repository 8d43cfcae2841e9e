//! Where the component of a step comes from.

use std::{fmt, str::FromStr};

/// How a manifest names a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PluginReference {
    /// `builtin:NAME`: a plugin that comes with Wigeon.
    Builtin(String),

    /// `file:PATH`: a component on disk; a relative path starts at the manifest.
    File(String),
}

/// Why a text is not a plugin reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginReferenceError {
    /// There is neither `builtin:` nor `file:` in front.
    #[error("a plugin is named as `builtin:NAME` or `file:PATH`")]
    Scheme,

    /// What follows `builtin:` is not a name of lower-case words joined by `-`.
    #[error("the name of a built-in plugin is made of lower-case letters, digits and `-`")]
    Name,

    /// Nothing follows `file:`.
    #[error("`file:` is followed by the path of a component")]
    Path,
}

impl FromStr for PluginReference {
    type Err = PluginReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("builtin", name)) => {
                let first = name.starts_with(|c: char| c.is_ascii_lowercase());
                let rest = name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
                if first && rest && !name.ends_with('-') {
                    Ok(Self::Builtin(name.to_owned()))
                } else {
                    Err(PluginReferenceError::Name)
                }
            }
            Some(("file", path)) => {
                if path.trim().is_empty() || path.contains('\0') {
                    Err(PluginReferenceError::Path)
                } else {
                    Ok(Self::File(path.to_owned()))
                }
            }
            _ => Err(PluginReferenceError::Scheme),
        }
    }
}

impl fmt::Display for PluginReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_print_as_they_were_written() {
        for text in [
            "builtin:point-in-time",
            "file:../my plugin.wasm",
            "file:C:/x.wasm",
        ] {
            assert_eq!(text.parse::<PluginReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            ("scd2", PluginReferenceError::Scheme),
            ("oci:x", PluginReferenceError::Scheme),
            ("builtin:", PluginReferenceError::Name),
            ("builtin:Scd2", PluginReferenceError::Name),
            ("builtin:../x", PluginReferenceError::Name),
            ("file: ", PluginReferenceError::Path),
        ] {
            assert_eq!(text.parse::<PluginReference>(), Err(error), "{text}");
        }
    }
}
